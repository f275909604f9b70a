"""A local server with PhysioNet's layout, and with faults."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FILES = {
    "100.hea": b"100 2 360 1000\n",
    "100.dat": bytes(range(256)) * 1200,
    "100.atr": b"\x01\x02" * 500,
}


class Server(ThreadingHTTPServer):
    """Serves ``files``; ``faults[name]`` is a list of faults, one for each request to come."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = dict(FILES)
        self.faults: dict[str, list[str]] = {}
        self.asked: Counter[str] = Counter()
        self.ranges: list[str] = []
        self.knows_ranges = True
        self.release = threading.Event()
        self.listed = {name: hashlib.sha256(body).hexdigest() for name, body in FILES.items()}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/files/mitdb/1.0.0/"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *args: object) -> None:
        """Keep the tests' output clean."""

    def do_GET(self) -> None:
        name = self.path.removeprefix("/files/mitdb/1.0.0/")
        self.server.asked[name] += 1
        files = self.server.files | {
            "SHA256SUMS.txt": "".join(
                f"{digest} {listed}\n" for listed, digest in self.server.listed.items()
            ).encode()
        }
        waiting = self.server.faults.get(name, [])
        fault = waiting.pop(0) if waiting else ""
        if name not in files:
            self.send_error(404)
        elif fault == "503":
            self.send_response(503)
            self.send_header("Retry-After", "0")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif fault == "silent":
            self.server.release.wait(10)
        elif fault in ("endless", "drips"):
            self.send_endless(drips=fault == "drips")
        elif fault.startswith(("http://", "https://", "/")):
            self.send_response(302)
            self.send_header("Location", fault)
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self.send_body(files[name], fault)

    def send_endless(self, *, drips: bool) -> None:
        self.send_response(200)
        self.end_headers()
        with contextlib.suppress(OSError):
            while not self.server.release.wait(0.01 if drips else 0):
                self.wfile.write(b"x" if drips else bytes(1 << 16))

    def send_body(self, body: bytes, fault: str) -> None:
        start = 0
        asked = self.headers.get("Range")
        if asked and self.server.knows_ranges:
            self.server.ranges.append(asked)
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            if start >= len(body):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(body)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206)
            first = start + 1 if fault == "other part" else start
            self.send_header("Content-Range", f"bytes {first}-{len(body) - 1}/{len(body)}")
        else:
            self.send_response(200)
        rest = body[start:]
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        if fault == "wrong":
            rest = bytes(len(rest))
        if fault in ("truncated", "stalls"):
            rest = rest[: len(rest) // 2]
        self.wfile.write(rest)
        if fault == "stalls":
            self.wfile.flush()
            self.server.release.wait(10)
