"""The browser's runtime for tests: a stand-in, or the real package where it can be had."""

import hashlib
import io
import tarfile

import pytest

from ecg_nas.errors import RunError
from ecg_nas.webpage import onnxruntime_web
from ecg_nas.webpage.onnxruntime_web import BrowserRuntime

SCRIPT = "const a=1,b=2,c=3;export{a as InferenceSession,b as Tensor,c as env,b as default};\n"
STAND_IN = BrowserRuntime(script="globalThis.ort={};\n", wasm=b"\0asm")


def stand_in_package(file, script=SCRIPT):
    """Write a package of the right form and return its SHA-256."""
    with tarfile.open(file, "w:gz") as package:
        for name, content in (
            ("package/dist/ort.wasm.bundle.min.mjs", script.encode()),
            ("package/dist/ort-wasm-simd-threaded.wasm", b"\0asm"),
        ):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            package.addfile(entry, io.BytesIO(content))
    return hashlib.sha256(file.read_bytes()).hexdigest()


def real_runtime(monkeypatch):
    """Return the pinned package, from the cache or fetched into it; skip if it cannot be had."""
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    try:
        return onnxruntime_web.load()
    except RunError as error:
        pytest.skip(f"no runtime for the browser: {error}")
