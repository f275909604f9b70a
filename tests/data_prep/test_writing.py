import errno
import os

import pytest
from full_disks import files_no_longer_than, full_when_flushed

from data_prep import writing
from data_prep.errors import DataError


def test_what_is_on_the_disk_is_what_was_meant(tmp_path):
    writing.write_bytes(tmp_path / "a", b"content")
    writing.write_bytes(tmp_path / "a", b"")
    assert (tmp_path / "a").read_bytes() == b""
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


def test_a_write_that_is_cut_off_without_an_error_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr("pathlib.Path.write_bytes", lambda self, content: self.touch())
    with pytest.raises(DataError, match="0 of 3 bytes are there"):
        writing.write_bytes(tmp_path / "a", b"abc")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_said_to_be_full(tmp_path, code):
    problem = OSError(code, os.strerror(code))
    line = writing.not_written(tmp_path / "not" / "there" / "a", problem, needed=12_345_678)
    assert line.startswith(f"there must be 12.3 MB of room for {tmp_path / 'not'}")
    assert " MB free); it is full: free some" in line
    assert "\n" not in line


def test_a_file_is_flushed_before_it_takes_its_name_and_its_folder_after(tmp_path, monkeypatch):
    seen = []
    flush, replace = os.fsync, type(tmp_path).replace

    def flushed(descriptor):
        seen.append("folder" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "file")  # noqa: PTH112
        flush(descriptor)

    def replaced(self, target):
        seen.append("name")
        return replace(self, target)

    monkeypatch.setattr("os.fsync", flushed)
    monkeypatch.setattr("pathlib.Path.replace", replaced)
    writing.write_bytes(tmp_path / "a", b"abc")
    assert seen == ["file", "name", "folder"]


@pytest.mark.parametrize("by_hand", [False, True])
def test_reserved_room_is_there_and_the_content_is_the_same(tmp_path, monkeypatch, by_hand):
    if by_hand:
        monkeypatch.delattr("os.posix_fallocate", raising=False)
    file = tmp_path / "a"
    with file.open("wb") as opened:
        opened.write(b"head")
        opened.truncate(3_000_001)  # a hole
    before = file.read_bytes()
    if file.stat().st_blocks * 512 >= len(before):
        pytest.skip("this file system has no holes")
    writing.reserve(file)
    assert file.stat().st_blocks * 512 >= len(before)
    assert file.read_bytes() == before


def test_a_line_is_added_whole_or_not_at_all(tmp_path, monkeypatch):
    file = tmp_path / "a"
    writing.append_line(file, "first")
    with files_no_longer_than(10), pytest.raises(OSError, match="too large"):
        writing.append_line(file, "second")
    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full_when_flushed)
        with pytest.raises(OSError, match="No space"):
            writing.append_line(file, "third")
    writing.append_line(file, "fourth")
    assert file.read_text() == "first\nfourth\n"


def test_links_and_pipes_are_not_opened(tmp_path):
    target = tmp_path / "target"
    target.write_text("mine")
    (tmp_path / "link").symlink_to(target)
    (tmp_path / "dangling").symlink_to(tmp_path / "new")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "dangling", "pipe"):
        with pytest.raises(OSError, match=r"is a link|no plain file"):
            writing.append_line(tmp_path / name, "line")
    assert target.read_text() == "mine"
    assert not (tmp_path / "new").exists()


def test_a_link_in_the_place_of_a_file_is_replaced_not_followed(tmp_path):
    target = tmp_path / "target"
    target.write_text("mine")
    (tmp_path / "a").symlink_to(target)
    writing.write_bytes(tmp_path / "a", b"abc")
    assert (target.read_text(), (tmp_path / "a").read_bytes()) == ("mine", b"abc")
