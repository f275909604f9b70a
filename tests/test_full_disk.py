"""No command takes what it wrote on trust: a full disk is one line, and nothing half-written."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from full_disks import WRITING, disk_of, files_no_longer_than, fill, full_when_flushed, material

from data_prep.errors import DataError
from data_prep.io.record import write_annotations, write_record
from ecg_nas.cli import main
from ecg_nas.webpage import onnxruntime_web


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    return folder, material(folder)


@pytest.fixture
def command(made, monkeypatch):
    """Run a command line of ``WRITING`` that is to fail for want of room; return its line."""
    monkeypatch.setattr(onnxruntime_web, "SHA256", made[1])

    def run(name, out):
        words = [word.format(made=made[0], out=out) for word in WRITING[name].split()]
        result = CliRunner().invoke(main, words)
        assert result.exit_code != 0
        errors = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
        assert errors, result.output
        assert "Traceback" not in result.stderr
        assert not [path for path in out.rglob("*") if path.is_file()]
        return errors[0]

    return run


@pytest.mark.parametrize("name", WRITING)
def test_a_disk_that_is_found_full_when_flushed_is_one_line(command, tmp_path, monkeypatch, name):
    monkeypatch.setattr("os.fsync", full_when_flushed)
    assert "room for" in command(name, tmp_path)


@pytest.mark.parametrize("name", [name for name in WRITING if name != "report"])
def test_a_file_that_cannot_grow_is_one_line(command, tmp_path, name):
    # A report reads a store, for which SQLite needs a file, too.
    with files_no_longer_than(16):
        line = command(name, tmp_path)
    assert "room for" in line
    assert "ulimit" in line


@pytest.mark.parametrize("name", ["classify", "prepare", "show"])
def test_a_full_disk_is_named(command, tmp_path, name):
    with disk_of(tmp_path / "disk", 1 << 16):
        (tmp_path / "disk" / "folder").mkdir()
        fill(tmp_path / "disk" / "fill")
        line = command(name, tmp_path / "disk" / "folder")
    assert f"on its disk, {tmp_path / 'disk'} (0.0 MB free); it is full" in line


def test_a_library_that_drops_what_it_was_told_is_not_believed(tmp_path, monkeypatch):
    def write_nothing(name, *args, write_dir, **options):
        for ending in ("dat", "hea", "atr"):
            Path(write_dir, f"{name}.{ending}").touch()

    monkeypatch.setattr("wfdb.wrsamp", write_nothing)
    monkeypatch.setattr("wfdb.wrann", write_nothing)
    with pytest.raises(DataError, match="does not hold what was written"):
        write_record(tmp_path / "r", signal=np.zeros((9, 1)), fs_hz=1.0, leads=("I",))
    with pytest.raises(DataError, match="does not hold what was written"):
        write_annotations(tmp_path / "r", "atr", samples=[3, 5], symbols=["N", "V"], fs_hz=1.0)
    assert not list(tmp_path.iterdir())
