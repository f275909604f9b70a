"""One file from a server: resumed, checked, and bounded in size, time and place."""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import ssl
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from typing_extensions import override

from data_prep.errors import DataError
from data_prep.events import OnEvent

_CHUNK = 1 << 16
_LONGEST_PAUSE_S = 30.0
# What a later attempt may cure; every other refusal (no such file, no right) is final.
_PASSING = {408, 425, 429, 500, 502, 503, 504}

HOSTS = ("physionet.org", "www.physionet.org", "physionet-open.s3.amazonaws.com")
"""Where PhysioNet keeps its files: to these, over TLS, a server may send us on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a download may take before it is given up.

    Attributes:
        file_bytes: Bytes of one file. The largest single file of the databases that are
            downloaded here has 2 MB; an endless answer fills a disk.
        slowest_bytes_s: Bytes a second that must arrive, on average over ``slow_s``: a server
            that drips would keep a search waiting for ever.
        slow_s: Seconds that a slow server is given.
        timeout_s: Seconds to wait for a silent server.
        attempts: Attempts a file; one that broke off with new bytes does not count.
        pause_s: Pause before the second attempt; it doubles each time.
    """

    file_bytes: int = 256 << 20
    slowest_bytes_s: float = 1024.0
    slow_s: float = 60.0
    timeout_s: float = 30.0
    attempts: int = 5
    pause_s: float = 1.0


class Broken(Exception):  # noqa: N818 (not an error of ours: it asks for another attempt)
    """An attempt failed in a way that another one may not.

    Args:
        reason: Why.
        wait_s: How long the server asks to wait.
        counts: Whether it counts as a failure even if it brought new bytes.
    """

    def __init__(self, reason: str, wait_s: float = 0.0, *, counts: bool = False) -> None:
        super().__init__(reason)
        self.wait_s, self.counts = wait_s, counts


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a server to itself, and to named hosts over TLS; nowhere else."""

    @override
    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        old, new = urlsplit(req.full_url), urlsplit(newurl)
        same = (old.hostname, old.port) == (new.hostname, new.port)
        safe = new.scheme == "https" or (new.scheme == "http" and old.scheme == "http")
        if not (same and safe) and not (new.scheme == "https" and new.hostname in HOSTS):
            raise DataError(
                f"a download must stay with its server, or go to {', '.join(HOSTS)} over https; "
                f"{old.hostname} sends it to {new.scheme}://{new.netloc}: name the folder of the "
                "recordings with --records"
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


@dataclass(slots=True, kw_only=True)
class Job:
    """The files of one download; its counters are shared by the threads."""

    folder: Path
    url: str
    on_event: OnEvent
    bounds: Bounds
    total: int
    done: int = 0
    received: int = 0
    stop: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    opener: urllib.request.OpenerDirector = field(
        default_factory=lambda: urllib.request.build_opener(_Redirects)
    )

    def bring(self, name: str, sha256: str) -> None:
        """Make sure that the file lies in the folder under its name."""
        file = self.folder / name
        if not (file.is_file() and sha256_of(file) == sha256):
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
                if sha256 is not None and sha256_of(part) != sha256:
                    part.unlink()
                    raise Broken(f"the bytes of {name} are not those that its SHA-256 stands for")
                return
            except Broken as broken:
                # A long file over a bad line may break often; only standing still counts.
                grew = _size(part) > most and not broken.counts
                failures = 1 if grew else failures + 1
                most = max(most, _size(part))
                if failures >= self.bounds.attempts:
                    raise DataError(
                        f"{self.url}{name} must be downloadable; {failures} attempts failed, the "
                        f"last because {broken}: try again later (it goes on where it stopped), "
                        "or name the folder of the recordings with --records"
                    ) from broken
                pause = max(self.bounds.pause_s * 2 ** (failures - 1), broken.wait_s)
                if self.stop.wait(min(pause, _LONGEST_PAUSE_S)):
                    raise CancelledError from broken

    def _attempt(self, name: str, part: Path) -> None:
        """Ask once for what is missing of a file and append it."""
        have = _size(part)
        request = urllib.request.Request(
            self.url + name, headers={"Range": f"bytes={have}-"} if have else {}
        )
        try:
            with self.opener.open(request, timeout=self.bounds.timeout_s) as response:
                self._receive(response, name, part, have)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 416:  # nothing left to send: the part is complete, or not ours
                total = re.search(r"/(\d+)$", error.headers.get("Content-Range") or "")
                if total and int(total[1]) == have:
                    return
                part.unlink(missing_ok=True)
                raise Broken("the server has less than what is here") from error
            if error.code in _PASSING:
                wait = error.headers.get("Retry-After") or ""
                raise Broken(
                    f"the server answers {error.code} {error.reason}",
                    float(wait) if wait.isdigit() else 0.0,
                ) from error
            raise DataError(
                f"{self.url}{name} must exist; the server answers {error.code} {error.reason}: "
                "name the folder of the recordings with --records"
            ) from error
        except urllib.error.URLError as error:
            reason = "it timed out" if isinstance(error.reason, TimeoutError) else error.reason
            raise Broken(f"the server cannot be reached ({reason})") from error
        except (TimeoutError, ConnectionError, ssl.SSLError, http.client.HTTPException) as error:
            raise Broken(
                f"the connection died ({' '.join(str(error).split()) or type(error).__name__})"
            ) from error

    def _receive(
        self, response: http.client.HTTPResponse, name: str, part: Path, have: int
    ) -> None:
        span = response.headers.get("Content-Range") or ""
        resumed = response.status == 206 and span.startswith(f"bytes {have}-")
        if response.status == 206 and not resumed:
            part.unlink(missing_ok=True)
            raise Broken(f"the server sent another part than asked for ({span})")
        length = response.headers.get("Content-Length")
        left = int(length) if length and re.fullmatch(r"\d{1,18}", length) else None
        self._refuse_size(name, part, (have if resumed else 0) + (left or 0))
        # A server that does not know ranges sends the whole: begin anew.
        with part.open("ab" if resumed else "wb") as file:
            pace = _Pace(self.bounds)
            while chunk := response.read1(_CHUNK):
                file.write(chunk)
                left = None if left is None else left - len(chunk)
                self._refuse_size(name, part, file.tell())
                pace.refuse_slow(len(chunk))
                self._tell(name, n_bytes=len(chunk))
                if self.stop.is_set():
                    raise CancelledError
            file.flush()
            os.fsync(file.fileno())
        if left:
            raise Broken(f"the connection closed {left} bytes too early")

    def _refuse_size(self, name: str, part: Path, size: int) -> None:
        if size > self.bounds.file_bytes:
            part.unlink(missing_ok=True)
            raise DataError(
                f"{self.url}{name} must have at most {self.bounds.file_bytes:,} bytes; the server "
                "sends more: name the folder of the recordings with --records"
            )

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


class _Pace:
    """Whether bytes arrive fast enough."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._began, self._received = time.monotonic(), 0

    def refuse_slow(self, n_bytes: int) -> None:
        """Count ``n_bytes`` more; give the attempt up where they come too slowly."""
        self._received += n_bytes
        seconds = time.monotonic() - self._began
        if seconds >= self._bounds.slow_s:
            if self._received < seconds * self._bounds.slowest_bytes_s:
                speed = self._received / seconds
                raise Broken(f"the server sends {speed:.0f} bytes a second only", counts=True)
            self._began, self._received = time.monotonic(), 0


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
