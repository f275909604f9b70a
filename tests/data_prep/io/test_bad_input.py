"""Every kind of bad input to the data room: one clear line, and nothing is left behind."""

import os

import numpy as np
import pytest
from data_requests import asked
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_prep.dsp.signal_spec import SignalSpec
from data_prep.errors import DataError
from data_prep.io.formats import read_record
from data_prep.io.record import write_annotations
from data_prep.store.prepare import prepare


def _edit(old, new):
    """Change the header of one recording."""

    def damage(folder):
        file = folder / "p3.hea"
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new, 1))

    return damage


def _write(name, content):
    def damage(folder):
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    return damage


def _setting(option, name, text):
    """Give a file of this text as an option."""

    def damage(folder):
        (folder / name).write_text(text)
        file = folder / name
        return {option: str(file) if option == "split" else file}

    return damage


def _annotate(samples, symbols="N"):
    def damage(folder):
        write_annotations(
            folder / "p3", "atr", samples=samples, symbols=symbols * len(samples), fs_hz=250
        )

    return damage


def _cut(name, n_bytes):
    def damage(folder):
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[: len(data) - n_bytes])

    return damage


def _keep(*symbols):
    """Leave only beats of these symbols in all recordings."""

    def damage(folder):
        for file in folder.glob("*.hea"):
            path = file.with_suffix("")
            record = read_record(path)
            kept = np.isin(record.symbols, symbols)
            write_annotations(
                path, "atr", samples=record.beats[kept], symbols=record.symbols[kept], fs_hz=250
            )

    return damage


def _keep_in_split(folder):
    _keep("N", "A")(folder)
    return _setting("split", "s.toml", 'train = ["p0", "p1"]\ntest = ["p2", "p3"]')(folder)


def _garbage_annotation(folder):
    # An end mark, but what is before it steps far outside of the recording.
    (folder / "p3.atr").write_bytes(b"\x00\xec\xff\x7f\xff\xff\x01\x04" * 3 + b"\0\0")


def _no_beats(folder):
    for file in folder.glob("*.hea"):
        write_annotations(file.with_suffix(""), "atr", samples=[9], symbols="~", fs_hz=250)


def _one_lead(folder):
    for file in folder.glob("*.hea"):
        lines = file.read_text().splitlines()
        lines[0] = lines[0].replace(f"{file.stem} 2", f"{file.stem} 1")
        file.write_text("\n".join(lines[:2]) + "\n")


def _one_patient(folder):
    rows = "".join(f"p{i},someone\n" for i in range(6))
    return _setting("patients", "t.csv", f"record,patient\n{rows}")(folder)


def _leads(*leads):
    return lambda folder: {"signal": SignalSpec(leads=leads)}


BAD = {
    # The header.
    "no header": (lambda f: _as_missing_record(f), "must have a header r.hea; there is none"),
    "empty header": (_write("p3.hea", ""), "p3.hea must be readable text"),
    "binary header": (_write("p3.hea", b"\xff\xfe\0\x01"), "p3.hea must be readable text"),
    "a header of prose": (_write("p3.hea", "dear colleagues,\n"), "must give a number of leads"),
    "a header of one word": (_write("p3.hea", "p3\n"), "begin with a name and a number"),
    "text for the rate": (_edit(" 250 ", " fast "), "must give a sampling rate; got 'fast'"),
    "rate 0": (_edit(" 250 ", " 0 "), "sampling rate above 0; got 0"),
    "a rate below 0": (_edit(" 250 ", " -250 "), "sampling rate above 0; got -250"),
    "an endless rate": (_edit(" 250 ", " 1e999 "), "sampling rate above 0"),
    "a rate no recorder has": (_edit(" 250 ", " 4 "), "from 50 to 20000 samples a second"),
    "a rate with an exponent": (_edit(" 250 ", " 2.5e2 "), "in plain digits; got 2.5e2"),
    "a length of 0": (lambda f: _edit(f" 250 {_length(f)}", " 250 0")(f), "it gives 0, and the"),
    "text for the length": (_edit(" 250 ", " 250 long "), "a number of samples; got 'long'"),
    "a length below 0": (_edit(" 250 ", " 250 -"), "must not give numbers below 0"),
    "more samples than the file has": (_edit(" 250 ", " 250 9"), "it is truncated"),
    "no leads": (_edit("p3 2 ", "p3 0 "), "at least one lead; it holds none"),
    "a lead without a line": (_edit("p3 2 ", "p3 3 "), "a line for each of its 3 leads"),
    "text for a gain": (_edit("200.0(0)/mV", "high"), "a gain for each lead; got 'high'"),
    "a gain that would be misread": (
        _edit("200.0(0)/mV", "1E3(5)/mV"),
        "says 1000 and 5, which would be read as 1 and 0",
    ),
    "a signal file of two dots": (_edit("p3.dat", "p3.x.dat"), "and one dot; got 'p3.x.dat'"),
    "text for a format": (_edit(".dat 16 ", ".dat sixteen "), "a format for each lead"),
    "an unknown format": (_edit(".dat 16 ", ".dat 77 "), "signals of record .*p3 must be read"),
    "no samples a frame": (_edit(".dat 16 ", ".dat 16x0 "), "one sample a frame or more"),
    "text for a checksum": (_edit(" 16 0 ", " 16 zero "), "numbers for each lead; got 'zero'"),
    "a unit that is none": (_edit("/mV", "/mmHg"), "in V, mV or uV; it is in 'mmHg'"),
    "a gain that makes the signal endless": (_edit("200.0(0)", "1e-300(0)"), "at most .* steps"),
    "a record in missing parts": (_write("p3.hea", "p3/1 2 250 9\nx 9\n"), "a header x.hea"),
    # The signal.
    "no signal file": (lambda f: (f / "p3.dat").unlink(), "must have its signal file p3.dat"),
    "a truncated signal": (_cut("p3.dat", 1000), r"p3.dat must have \d+ bytes .* truncated"),
    "an empty signal": (_write("p3.dat", b""), "it is truncated"),
    "a record of no length": (lambda f: _no_length(f), "at least one lead; it holds none"),
    "a compressed file that is none": (_edit(".dat 16 ", ".dat 516 "), "must be readable"),
    # The annotations.
    "no annotations": (lambda f: (f / "p3.atr").unlink(), "annotation file p3.atr; there is none"),
    "empty annotations": (_write("p3.atr", b""), "p3.atr must end with an end mark"),
    "truncated annotations": (_cut("p3.atr", 3), "p3.atr must end with an end mark"),
    "annotations of text": (_write("p3.atr", "1.2 N\n1.9 V\n"), "end mark"),
    "garbage for annotations": (_garbage_annotation, "p3"),
    "annotations of the future": (_annotate([100, 10**9]), "within its .* one is at 1000000000"),
    "a beat just beyond the end": (lambda f: _annotate([_length(f)])(f), "must lie within its"),
    "an annotator that no one has": (lambda f: {"annotators": ("ecg",)}, "file p0.ecg; there is"),
    "no annotator": (lambda f: {"annotators": ()}, "must be extensions .* got none"),
    "an annotator that is a path": (lambda f: {"annotators": ("../atr",)}, r"got '\.\./atr'"),
    "no beats at all": (_no_beats, "at least one record must be usable"),
    "no beats of S": (_keep("N", "V"), "class S"),
    "no beats of V to train on": (_keep_in_split, "beats of class V"),
    # Leads.
    "an unknown lead": (_leads("aVR", "V1"), "must have a lead aVR .* it has II, V1"),
    "the same lead twice": (_leads("II", "II"), "a lead II .beside those already taken."),
    "records of one lead": (_one_lead, "must have a lead V1/V5/V2/V4/#1/#0 .* it has II"),
    # Labels.
    "labels missing": (lambda f: {"labels": f / "none.toml"}, "readable TOML"),
    "labels that are no TOML": (_setting("labels", "l.toml", "N -> N"), "readable TOML"),
    "empty labels": (_setting("labels", "l.toml", ""), "it has none"),
    "labels without N": (_setting("labels", "l.toml", '"V" = "V"'), "at least one symbol to N"),
    "labels of an unknown class": (_setting("labels", "l.toml", '"N" = "X"'), "got 'N' = 'X'"),
    "labels of two characters": (_setting("labels", "l.toml", '"NN" = "N"'), "one-character"),
    "labels that leave beats out": (
        _setting("labels", "l.toml", '"N" = "N"\n"A" = "S"'),
        "at most 1% of the beats .*'V' 3",
    ),
    # Patients.
    "a patient table with a record twice": (
        _setting("patients", "t.csv", "record,patient\np0,a\np0,b\n"),
        "twice: p0",
    ),
    "a patient table that lacks records": (
        _setting("patients", "t.csv", "record,patient\np0,a\n"),
        "it lacks p1, p2",
    ),
    "a patient table of other columns": (
        _setting("patients", "t.csv", "name,who\np0,a\n"),
        "columns record,patient",
    ),
    "a patient table cut off": (
        _setting("patients", "t.csv", "record,patient\np0\n"),
        "columns record,patient",
    ),
    "an empty patient table": (_setting("patients", "t.csv", ""), "a name is missing"),
    "a patient table that is no TOML": (_setting("patients", "t.toml", '"p0" = '), "or TOML"),
    "a patient without name": (_setting("patients", "t.toml", '"p0" = ""'), "a name is missing"),
    "a list for a patient": (_setting("patients", "t.toml", '"p0" = ["a"]'), "or TOML: a patient"),
    "one patient only": (_one_patient, "number of training patients, 1"),
    # The split.
    "an unknown split": (lambda f: {"split": "random"}, "split of source wfdb must be one of"),
    "a split that is no TOML": (_setting("split", "s.toml", "train: p0"), "readable TOML"),
    "a split without test": (_setting("split", "s.toml", 'train = ["p0"]'), "test is missing"),
    "a split of no one": (
        _setting("split", "s.toml", 'train = []\ntest = ["p1"]'),
        "train is not such a list",
    ),
    "a split of strangers": (
        _setting("split", "s.toml", 'train = ["p0", "p9"]\ntest = ["p1"]'),
        "there is no p9",
    ),
    "a patient on both sides": (
        _setting("split", "s.toml", 'train = ["p0", "p1"]\ntest = ["p1", "p2"]'),
        "on both are p1",
    ),
    # The source.
    "an unknown source": (lambda f: {"source": "mitdc"}, "source must be one of mitdb"),
    "no folder named": (lambda f: {"records": None}, "--records DIR"),
    "a folder that is not there": (lambda f: {"records": f / "no"}, "is not a folder"),
    "a file for a folder": (lambda f: {"records": f / "p0.hea"}, "is not a folder"),
    "a folder without records": (lambda f: _empty(f), "must hold records"),
    "mitdb that is not": (lambda f: {"source": "mitdb"}, "48 are missing: 100, 101"),
}


def _as_missing_record(folder):
    # A part that is named, but not there: a folder is searched for headers only.
    (folder / "p3.hea").write_text("p3/1 2 250 9\nr 9\n")


def _no_length(folder):
    _edit(f" 250 {_length(folder)}", " 250 0")(folder)
    (folder / "p3.dat").write_bytes(b"")


def _length(folder):
    return int((folder / "p3.hea").read_text().split()[3])


def _empty(folder):
    (folder / "none").mkdir()
    return {"records": folder / "none"}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_in_one_line_and_leaves_nothing(small_folder, tmp_path, case):
    damage, message = BAD[case]
    changes = damage(small_folder)
    given_settings = {"source": "wfdb", "records": small_folder}
    given_settings |= changes if isinstance(changes, dict) else {}
    with pytest.raises(DataError, match=message) as caught:
        prepare(asked(**given_settings), tmp_path / "store")
    assert "\n" not in str(caught.value)
    assert {path.name for path in tmp_path.iterdir()} == {"recordings"}


def test_there_are_many_kinds():
    assert len(BAD) >= 60


@pytest.fixture(scope="module")
def recordings(tmp_path_factory, write_patient):
    folder = tmp_path_factory.mktemp("one")
    write_patient(folder, "p1", n_beats=20)
    return folder


@pytest.mark.parametrize("extension", ["hea", "dat", "atr"])
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_whatever_bytes_a_record_has_it_is_read_or_refused_in_one_line(
    recordings, tmp_path, extension, data
):
    for name in ("p1.hea", "p1.dat", "p1.atr"):
        content = bytearray((recordings / name).read_bytes())
        if name.endswith(extension):
            for _ in range(data.draw(st.integers(1, 4))):
                at = data.draw(st.integers(0, len(content) - 1))
                content[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        (tmp_path / name).write_bytes(content)
    error = None
    try:
        record = read_record(tmp_path / "p1")
    except DataError as refusal:
        error = str(refusal)
    if error is None:
        assert len(record.beats) == len(record.symbols)
        assert not len(record.beats) or record.beats.max() < len(record.signal)
    else:
        assert "\n" not in error


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_header_that_may_not_be_read_is_refused(small_folder, tmp_path):
    (small_folder / "p3.hea").chmod(0)
    with pytest.raises(DataError, match="must be readable"):
        prepare(asked("wfdb", small_folder), tmp_path / "store")
