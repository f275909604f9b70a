"""Fetch recordings from PhysioNet: resumed where they broke off, checked byte by byte."""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from data_prep.errors import DataError
from data_prep.events import OnEvent, ignore
from data_prep.locks import take_lock

SUMS = "SHA256SUMS.txt"

_CHUNK = 1 << 16
_LONGEST_PAUSE_S = 30.0
# What a later attempt may cure; every other refusal (no such file, no right) is final.
_PASSING = {408, 425, 429, 500, 502, 503, 504}


class _Broken(Exception):  # noqa: N818 (not an error of ours: it asks for another attempt)
    """An attempt failed in a way that another one may not."""

    def __init__(self, reason: str, wait_s: float = 0.0) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


def download(
    folder: Path,
    names: Sequence[str],
    *,
    url: str,
    on_event: OnEvent = ignore,
    timeout_s: float = 30.0,
    attempts: int = 5,
    pause_s: float = 1.0,
    connections: int = 4,
) -> None:
    """Bring files of a PhysioNet project into a folder.

    A file that is there with the right checksum is kept. A file is written under ``NAME.part``,
    resumed from there (also by a later call) and takes its name only when its SHA-256 equals the
    one in the project's ``SHA256SUMS.txt``, which is written last: where it lies, all is there.

    Args:
        folder: Where to; made with its parents.
        names: Names of the files, relative to ``url``; without folders.
        url: Where from: the folder that holds ``SHA256SUMS.txt``.
        on_event: Called with ``event="download"``, ``name``, ``done`` and ``total`` (files) and
            ``bytes`` (received by this call), never by two threads at once.
        timeout_s: How long to wait for a silent server.
        attempts: Attempts a file; one that brought new bytes does not count.
        pause_s: Pause before the second attempt; it doubles each time.
        connections: Files fetched at once.

    Raises:
        DataError: If the files cannot be had, or the folder cannot be written.
    """
    if not url.startswith(("https://", "http://")):
        raise DataError(f"the address to download from must begin with https://; got {url!r}")
    if bad := [name for name in names if Path(name).name != name or name == SUMS]:
        raise DataError(f"names to download must be plain file names; got {', '.join(bad)}")
    folder = Path(folder)
    job = _Job(
        folder=folder,
        url=url.rstrip("/") + "/",
        on_event=on_event,
        timeout_s=timeout_s,
        attempts=max(attempts, 1),
        pause_s=pause_s,
        total=len(names),
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            _bring_all(job, names, max(connections, 1))
    except OSError as error:
        raise DataError(f"{folder} must be a folder that can be written: {error}") from error


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


def _bring_all(job: _Job, names: Sequence[str], connections: int) -> None:
    listed = job.folder / f"{SUMS}.part"
    # Never resumed: a part of an older list followed by the rest of a newer one is no list.
    listed.unlink(missing_ok=True)
    try:
        job.fetch(SUMS, None)
        sums = _read_sums(listed, job.url)
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
        listed.replace(job.folder / SUMS)
    finally:
        listed.unlink(missing_ok=True)


@dataclass(slots=True, kw_only=True)
class _Job:
    """One call of :func:`download`; its counters are shared by the threads."""

    folder: Path
    url: str
    on_event: OnEvent
    timeout_s: float
    attempts: int
    pause_s: float
    total: int
    done: int = 0
    received: int = 0
    stop: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def bring(self, name: str, sha256: str) -> None:
        """Make sure that the file lies in the folder under its name."""
        file = self.folder / name
        if not (file.is_file() and _sha256(file) == sha256):
            self.fetch(name, sha256)
            self.folder.joinpath(f"{name}.part").replace(file)
        self._tell(name, files=1)

    def fetch(self, name: str, sha256: str | None) -> None:
        """Fill ``NAME.part``, in as many attempts as allowed; check it if ``sha256`` is given."""
        part = self.folder / f"{name}.part"
        failures, most = 0, _size(part)
        while True:
            try:
                self._attempt(name, part)
                if sha256 is not None and _sha256(part) != sha256:
                    part.unlink()
                    raise _Broken(f"the bytes of {name} are not those of {SUMS}")
                return
            except _Broken as broken:
                # A long file over a bad line may break often; only standing still counts.
                failures = 1 if _size(part) > most else failures + 1
                most = max(most, _size(part))
                if failures >= self.attempts:
                    raise DataError(
                        f"{self.url}{name} must be downloadable; {failures} attempts failed, the "
                        f"last because {broken}: try again later (it goes on where it stopped), "
                        "or name the folder of the recordings with --records"
                    ) from broken
                pause = max(self.pause_s * 2 ** (failures - 1), broken.wait_s)
                if self.stop.wait(min(pause, _LONGEST_PAUSE_S)):
                    raise CancelledError from broken

    def _attempt(self, name: str, part: Path) -> None:
        """Ask once for what is missing of a file and append it."""
        have = _size(part)
        request = urllib.request.Request(
            self.url + name, headers={"Range": f"bytes={have}-"} if have else {}
        )
        try:
            with urllib.request.urlopen(request, timeout=self.timeout_s) as response:
                self._receive(response, name, part, have)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 416:  # nothing left to send: the part is complete, or not ours
                total = re.search(r"/(\d+)$", error.headers.get("Content-Range") or "")
                if total and int(total[1]) == have:
                    return
                part.unlink(missing_ok=True)
                raise _Broken("the server has less than what is here") from error
            if error.code in _PASSING:
                wait = error.headers.get("Retry-After") or ""
                raise _Broken(
                    f"the server answers {error.code} {error.reason}",
                    float(wait) if wait.isdigit() else 0.0,
                ) from error
            raise DataError(
                f"{self.url}{name} must exist; the server answers {error.code} {error.reason}: "
                "name the folder of the recordings with --records"
            ) from error
        except urllib.error.URLError as error:
            reason = "it timed out" if isinstance(error.reason, TimeoutError) else error.reason
            raise _Broken(f"the server cannot be reached ({reason})") from error
        except (TimeoutError, ConnectionError, ssl.SSLError, http.client.HTTPException) as error:
            raise _Broken(
                f"the connection died ({' '.join(str(error).split()) or type(error).__name__})"
            ) from error

    def _receive(
        self, response: http.client.HTTPResponse, name: str, part: Path, have: int
    ) -> None:
        span = response.headers.get("Content-Range") or ""
        resumed = response.status == 206 and span.startswith(f"bytes {have}-")
        if response.status == 206 and not resumed:
            part.unlink(missing_ok=True)
            raise _Broken(f"the server sent another part than asked for ({span})")
        length = response.headers.get("Content-Length")
        left = int(length) if length and length.isdigit() else None
        # A server that does not know ranges sends the whole: begin anew.
        with part.open("ab" if resumed else "wb") as file:
            while chunk := response.read(_CHUNK):
                file.write(chunk)
                left = None if left is None else left - len(chunk)
                self._tell(name, n_bytes=len(chunk))
                if self.stop.is_set():
                    raise CancelledError
            file.flush()
            os.fsync(file.fileno())
        if left:
            raise _Broken(f"the connection closed {left} bytes too early")

    def _tell(self, name: str, *, files: int = 0, n_bytes: int = 0) -> None:
        with self.lock:
            self.done += files
            self.received += n_bytes
            self.on_event(
                {
                    "event": "download",
                    "name": name,
                    "done": self.done,
                    "total": self.total,
                    "bytes": self.received,
                }
            )


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_sums(path: Path, url: str) -> dict[str, str]:
    """Return the checksum of each file in a ``SHA256SUMS.txt``."""
    sums = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if match := re.fullmatch(r"([0-9a-f]{64})\s+\*?(\S.*)", line.strip()):
            sums[match[2]] = match[1]
    if not sums:
        raise DataError(
            f"{url}{SUMS} must be a list of SHA-256 checksums; it is not one: "
            "does this network ask to log in first?"
        )
    return sums
