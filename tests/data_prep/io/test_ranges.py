"""Pieces of WFDB recordings equal what is read as a whole, in every format."""

import numpy as np
import pytest
from test_other_recorders import LIMIT, _parts, _steps, _write, _wrsamp

from data_prep.errors import DataError
from data_prep.io.formats import read_record
from data_prep.io.record import read_header, read_signal

RANGES = ((0, 10), (1, 2), (7, 331), (333, 700), (640, 999), (998, 999))


def pieces_equal_the_whole(path, ranges=RANGES):
    header = read_header(path)
    columns = list(range(len(header.leads)))
    whole = read_record(path, annotator=None).signal
    for start, stop in ranges:
        piece = read_signal(path, header, columns, start, stop)
        np.testing.assert_array_equal(piece, whole[start:stop])


@pytest.mark.parametrize("fmt", ["8", "61", "160", "310", "311"])
def test_formats_that_are_only_read(tmp_path, fmt):
    _write(tmp_path, fmt, _steps(limit=LIMIT.get(fmt, 2000)))
    pieces_equal_the_whole(tmp_path / "r")


@pytest.mark.parametrize("fmt", ["16", "24", "32", "80", "212", "508", "516", "524"])
def test_formats_that_are_written_too(tmp_path, fmt):
    _wrsamp(tmp_path, "r", _steps(limit=LIMIT.get(fmt, 2000)), fmt)
    pieces_equal_the_whole(tmp_path / "r")


def test_leads_of_different_rates(tmp_path):
    rng = np.random.default_rng(0)
    slow, fast = rng.integers(-500, 500, 400), rng.integers(-500, 500, 1600)
    _wrsamp(tmp_path, "r", [fast, slow], fs=100, frames=[4, 1])
    pieces_equal_the_whole(tmp_path / "r", (*RANGES, (1, 1600), (1597, 1600)))


def test_records_in_parts(tmp_path):
    _parts(tmp_path)
    pieces_equal_the_whole(tmp_path / "r", (*RANGES, (900, 1300), (1000, 1200), (1100, 1700)))


@pytest.mark.parametrize("name", ["../r.dat", "/r.dat", "r./dat", "..", "a\\r.dat"])
def test_a_header_names_no_files_elsewhere(tmp_path, name):
    _wrsamp(tmp_path, "r", _steps())
    header = tmp_path / "r.hea"
    header.write_text(header.read_text().replace("r.dat", name, 1))
    with pytest.raises(DataError, match="not paths"):
        read_header(tmp_path / "r")
    (tmp_path / "parts.hea").write_text(f"parts/1 2 250 100\n{name} 100\n")
    with pytest.raises(DataError, match="not paths"):
        read_header(tmp_path / "parts")
