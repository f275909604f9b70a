"""onnxruntime-web, which runs a bundle's model in a browser: one version, checked by SHA-256.

The package is fetched once by npm, with whatever registry the user's npm is set up for, and kept
in the cache. It is in no part of this project.
"""

from __future__ import annotations

import hashlib
import io
import re
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from data_prep.sources.base import cache_folder
from ecg_nas.errors import BundleError, RunError

PACKAGE: Final = "onnxruntime-web"
VERSION: Final = "1.30.0"
SHA256: Final = "d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71"
MIT: Final = (
    "Permission is hereby granted, free of charge, to any person obtaining a copy of this software "
    'and associated documentation files (the "Software"), to deal in the Software without '
    "restriction, including without limitation the rights to use, copy, modify, merge, publish, "
    "distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the "
    "Software is furnished to do so, subject to the following conditions: The above copyright "
    "notice and this permission notice shall be included in all copies or substantial portions of "
    'the Software. THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR '
    "IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A "
    "PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE "
    "LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR "
    "OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER "
    "DEALINGS IN THE SOFTWARE."
)
"""The licence of ONNX Runtime, which the package names but does not hold."""

# The build for the CPU alone; its module holds the glue that the others load from a file.
_SCRIPT: Final = "package/dist/ort.wasm.bundle.min.mjs"
_WASM: Final = "package/dist/ort-wasm-simd-threaded.wasm"
_WANTED: Final = ("InferenceSession", "Tensor", "env")
_PATIENCE_S: Final = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BrowserRuntime:
    """What a page needs of the package.

    Attributes:
        script: A module that leaves ``ort`` on the global object and loads nothing.
        wasm: The WebAssembly that it is the glue of.
    """

    script: str
    wasm: bytes


def cached() -> Path:
    """Return where the package lies, or will lie once it was fetched."""
    return cache_folder() / f"{PACKAGE}-{VERSION}.tgz"


def load(file: Path | None = None) -> BrowserRuntime:
    """Return the runtime: from ``file``, from the cache, or fetched into it.

    Args:
        file: The package as npm packs it.

    Raises:
        BundleError: If ``file`` cannot be read or is not the pinned package.
        RunError: If there is no npm to fetch it with, or it fails.
    """
    if file is None:
        file = cached()
        if not (file.is_file() and _is_pinned(file.read_bytes())):
            _fetch(file)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise BundleError(
            f"--runtime must be a file that can be read; {file}: {error.strerror}"
        ) from error
    if not _is_pinned(content):
        raise BundleError(
            f"the runtime must be {PACKAGE} {VERSION} as npm packs it (SHA-256 {SHA256}); {file} "
            f"is not: get it with npm pack {PACKAGE}@{VERSION}"
        )
    with tarfile.open(fileobj=io.BytesIO(content)) as package:
        script, wasm = (_member(package, name) for name in (_SCRIPT, _WASM))
    return BrowserRuntime(script=_without_exports(script.decode()), wasm=wasm)


def _is_pinned(content: bytes) -> bool:
    return hashlib.sha256(content).hexdigest() == SHA256


def _member(package: tarfile.TarFile, name: str) -> bytes:
    opened = package.extractfile(name)
    if opened is None:
        raise BundleError(f"{PACKAGE} {VERSION} must hold the file {name}; it does not")
    return opened.read()


def _without_exports(script: str) -> str:
    """Return a module's text with what it exports as ``globalThis.ort``.

    Nothing can import from a module that stands in a page itself.
    """
    found = re.search(r"export\{([^{}]*)\};?\s*(//# sourceMappingURL=\S*\s*)?$", script)
    pairs = re.findall(r"(?:^|,)([\w$]+) as (\w+)", found[1]) if found else []
    place = {public: own for own, public in pairs}
    if found is None or not place.keys() >= set(_WANTED):
        raise BundleError(f"{PACKAGE} {VERSION} must export {', '.join(_WANTED)}; it does not")
    ort = ",".join(f"{name}:{place[name]}" for name in _WANTED)
    return f"{script[: found.start()]}globalThis.ort={{{ort}}};\n"


def _fetch(to: Path) -> None:
    """Let npm fetch the package; it appears at ``to`` whole, or not at all."""
    by_hand = (
        f"fetch it on a machine that can (npm pack {PACKAGE}@{VERSION}) and give the file with "
        "--runtime"
    )
    npm = shutil.which("npm")
    if npm is None:
        raise RunError(f"npm must be installed to fetch {PACKAGE} {VERSION}; it is not: {by_hand}")
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=to.parent, prefix=".npm-") as folder:
            words = [npm, "pack", f"{PACKAGE}@{VERSION}", "--ignore-scripts", "--loglevel=error"]
            ran = subprocess.run(
                words, cwd=folder, capture_output=True, text=True, errors="replace",
                timeout=_PATIENCE_S, stdin=subprocess.DEVNULL, check=False,
            )  # fmt: skip
            packed = Path(folder, to.name)
            if ran.returncode or not packed.is_file():
                said = " ".join(ran.stderr.split())[:300] or f"it ended with {ran.returncode}"
                raise RunError(f"npm must be able to fetch {PACKAGE} {VERSION}: {said}; {by_hand}")
            if not _is_pinned(packed.read_bytes()):
                raise RunError(
                    f"what npm fetches as {PACKAGE} {VERSION} must have the SHA-256 {SHA256}; it "
                    f"has not: its registry serves something else; {by_hand}"
                )
            packed.replace(to)
    except subprocess.TimeoutExpired as error:
        raise RunError(
            f"npm must fetch {PACKAGE} {VERSION} within {_PATIENCE_S / 60:.0f} minutes; it did "
            f"not: {by_hand}"
        ) from error
    except OSError as error:
        raise RunError(
            f"the cache {to.parent} must be a folder that can be written "
            f"({error.strerror or error}); ECG_NAS_CACHE names another"
        ) from error
