import struct

import numpy as np
import pytest
import wfdb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_prep.errors import DataError
from data_prep.io.formats import read_record
from data_prep.io.leads import choose_leads
from data_prep.io.record import (
    read_annotations,
    read_header,
    write_annotations,
    write_record,
)


@pytest.mark.parametrize(
    ("available", "wanted", "columns"),
    [
        (["MLII", "V5"], ["MLII", "V1/V5"], [0, 1]),
        (["V5", "MLII"], ["MLII", "V1/V5"], [1, 0]),
        (["ii ", "v1"], ["MLII/II/#0", "V1"], [0, 1]),
        (["a", "MLII"], ["MLII/#0", "V1/#1/#0"], [1, 0]),
        (["x", "x"], ["x", "x"], [0, 1]),
    ],
)
def test_leads_are_chosen_by_name_then_position(available, wanted, columns):
    assert choose_leads(available, wanted, where="r") == columns


@pytest.mark.parametrize("wanted", [["V9"], ["II", "II"], ["#2"], ["II", "#0"]])
def test_a_lead_that_is_not_there_or_taken_is_refused(wanted):
    with pytest.raises(DataError, match="record r must have a lead"):
        choose_leads(["II", "V1"], wanted, where="record r")


@pytest.mark.parametrize("fmt", ["16", "212"])
def test_a_written_record_reads_back(tmp_path, fmt):
    signal = np.random.default_rng(0).normal(0, 1, (1001, 2))
    signal[5:9, 1] = np.nan
    write_record(tmp_path / "r", signal=signal, fs_hz=257, leads=("II", "V1"), fmt=fmt)
    record = read_record(tmp_path / "r", annotator=None)
    assert record.leads == ("II", "V1")
    assert record.fs_hz == 257
    np.testing.assert_array_equal(np.isnan(record.signal), np.isnan(signal))
    np.testing.assert_allclose(record.signal, signal, atol=0.5 / 200 + 1e-6)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["r.dat", "r.hea"]


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    beats=st.lists(
        st.tuples(st.integers(0, 10**7), st.sampled_from("NVAFQLRj~+|"), st.integers(-128, 127)),
        min_size=1,
        max_size=20,
    )
)
def test_annotations_read_back(tmp_path, beats):
    beats.sort(key=lambda beat: beat[0])
    samples, symbols, subtypes = zip(*beats, strict=True)
    aux = ["(AFIB" if symbol == "+" else "" for symbol in symbols]
    write_annotations(
        tmp_path / "r",
        "tst",
        samples=samples,
        symbols=symbols,
        fs_hz=360,
        subtypes=subtypes,
        aux=aux,
    )
    notes = read_annotations(tmp_path / "r", "tst")
    assert notes.fs_hz == 360
    assert tuple(notes.samples) == samples
    assert tuple(notes.symbols) == symbols
    assert tuple(notes.subtypes) == subtypes
    assert list(notes.aux) == aux


def test_an_annotation_file_may_define_its_symbols_and_begin_with_a_comment(tmp_path):
    def text(entry, note):
        code, step = entry
        words = struct.pack("<HH", (code << 10) | step, (63 << 10) | len(note))
        return words + note.encode() + b"\0" * (len(note) % 2)

    content = text((22, 0), "## time resolution: 500")
    content += text((22, 0), "## made by hand")
    content += text((22, 0), "## annotation type definitions")
    content += text((22, 0), "42 x nodal rhythm")
    content += text((22, 0), "## end of definitions")
    content += text((22, 0), "7 a comment of the reader")
    content += struct.pack("<HhHH", 59 << 10, 1, 7, (42 << 10) | 3)  # 65,536 + 7 + 3 later
    content += struct.pack("<HH", (1 << 10) | 100, (61 << 10) | 0xFE)
    (tmp_path / "r.atr").write_bytes(content + b"\0\0" + b"behind the end")
    notes = read_annotations(tmp_path / "r", "atr")
    assert notes.fs_hz == 500
    assert notes.samples.tolist() == [0, 65546, 65646]
    assert notes.symbols.tolist() == ['"', "x", "N"]
    assert notes.subtypes.tolist() == [0, 0, -2]
    assert notes.aux == ("7 a comment of the reader", "", "")


@pytest.mark.real
@pytest.mark.parametrize("name", ["100", "108", "207", "208", "222"])
def test_annotations_are_read_as_wfdb_reads_them(mitdb_dir, name):
    notes = read_annotations(mitdb_dir / name, "atr")
    expected = wfdb.rdann(str(mitdb_dir / name), "atr")
    np.testing.assert_array_equal(notes.samples, expected.sample)
    np.testing.assert_array_equal(notes.symbols, expected.symbol)
    np.testing.assert_array_equal(notes.subtypes, expected.subtype)
    assert list(notes.aux) == [text.rstrip("\0") for text in expected.aux_note]


def test_only_beats_become_beats_but_all_annotations_are_kept(tmp_path, write_patient):
    path = write_patient(tmp_path, "r")
    write_annotations(
        path,
        "atr",
        samples=[5, 100, 200, 300, 400],
        symbols=["+", "N", "~", "!", "V"],
        fs_hz=250,
    )
    record = read_record(path, patient="someone")
    assert record.patient == "someone"
    assert record.beats.tolist() == [100, 400]
    assert record.symbols.tolist() == ["N", "V"]
    assert record.annotations.symbols.tolist() == ["+", "N", "~", "!", "V"]


def test_annotations_at_another_rate_are_converted(tmp_path, write_patient):
    path = write_patient(tmp_path, "r", fs_hz=250)
    write_annotations(path, "qrs", samples=[100, 1000], symbols=["N", "N"], fs_hz=500)
    assert read_record(path, annotator="qrs").beats.tolist() == [50, 500]


def test_units_become_millivolt(tmp_path, write_patient):
    path = write_patient(tmp_path, "r")
    before = read_record(path).signal
    header = path.with_suffix(".hea")
    header.write_text(header.read_text().replace("/mV", "/uV"))
    np.testing.assert_allclose(read_record(path).signal, before / 1000, rtol=1e-5)


@pytest.mark.real
def test_the_lead_order_of_114_is_turned(mitdb_dir):
    record = read_record(mitdb_dir / "114", leads=("MLII", "V1/V5/V2/V4"))
    assert read_header(mitdb_dir / "114").leads == ("V5", "MLII")
    assert record.leads == ("MLII", "V5")
    assert record.signal.shape == (650000, 2)
    # First values of the header's second and first signal, minus baseline 1024, by gain 200.
    np.testing.assert_allclose(record.signal[0], [(1027 - 1024) / 200, (1015 - 1024) / 200])


@pytest.mark.parametrize(
    ("samples", "symbols"),
    [([], []), ([1, 2], ["N"]), ([5, 3], ["N", "N"]), ([-1], ["N"]), ([1], ["€"])],
)
def test_annotations_that_cannot_be_written_are_refused(tmp_path, samples, symbols):
    with pytest.raises(DataError):
        write_annotations(tmp_path / "r", "atr", samples=samples, symbols=symbols, fs_hz=100)
    assert not list(tmp_path.iterdir())


def test_writing_where_there_is_no_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match="can be written"):
        write_record(tmp_path / "no" / "r", signal=np.zeros((9, 1)), fs_hz=100, leads=("II",))
