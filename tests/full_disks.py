"""Commands that write something, and ways to have no room for it."""

import ctypes
import errno
import os
import resource
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from bundles import ectopic_recordings, ectopic_signal, int8_bundle
from data_requests import asked
from official_files import architectures, members, tar
from page_runtime import stand_in_package
from stored_runs import stored_run
from tables import write_nb201

from data_prep.io.record import write_annotations, write_record
from data_prep.store.prepare import prepare
from ecg_nas.bundle import atomic_folder

WRITING = {
    "classify": "classify {made}/bundle {made}/w --out {out}",
    "classify csv": "classify {made}/bundle {made}/w --out {out} --format csv",
    "classify json": "classify {made}/bundle {made}/w --out {out} --format json",
    "export": "export {made}/finished --out {out}/b",
    "export --no-int8": "export {made}/finished --out {out}/b --no-int8",
    "prepare": "prepare wfdb --records {made}/recordings --out {out}/store",
    "page": "page {made}/bundle --out {out}/p.html --runtime {made}/runtime.tgz",
    "report": "report {made}/run --out {out}/r.html",
    "show": "show {made}/w --out {out}/s.svg",
    "ec57 --lines": "ec57 {made}/w --test qrs --start 0 --lines {out}/l.txt",
    "ec57 --json": "ec57 {made}/w --test qrs --start 0 --json {out}/e.json",
    "evaluate --report": "evaluate {made}/bundle --data {made}/store --report {out}/e.html",
    "import-table": "import-table {made}/a.tar --out {out}/t.parquet",
    "spaces --json": "spaces --json {out}/s.json",
    "benchmark --out": "benchmark {made}/nb201.parquet --metric imagenet16 --method random "
    "--budget 5 --seeds 2 --out {out}/kept",
    "benchmark --figure": "benchmark {made}/nb201.parquet --metric imagenet16 --method random "
    "--budget 33 --seeds 2 --figure {out}/f.svg",
}  # fmt: skip
"""Command lines by name; ``{made}`` is what :func:`material` made, ``{out}`` where to write."""


def material(folder):
    """Make what the commands read; return the SHA-256 of the page's runtime."""
    int8_bundle(folder / "bundle")
    signal, beats, symbols = ectopic_signal(np.random.default_rng(7))
    write_record(folder / "w", signal=signal, fs_hz=125.0, leads=("MLII", "V1"))
    for annotator in ("atr", "qrs"):
        write_annotations(folder / "w", annotator, samples=beats, symbols=symbols, fs_hz=125.0)
    (folder / "recordings").mkdir()
    prepare(asked("wfdb", ectopic_recordings(folder / "recordings")), folder / "store")
    stored_run(folder / "run")
    (folder / "finished").mkdir()
    (folder / "finished" / "config.json").write_text("{}", encoding="utf-8")
    atomic_folder.copy(folder / "bundle", folder / "finished" / "bundle")
    (folder / "a.tar").write_bytes(tar(members(architectures(2))))
    write_nb201(folder / "nb201.parquet", ("img", "img"), range(15_625))
    return stand_in_package(folder / "runtime.tgz")


@contextmanager
def files_no_longer_than(n_bytes):
    """Let no file grow beyond ``n_bytes``: every library meets that as it meets a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def full_when_flushed(descriptor):
    """Stand in for ``os.fsync`` where a disk has accepted more than it has room for."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def fill(file):
    """Leave no room on the disk of ``file``."""
    with suppress(OSError), file.open("wb", buffering=0) as opened:
        while opened.write(bytes(4096)):
            pass


@contextmanager
def disk_of(folder: Path, n_bytes: int):
    """Mount a disk of ``n_bytes`` in memory at ``folder``; skip the test without the right to."""
    libc = ctypes.CDLL(None, use_errno=True)
    folder.mkdir(exist_ok=True)

    def mount(size, flags=0):
        place = str(folder).encode()
        return libc.mount(b"tmpfs", place, b"tmpfs", flags, f"size={size},mode=755".encode())

    if not hasattr(libc, "mount") or mount(n_bytes) != 0:
        pytest.skip("a disk of its own needs the right to mount one: run as root")
    try:
        yield lambda size: mount(size, 32)  # MS_REMOUNT: as large as asked for
    finally:
        libc.umount2(str(folder).encode(), 2)  # MNT_DETACH
