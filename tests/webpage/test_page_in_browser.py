"""The page in a headless Chromium: the beats and probabilities of ``ecg-nas classify``."""

import csv
import json
import shutil

import numpy as np
import pytest
from browser import browser, find
from bundles import SIGNAL, ectopic_signal, tiny_bundle
from hostile_models import altered, scaled
from page_runtime import real_runtime
from recordings import write_csv

from data_prep.beats.beat_spec import BeatSpec
from data_prep.io.formats import open_recording
from data_prep.io.record import write_annotations, write_record
from ecg_nas.bundle.manifest import load
from ecg_nas.inference import output_writers
from ecg_nas.inference.classifier import Classifier
from ecg_nas.inference.recording_beats import classify_recording
from ecg_nas.webpage import bundle_page

CAUSAL = BeatSpec(
    signal=SIGNAL, reference_beat=True, causal=True, neighbours=1, rhythm="all",
    baseline="high-pass", scale="r-peak",
)  # fmt: skip


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    if find() is None:
        pytest.skip("no Chromium: install one, or name it in ECG_NAS_TEST_CHROMIUM")
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def folder(bundle_folder, tmp_path_factory):
    """Two bundles with their pages, and a recording as WFDB and CSV with gaps and noise."""
    folder = tmp_path_factory.mktemp("page")
    with pytest.MonkeyPatch.context() as monkeypatch:
        runtime = real_runtime(monkeypatch)
    upside_down = -np.exp(-(((np.arange(25) - 12) / 3) ** 2))
    tiny_bundle(folder / "causal", spec=CAUSAL, usual_qrs=np.stack([upside_down] * 2))
    shutil.copytree(bundle_folder, folder / "usual")
    for name in ("causal", "usual"):
        text = bundle_page.render(load(folder / name), runtime)
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    rng = np.random.default_rng(7)
    signal, beats, symbols = ectopic_signal(rng, fs_hz=360.0, seconds=90)
    signal += 3 + 0.3 * np.sin(np.arange(len(signal)) / 500)[:, None]
    signal[5000:5060] = np.nan
    signal[9000:12000, 1] += rng.normal(0, 0.6, 3000)
    signal[20000:23000] = np.nan
    write_record(folder / "w", signal=signal, fs_hz=360.0, leads=("V1", "MLII"), fmt="212")
    write_annotations(folder / "w", "atr", samples=beats, symbols=symbols, fs_hz=360.0)
    write_csv(folder / "c.csv", signal, fs_hz=360.0, leads=("V1 (mV)", "MLII (mV)"))
    # No small fraction of the model's rate.
    write_csv(folder / "o.csv", signal, fs_hz=249.98, leads=("V1 (mV)", "MLII (mV)"))
    return folder


def drop(tab, *files):
    """Give files to the page, wait, and return its table; fail with what it says."""
    tab.evaluate("delete globalThis.ecgNas; document.getElementById('error').hidden = true")
    tab.give_files("#files", files)
    tab.until("globalThis.ecgNas || !document.getElementById('error').hidden")
    said = "document.getElementById('error').hidden || document.getElementById('error').textContent"
    assert tab.evaluate(said) is True
    return tab.evaluate("ecgNas.table")


@pytest.mark.parametrize("name", ["usual", "causal"])
@pytest.mark.parametrize(
    ("files", "beats"),
    [
        (("w.hea", "w.dat", "w.atr"), "atr"),
        (("w.dat", "w.hea"), "detected"),
        (("c.csv",), "detected"),
        (("o.csv",), "detected"),
    ],
)  # fmt: skip
def test_it_gives_the_beats_and_probabilities_of_classify(tab, folder, name, files, beats):
    tab.open((folder / f"{name}.html").as_uri())
    table = drop(tab, *(folder / file for file in files))
    bundle = load(folder / name)
    path = folder / (files[0] if files[0].endswith(".csv") else "w")
    recording = open_recording(path, leads=bundle.spec.signal.leads)
    expected = classify_recording(Classifier(bundle), recording, beats=beats)
    assert len(expected.samples) > 90
    lines = "".join(output_writers._csv_lines(expected)).splitlines()
    assert ("~" in "".join(lines)) == (beats == "detected")
    ours, theirs = (list(csv.reader(rows)) for rows in (table.splitlines(), lines))
    assert [row[:4] for row in ours] == [row[:4] for row in theirs]
    probabilities = [
        np.array([[float(p) for p in row[4:]] for row in rows[1:] if row[4]])
        for rows in (ours, theirs)
    ]
    np.testing.assert_allclose(*probabilities, atol=1e-4)
    assert tab.evaluate("ecgNas.result.segments.length") == len(expected.segments)
    warnings = tab.evaluate("ecgNas.result.warnings")
    assert warnings == [warning.text for warning in expected.warnings]
    assert bool(warnings) == (name == "causal")
    assert tab.errors == []


def test_it_asks_for_nothing_and_may_not(tab, folder):
    tab.open((folder / "usual.html").as_uri())
    drop(tab, folder / "c.csv")
    asked = [address for address in tab.requests if not address.startswith("file:")]
    assert asked == []
    for attempt in (
        "fetch('http://127.0.0.1:9/').then(() => 'sent', () => 'refused')",
        "new Promise((done) => { const image = new Image(); image.onerror = () => done('refused');"
        " image.onload = () => done('sent'); image.src = 'http://127.0.0.1:9/x.png'; })",
    ):
        broken = (
            "new Promise((done) => addEventListener('securitypolicyviolation', (event) =>"
            f" done(event.effectiveDirective), {{once: true}}) || {attempt})"
        )
        assert tab.evaluate(broken) in ("connect-src", "img-src")
    tab.errors.clear()


def test_names_are_shown_as_text(tab, folder):
    evil = "<img src=x onerror=alert(1)>"
    (folder / f"{evil}.csv").write_bytes((folder / "c.csv").read_bytes())
    tab.open((folder / "usual.html").as_uri())
    drop(tab, folder / f"{evil}.csv")
    assert tab.evaluate("document.getElementById('name').textContent") == evil
    assert tab.evaluate("document.images.length") == 0
    assert tab.evaluate("document.querySelectorAll('#strip svg').length") == 3
    assert "Research use only" in tab.evaluate("document.body.innerText")


@pytest.mark.parametrize(
    ("name", "content", "phrase"),
    [
        ("a.edf", b"0       ", "a recording must be a CSV file"),
        ("a.csv", b"1,2\n3,4\n", "must name the columns"),
        ("a.csv", b"time,MLII (mmHg)\n0,1\n0.01,2\n", "must say its unit"),
        ("a.csv", b"MLII (mV),V1 (mV)\n1,2\n3,4\n", "give its sampling rate"),
        ("a.csv", b"time,MLII (mV)\n0,1\n0.004,x\n0.008,2\n", "line 3"),
        ("a.hea", b"a 2 360 1000\na.dat 16 200 16 0 0 0 0 MLII\n", "a line for each"),
        ("a.hea", b"a 1 360 1000\na.dat 16 200 16 0 0 0 0 MLII\n", "a.dat: drop both"),
        ("a.hea", b"a/3 1 360 1000\n", "several parts"),
        ("a.hea", b"a 1 360 1000\na.dat 508 200 16 0 0 0 0 MLII\n", "signals of format"),
        ("a.hea", b"a 1 360 1000\na.dat 16:1000000000 200 16 0 0 0 0 MLII\n", "signals of format"),
        ("a.hea", b"a 1 360 -9\na.dat 16 200 16 0 0 0 0 MLII\n", "numbers below 0"),
        ("a.hea", b"a 1 360 9e99\na.dat 16 200 16 0 0 0 0 MLII\n", "a number of samples"),
        ("a.hea", b"a 1 360 " + b"7" * 5000 + b"\n", "at most 18 digits"),
        ("a.hea", b"a 9000 360\n" + b"a.dat 16\n" * 9000, "at most 1,024 leads"),
        ("a.hea", b"a 1 360\na.dat 16 9e99 16 0 0 0 0 MLII\n", "steps in gain"),
        ("a.hea", b"a 1 360\na.dat 16 " + b"1" * 9000 + b"x\n", "in a format or gain"),
        ("a.hea", b"a 1 360\na.dat 16 200 16 0 0 0 0 " + b"M" * 9000, "in a lead's name"),
        ("a.hea", b"a 1 360\na.dat 16 200 16 0 0 0 0 " + b"M" * 99000, "in a line"),
        ("a.hea", b"a 1 360\n" + b"# nothing\n" * 500_000, "4,194,304 bytes"),
        ("a.csv", b"time" + b",a" * 9000 + b"\n0,1\n0.01,2\n", "at most 1,024 columns"),
        ("a.csv", b"t,M" + b" " * 30_000 + b"((mV)\n0,1\n0.01,2\n", "in a column's name"),
        ("a.csv", b"time,MLII (mV)\n0,1\n0.01,2\n" + b"3" * 10**8, "characters in a line"),
        ("a.csv", b"time,MLII (mV)\n0,1\n9e99,2\n0.02,3\n", "evenly spaced"),
    ],
)
def test_what_it_cannot_use_is_said_in_one_line(tab, folder, tmp_path, name, content, phrase):
    tab.open((folder / "usual.html").as_uri())
    (tmp_path / name).write_bytes(content)
    tab.give_files("#files", [tmp_path / name])
    tab.until("!document.getElementById('error').hidden")
    said = tab.evaluate("document.getElementById('error').textContent")
    assert phrase in said
    assert "went wrong" not in said


def _word(code, value=0):
    return ((code << 10) | value).to_bytes(2, "little")


@pytest.mark.parametrize(
    ("name", "content", "phrase"),
    [
        ("w.atr", _word(22) * 1_000_000 + b"\0\0", "at most 1,000 annotations at one time"),
        ("w.atr", _word(1, 1) * 1_100_000 + b"\0\0", "at most 1,000,000 annotations"),
        ("w.atr", bytes(60_000_000), "at most 50,000,000 bytes"),
        ("w.atr", _word(1, 9) + _word(63, 1023) + b"abc", "must end with an end mark"),
        ("b.csv", b"sample,class\n" + b"9,N\n" * 900_000, "annotations at one time"),
        ("b.csv", b"sample,class\n" + b"9" * 99_000 + b",N\n", "characters in a line"),
        ("b.csv", b"sample,class\n9e99,N\n", "must lie within"),
        ("b.csv", b"sample,class\n-1,N\n", "must be numbers"),
    ],
    ids=range(8),
)
def test_beats_that_it_cannot_use_are_said_in_one_line(
    tab, folder, tmp_path, name, content, phrase
):
    tab.open((folder / "usual.html").as_uri())
    (tmp_path / name).write_bytes(content)
    tab.give_files("#files", [folder / "w.hea", folder / "w.dat", tmp_path / name])
    tab.until("!document.getElementById('error').hidden")
    said = tab.evaluate("document.getElementById('error').textContent")
    assert phrase in said
    assert "went wrong" not in said


def test_a_hundred_thousand_beats_in_seconds_are_counted_and_some_drawn(tab, folder, tmp_path):
    signal = ectopic_signal(np.random.default_rng(3), fs_hz=20_000.0, seconds=20)[0]
    write_record(tmp_path / "d", signal=signal, fs_hz=20_000.0, leads=("MLII", "V1"), fmt="16")
    rows = "\n".join(f"{4 * k},N" for k in range(100_000))
    (tmp_path / "beats.csv").write_text(f"sample,class\n{rows}\n")
    tab.open((folder / "usual.html").as_uri())
    table = drop(tab, tmp_path / "d.hea", tmp_path / "d.dat", tmp_path / "beats.csv")
    assert table.count("\n") == 100_001
    assert tab.evaluate("document.querySelectorAll('#strip .beat').length") <= 600
    assert "more beats in these ten seconds" in tab.evaluate(
        "document.getElementById('strip').textContent"
    )
    assert tab.errors == []


def as_others_write_it(text):
    """The same table with decimal commas, quotes, other columns, and words for what is missing."""
    head, *rows = text.splitlines()
    time, *leads = head.split(",")
    lines = ["\t".join([f'"{time}"', "marker", *leads, "pulse (%)"])]
    for number, row in enumerate(rows):
        cells = [cell.replace(".", ",") or ("NA", "-")[number % 2] for cell in row.split(",")]
        cells[1] = f'"{cells[1]}"'
        lines.append("\t".join([cells[0], "a;b" if number else "", *cells[1:], "98"]))
    return "\r\n".join(lines) + "\r\n"


def test_tables_and_records_as_others_write_them(tab, folder, tmp_path):
    tab.open((folder / "usual.html").as_uri())
    text = (folder / "c.csv").read_text()
    plain = drop(tab, folder / "c.csv")
    (tmp_path / "c.tsv").write_text(as_others_write_it(text))
    assert drop(tab, tmp_path / "c.tsv") == plain
    signal = open_recording(folder / "c.csv").read(0, 90 * 360)
    write_csv(tmp_path / "micro.csv", signal * 1000, fs_hz=360.0, leads=("V1 (µV)", "MLII (µV)"))
    file = tmp_path / "micro.csv"
    file.write_bytes(file.read_text("utf-8").encode("latin-1"))
    rounded = [row[:4] for row in csv.reader(drop(tab, file).splitlines())]
    assert rounded == [row[:4] for row in csv.reader(plain.splitlines())]
    alone = drop(tab, folder / "w.hea", folder / "w.dat")
    shutil.copy(folder / "w.dat", tmp_path)
    lines = (folder / "w.hea").read_text().splitlines()
    lines[0] = lines[0].replace("w 2 ", "w 3 ")
    lines.insert(1, "gone.dat 16 1/Ohm 16 0 0 0 0 RESP")
    (tmp_path / "w.hea").write_text("\n".join(lines) + "\n")
    assert drop(tab, tmp_path / "w.hea", tmp_path / "w.dat") == alone
    assert tab.errors == []


def test_a_table_may_be_longer_than_what_is_read_at_once(tab, folder, tmp_path):
    signal = ectopic_signal(np.random.default_rng(2), fs_hz=10_000.0, seconds=28)[0]
    file = write_csv(tmp_path / "x.csv", signal, fs_hz=1e4, leads=("MLII (mV)", "V1 (mV)"))
    tab.open((folder / "usual.html").as_uri())
    short = drop(tab, file)
    assert short.count("\n") > 20
    # Spaces, and blank lines at the end.
    text = file.read_text().replace("\n", " " * 40 + "\r\n") + "\r\n \r\n"
    file.write_text(text)
    assert len(text) > 2**24 > len(text) / 2
    assert drop(tab, file) == short


def test_a_rate_that_the_times_deny_is_refused_and_the_file_can_be_chosen_again(tab, folder):
    tab.open((folder / "usual.html").as_uri())
    tab.evaluate("document.getElementById('rate').value = '250'")
    tab.give_files("#files", [folder / "c.csv"])
    tab.until("!document.getElementById('error').hidden")
    said = tab.evaluate("document.getElementById('error').textContent")
    assert "tell 360 samples a second, not the 250" in said
    # A browser says nothing of files that are those chosen already.
    assert tab.evaluate("document.getElementById('files').value") == ""
    tab.evaluate("document.getElementById('rate').value = '360'")
    drop(tab, folder / "c.csv")


def test_leads_and_beats_can_be_chosen(tab, folder, tmp_path):
    signal = np.loadtxt(folder / "c.csv", delimiter=",", skiprows=1, max_rows=4000)[:, 1:]
    beats = tmp_path / "beats.csv"
    beats.write_text("time_s,class\n1.5,N\n2.25,~\n2.5,V\n", encoding="utf-8")
    file = write_csv(tmp_path / "x.csv", signal, fs_hz=360.0, leads=("A (mV)", "B (mV)"))
    tab.open((folder / "usual.html").as_uri())
    drop(tab, file, beats)
    assert tab.evaluate("ecgNas.result.beats.map((beat) => beat.sample)") == [540, 900]
    first = tab.evaluate("ecgNas.table")
    swap = """for (const [k, select] of document.querySelectorAll('#leads select').entries())
        select.value = String(1 - k);
        delete globalThis.ecgNas; document.getElementById('classify').click()"""
    tab.evaluate(swap)
    tab.until("globalThis.ecgNas")
    assert tab.evaluate("ecgNas.table") != first
    assert json.loads(tab.evaluate("JSON.stringify(ecgNas.result.lost)")) == []


@pytest.mark.parametrize("change", [scaled(np.nan), scaled(0.5)], ids=["nan", "half"])
def test_a_model_that_gives_no_probabilities_is_refused_in_the_page(
    tab, folder, tmp_path, bundle_folder, monkeypatch, change
):
    page = tmp_path / "page.html"
    bundle = load(altered(bundle_folder, tmp_path, *change))
    page.write_text(bundle_page.render(bundle, real_runtime(monkeypatch)), encoding="utf-8")
    tab.open(page.as_uri())
    tab.give_files("#files", [folder / "c.csv"])
    tab.until("globalThis.ecgNas || !document.getElementById('error').hidden")
    said = tab.evaluate("document.getElementById('error').textContent")
    assert "must give probabilities" in said
    assert tab.evaluate("globalThis.ecgNas === undefined")
