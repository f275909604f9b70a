"""Disks that are really full, or nearly: every command that writes."""

import subprocess
import sys

import pytest
from full_disks import WRITING, disk_of, fill, material

pytestmark = pytest.mark.slow

RUN = """
import sys
from ecg_nas.cli import main
from ecg_nas.webpage import onnxruntime_web
onnxruntime_web.SHA256 = sys.argv[1]
main(sys.argv[2:], prog_name="ecg-nas")
"""
SIZES = [0, 1 << 12, 1 << 14]
"""Bytes that are free."""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    return folder, material(folder)


def python(code, *words):
    """Run ``code`` in a process of its own: a bus error kills only that."""
    line = [sys.executable, "-c", code, *map(str, words)]
    return subprocess.run(line, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("free", SIZES)
@pytest.mark.parametrize("name", WRITING)
def test_a_full_disk_is_one_line_and_leaves_nothing(made, tmp_path, name, free):
    folder, digest = made
    disk = tmp_path / "disk"
    with disk_of(disk, 1 << 16) as resize:
        (disk / "out").mkdir()
        fill(disk / "fill")
        with (disk / "fill").open("r+b") as opened:
            opened.truncate(opened.seek(0, 2) - free)
        words = [word.format(made=folder, out=disk / "out") for word in WRITING[name].split()]
        done = python(RUN, digest, *words)
        left = [path for path in (disk / "out").rglob("*") if path.is_file()]
        if done.returncode == 0:
            assert free, "there was no room for it"
            assert all(path.stat().st_size for path in left)
            return
        assert done.returncode == 1, done.stderr
        assert f"room for {disk / 'out'}" in done.stderr.replace("19.2 MB of ", "")
        assert f"its disk, {disk} (" in done.stderr
        assert "Traceback" not in done.stderr
        assert not left or name == "benchmark --out"
        resize(1 << 26)
        done = python(RUN, digest, *words)
        assert done.returncode == 0, done.stderr
