import pytest

from ecg_nas.errors import RunError
from ecg_nas.files import whole


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
