import os

import pytest

from ecg_nas.errors import RunError
from ecg_nas.files import whole, write_text


def test_a_file_takes_its_place_at_the_end(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("old")
    with whole(file) as part:
        part.write_text("new")
        assert file.read_text() == "old"
    assert file.read_text() == "new"
    assert list(tmp_path.iterdir()) == [file]


def interrupted(file):
    with whole(file) as part:
        part.write_text("half")
        raise KeyError


def test_a_failure_leaves_what_was_there(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("old")
    with pytest.raises(KeyError):
        interrupted(file)
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    file = tmp_path / "none" / "a.txt"
    with pytest.raises(RunError, match=r"a\.txt must be writable"), whole(file):
        pass


def test_a_new_file_is_open_to_whom_the_users_umask_lets(tmp_path):
    for umask, mode in ((0o022, 0o644), (0o077, 0o600)):
        before = os.umask(umask)
        try:
            write_text(tmp_path / f"{mode:o}", "Ä\n")
        finally:
            os.umask(before)
        assert (tmp_path / f"{mode:o}").stat().st_mode & 0o777 == mode
        assert (tmp_path / f"{mode:o}").read_text(encoding="utf-8") == "Ä\n"
