"""What every format of recordings must do; a new file in the folder is tested without being named.

Its examples are written by a function of ``tests/recordings.py`` that is called after it.
"""

import subprocess
import sys
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from recordings import example_of

from data_prep.errors import DataError
from data_prep.io import formats
from data_prep.io.record import write_annotations

FS_HZ = 200.0
LEADS = ("II", "V1", "V5")


@pytest.fixture(params=formats.available())
def form(request):
    return formats.load(request.param)


@pytest.fixture
def signal():
    """60 s of three leads in whole uV, without values in the tenth to fourteenth second."""
    rng = np.random.default_rng(0)
    made = np.round(np.cumsum(rng.normal(0, 0.01, (12_000, 3)), axis=0), 3)
    made[2000:2800] = np.nan
    return made


@pytest.fixture
def given_path(form, signal, tmp_path):
    """What one gives to open an example of the format."""
    folder = tmp_path / "data"
    folder.mkdir()
    return example_of(form.name, folder, signal, fs_hz=FS_HZ, leads=LEADS)


def refused(call):
    with pytest.raises(DataError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_it_knows_its_own_among_all(form, given_path, tmp_path):
    assert form.description
    assert form.endings
    assert formats.load(form.name) is form
    assert form.recognizes(given_path)
    assert formats.format_of(given_path) is form
    assert form.find(tmp_path) == formats.find(tmp_path) == [given_path]
    assert form.stem(given_path) == tmp_path / "data" / "r"
    assert {file.parent for file in formats.open_file(given_path).files} == {tmp_path / "data"}
    assert all(file.is_file() for file in formats.open_file(given_path).files)
    others = [formats.load(name) for name in formats.available() if name != form.name]
    assert not any(other.recognizes(given_path) or other.find(tmp_path) for other in others)


def test_what_it_reads_is_what_was_recorded(form, given_path, signal):
    recording = formats.open_recording(given_path)
    assert (recording.name, recording.leads) == ("r", LEADS)
    assert (recording.fs_hz, recording.n_samples, recording.duration_s) == (FS_HZ, 12_000, 60)
    assert recording.signals == tuple(sorted(recording.signals))
    found = recording.read(0, recording.n_samples)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, signal, atol=1e-5)  # no value where there was none


def test_pieces_equal_the_whole(form, given_path):
    recording = formats.open_recording(given_path, leads=("V5", "II"))
    whole = recording.read(0, recording.n_samples)
    for start, stop in ((0, 1), (1990, 2001), (2100, 2110), (2799, 8200), (11_999, 12_000), (5, 5)):
        np.testing.assert_array_equal(recording.read(start, stop), whole[start:stop])


def test_leads_are_chosen_by_name_or_place(form, given_path, signal):
    by_name = formats.open_recording(given_path, leads=("MLII/v5", "#0"))
    assert by_name.leads == ("V5", "II")
    np.testing.assert_allclose(by_name.read(3000, 3100), signal[3000:3100][:, [2, 0]], atol=1e-5)
    everything = formats.open_recording(given_path)
    assert by_name.signals == (everything.signals[2], everything.signals[0])
    assert everything.choose(("#1",)).choose(None).leads == ("V1",)
    assert "aVF" in refused(lambda: formats.open_recording(given_path, leads=("aVF",)))
    assert "V1" in refused(lambda: formats.open_recording(given_path, leads=("V1", "V1")))


def test_choosing_leads_reads_nothing_again(form, given_path, signal, monkeypatch):
    opened = formats.open_file(given_path)
    for file in formats.open_file(given_path).files:
        file.rename(file.with_name(f"{file.name}.gone"))
    chosen = opened.choose(("V1",))
    assert (chosen.leads, chosen.fs_hz, chosen.n_samples) == (("V1",), FS_HZ, 12_000)
    assert opened.leads == LEADS
    for file in given_path.parent.iterdir():
        file.rename(file.with_suffix(""))
    np.testing.assert_allclose(chosen.read(0, 2000)[:, 0], signal[:2000, 1], atol=1e-5)


def test_beats_lie_beside_it(form, given_path):
    stem = form.stem(given_path)
    write_annotations(stem, "atr", samples=[9, 300, 4000], symbols=["+", "N", "V"], fs_hz=FS_HZ)
    stem.with_name("r.own.csv").write_text("symbol,time\nN,1.5\nV,20.0\n")
    recording = formats.open_recording(given_path)
    assert recording.beats("atr").tolist() == recording.beats("own").tolist() == [300, 4000]
    assert recording.annotations("own").symbols.tolist() == ["N", "V"]
    record = formats.read_record(given_path, leads=("V1",), annotator="own", patient="someone")
    assert (record.patient, record.beats.tolist()) == ("someone", [300, 4000])
    np.testing.assert_array_equal(record.signal, recording.read(0, 12_000)[:, [1]])
    assert "r.none" in refused(lambda: recording.beats("none"))
    write_annotations(stem, "late", samples=[12_000], symbols=["N"], fs_hz=FS_HZ)
    assert "12000" in refused(lambda: recording.beats("late"))


def test_a_rate_and_a_length_that_no_recorder_has_are_refused(form, signal, tmp_path):
    slow = example_of(form.name, tmp_path, signal[:1920], fs_hz=40.0, leads=LEADS, name="slow")
    assert "from 50 to 20000 samples a second; it has 40" in refused(
        lambda: formats.open_recording(slow)
    )


def test_what_it_does_not_take_is_refused(form, given_path):
    if not form.takes_rate:
        assert "--fs" in refused(lambda: formats.open_recording(given_path, fs_hz=200))
    if not form.takes_units:
        assert "--units" in refused(lambda: formats.open_recording(given_path, units="mV"))
    else:
        scaled = formats.open_recording(given_path, units="V").read(0, 100)
        own = formats.open_recording(given_path).read(0, 100)
        assert np.abs(own).max() > 0
        ratio = scaled[own != 0] / own[own != 0]
        np.testing.assert_allclose(ratio, np.rint(ratio[0]), rtol=1e-5)  # V for uV or mV
        assert np.rint(ratio[0]) in (1e3, 1e6)


def test_damage_is_one_line(form, given_path):
    files = formats.open_file(given_path).files
    first, content = files[0], files[0].read_bytes()
    for damaged in (b"", b"\0" * len(content), content[:20]):
        first.write_bytes(damaged)
        refused(lambda: formats.open_recording(given_path).read(0, 12_000))
    for file in files:
        file.unlink()
    refused(lambda: formats.open_recording(given_path))
    assert form.find(given_path.parent) == []


@given(content=st.binary(max_size=600), place=st.integers(0, 400))
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_no_content_raises_anything_else(form, given_path, content, place):
    first = formats.open_file(given_path).files[0]
    before = first.read_bytes()
    first.write_bytes(before[:place] + content + before[place + len(content) :])
    try:
        form.recognizes(given_path)
        with suppress(DataError):
            recording = formats.open_recording(given_path)
            recording.read(0, min(recording.n_samples, 3000))
    finally:
        first.write_bytes(before)


def test_the_folder_is_the_registry():
    assert {"csv", "edf", "wfdb"} <= set(formats.available())
    assert "base" not in formats.available()
    message = refused(lambda: formats.load("none"))
    assert all(name in message for name in formats.available())


def test_listing_imports_no_format_and_recordings_need_no_locks_of_unix():
    code = """
import sys
sys.modules["fcntl"] = None  # as on Windows
from data_prep.io import formats
formats.available()
loaded = [name for name in sys.modules if name.startswith("data_prep.io.formats.")]
assert loaded == ["data_prep.io.formats.base"], loaded
assert "numpy" not in sys.modules
import importlib, pkgutil, data_prep
for module in pkgutil.walk_packages(data_prep.__path__, "data_prep."):
    importlib.import_module(module.name)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_a_module_without_a_format_is_refused(monkeypatch):
    module = sys.modules["data_prep.io.formats.csv"]
    monkeypatch.setattr(module, "FORMAT", object())
    with pytest.raises(DataError, match=r"csv\.py must end with FORMAT"):
        formats.load("csv")


def test_the_same_recording_in_two_files_is_refused(tmp_path, signal):
    for name in ("csv", "edf"):
        example_of(name, tmp_path, signal, fs_hz=FS_HZ, leads=LEADS)
    assert "csv and edf" in refused(lambda: formats.find(tmp_path))


def test_tables_beside_recordings_are_no_recordings(tmp_path, signal):
    example_of("csv", tmp_path, signal, fs_hz=FS_HZ, leads=LEADS)
    tables = {
        "r.beats.csv": "time,symbol\n0.5,N\n1.5,N\n",
        "patients.csv": "record,patient\nr,1\n",
        "results.csv": "seed,score\n0,0.5\n1,0.6\n",
        "r.ecgnas.csv": "sample,time_s,until_s,class\n100,0.5,,N\n",
        "README.txt": "Recordings of 2020.\nTwo leads, in mV.\nAsk us.\n",
    }
    for name, text in tables.items():
        (tmp_path / name).write_text(text)
    assert formats.find(tmp_path) == [tmp_path / "r.csv"]


def test_what_was_annotated_is_meant_as_a_recording(tmp_path, signal):
    example_of("csv", tmp_path, signal, fs_hz=FS_HZ, leads=LEADS)
    example_of("wfdb", tmp_path, signal, fs_hz=FS_HZ, leads=LEADS, name="w")
    for name in ("bare", "w"):
        (tmp_path / f"{name}.csv").write_text("MLII,V5\n1,2\n3,4\n")
        (tmp_path / f"{name}.beats.csv").write_text("time,symbol\n0.5,N\n")
    known = [tmp_path / "r.csv", tmp_path / "w"]
    assert formats.find(tmp_path) == known
    assert formats.find(tmp_path, annotators=("beats",)) == [tmp_path / "bare.csv", *known]
    assert formats.find(tmp_path, annotators=("atr",)) == known


def test_a_file_with_another_ending_is_known_by_its_content(tmp_path, signal):
    file = example_of("edf", tmp_path, signal, fs_hz=FS_HZ, leads=LEADS)
    renamed = file.rename(tmp_path / "r.rec")
    assert formats.format_of(renamed).name == "edf"
    assert formats.open_recording(renamed).leads == LEADS
