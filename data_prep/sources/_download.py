"""Fetch recordings from PhysioNet: resumed where they broke off, checked byte by byte."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from data_prep.errors import DataError
from data_prep.events import OnEvent, ignore
from data_prep.locks import take_lock
from data_prep.sources._transfer import Bounds, Job
from data_prep.writing import not_written, write_bytes

SUMS = "SHA256SUMS.txt"


def pinned_sums(source: str) -> dict[str, str]:
    """Return the published SHA-256 of each file of ``source``, as this package ships them."""
    text = (files("data_prep.sources") / f"{source}.sha256").read_text(encoding="utf-8")
    return _parsed(text)


def download(
    folder: Path,
    names: Sequence[str],
    *,
    url: str,
    pinned: Mapping[str, str] | None = None,
    on_event: OnEvent = ignore,
    bounds: Bounds | None = None,
    connections: int = 4,
) -> None:
    """Bring files of a PhysioNet project into a folder.

    A file that is there with the right checksum is kept. A file is written under ``NAME.part``,
    resumed from there (also by a later call) and takes its name only when its SHA-256 is the
    right one. ``SHA256SUMS.txt`` is written last: where it lies, all is there.

    Where no checksums are pinned, those that the server lists are trusted at first use: the list
    stays in the folder, and a later one that says otherwise of a file is refused.

    Args:
        folder: Where to; made with its parents.
        names: Names of the files, relative to ``url``; without folders.
        url: Where from: the folder that holds ``SHA256SUMS.txt``.
        pinned: SHA-256 of each file, where it is known beforehand.
        on_event: Called with ``event="download"``, ``name``, ``done`` and ``total`` (files) and
            ``bytes`` (received by this call), never by two threads at once.
        bounds: What it may take.
        connections: Files fetched at once.

    Raises:
        DataError: If the files cannot be had, or the folder cannot be written.
    """
    if not url.startswith(("https://", "http://")):
        raise DataError(f"the address to download from must begin with https://; got {url!r}")
    if bad := [name for name in names if Path(name).name != name or name == SUMS]:
        raise DataError(f"names to download must be plain file names; got {', '.join(bad)}")
    folder = Path(folder)
    job = Job(
        folder=folder,
        url=url.rstrip("/") + "/",
        on_event=on_event,
        bounds=bounds or Bounds(),
        total=len(names),
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            _bring_all(job, names, pinned, max(connections, 1))
    except OSError as error:
        raise DataError(not_written(folder, error)) from error


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other processes from downloading to the same folder: they would mix their parts."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if not take_lock(descriptor):
            raise DataError(
                f"only one process may download to {folder}; another one does: wait for it"
            )
        yield
    finally:
        os.close(descriptor)


def _bring_all(
    job: Job, names: Sequence[str], pinned: Mapping[str, str] | None, connections: int
) -> None:
    listed = job.folder / f"{SUMS}.part"
    # Never resumed: a part of an older list followed by the rest of a newer one is no list.
    listed.unlink(missing_ok=True)
    try:
        sums = _listed(job, listed) if pinned is None else dict(pinned)
        if unknown := [name for name in names if name not in sums]:
            raise DataError(
                f"{job.url}{SUMS} must list every file wanted; it has no {', '.join(unknown[:5])}"
            )
        with ThreadPoolExecutor(max_workers=connections) as pool:
            try:
                futures = [pool.submit(job.bring, name, sums[name]) for name in names]
                for future in as_completed(futures):
                    future.result()
            except BaseException:  # also Ctrl-C: tell the threads, then wait for them
                job.stop.set()
                pool.shutdown(cancel_futures=True)
                raise
        text = "".join(f"{digest} {name}\n" for name, digest in sums.items())
        write_bytes(job.folder / SUMS, text.encode("utf-8"))
    finally:
        listed.unlink(missing_ok=True)


def _listed(job: Job, listed: Path) -> dict[str, str]:
    """Return the checksums that the server lists; refuse others than those of an earlier time."""
    job.fetch(SUMS, None)
    sums = _parsed(listed.read_text(encoding="utf-8", errors="replace"))
    if not sums:
        raise DataError(
            f"{job.url}{SUMS} must be a list of SHA-256 checksums; it is not one: "
            "does this network ask to log in first?"
        )
    known = job.folder / SUMS
    before = _parsed(known.read_text(encoding="utf-8")) if known.is_file() else {}
    if changed := sorted(name for name in before.keys() & sums if before[name] != sums[name]):
        raise DataError(
            f"{job.url}{SUMS} must say of every file what it said at the first download; it has "
            f"another checksum of {', '.join(changed[:5])}{' …' if len(changed) > 5 else ''}: find "
            f"out why, or remove {job.folder} to trust the server anew"
        )
    return sums


def _parsed(text: str) -> dict[str, str]:
    """Return the checksum of each file in the text of a ``SHA256SUMS.txt``."""
    sums = {}
    for line in text.splitlines():
        if match := re.fullmatch(r"([0-9a-f]{64})\s+\*?(\S.*)", line.strip()):
            sums[match[2]] = match[1]
    return sums
