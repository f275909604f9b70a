"""Bundles of strangers, their digests right: what a command does of each within time and memory.

Run as a script with a folder, it classifies with every bundle in it and verifies each, under a
limit of memory, and prints one JSON line for each: name, seconds, why it was refused.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
import sys
import time
from pathlib import Path

import numpy as np

MOST_MEMORY = 1 << 30  # bytes of what a process may hold, above what its libraries take
MOST_SECONDS = 30.0


def signed(bundle: Path) -> None:
    """Give a bundle the digests that its files must have."""
    manifest = json.loads((bundle / "manifest.json").read_text("utf-8"))
    for name in manifest["files"]:
        file = bundle / name
        if file.is_file() and file.stat().st_size < 1 << 28:
            content = file.read_bytes()
            entry = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
            manifest["files"][name] = entry
    rewrite(bundle, manifest)


def rewrite(bundle: Path, manifest: dict) -> None:
    manifest.pop("digest", None)
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    manifest["digest"] = hashlib.sha256(text.encode()).hexdigest()
    text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
    (bundle / "manifest.json").write_text(text, "utf-8")


def attempt(bundle: Path, record: Path) -> str | None:
    """Return why a bundle was refused; ``None`` if it was verified and did classify."""
    from data_prep.errors import DataError
    from ecg_nas.api import load_model
    from ecg_nas.errors import EcgNasError
    from ecg_nas.inference.verify import verify

    try:
        load_model(bundle).classify(record)
        verify(bundle)
    except (DataError, EcgNasError) as error:
        return str(error)
    return None


def write_all(plain: Path, folder: Path, models: dict[str, bytes]) -> None:
    """Write hostile likenesses of the bundle ``plain``, one folder each; all must be refused."""
    for name, model in models.items():
        copy = shutil.copytree(plain, folder / f"model {name}")
        (copy / "model.onnx").write_bytes(model)
        signed(copy)
    for name, content in _goldens().items():
        copy = shutil.copytree(plain, folder / f"golden {name}")
        (copy / "golden.npz").write_bytes(content)
        signed(copy)
    for name, changes in _MANIFESTS.items():
        copy = shutil.copytree(plain, folder / f"manifest {name}")
        manifest = json.loads((copy / "manifest.json").read_text("utf-8"))
        for path, value in changes.items():
            *way, last = path.split(".")
            holder = manifest
            for part in way:
                holder = holder[part]
            holder[last] = value
        rewrite(copy, manifest)
    for name, content in _TEXTS.items():
        copy = shutil.copytree(plain, folder / f"text {name}")
        (copy / "manifest.json").write_bytes(content)
    _write_members(plain, folder)


def _write_members(plain: Path, folder: Path) -> None:
    """Members that are no plain files."""
    for name in ("model.onnx", "golden.npz", "manifest.json"):
        for kind in ("pipe", "endless", "folder", "huge", "none"):
            copy = shutil.copytree(plain, folder / f"{kind} {name}")
            (copy / name).unlink()
            if kind == "pipe":
                os.mkfifo(copy / name)
            elif kind == "endless":
                (copy / name).symlink_to("/dev/zero")
            elif kind == "folder":
                (copy / name).mkdir()
            elif kind == "huge":
                with (copy / name).open("wb") as file:
                    file.truncate(1 << 40)  # a hole


def _goldens() -> dict[str, bytes]:
    import io
    import zipfile

    def packed(content: bytes) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in ("x", "context", "probabilities"):
                archive.writestr(f"{name}.npy", content)
        return buffer.getvalue()

    def array(shape: str, body: bytes = b"", descr: str = "<f4") -> bytes:
        text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
        return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + body

    return {
        "lie": packed(array("(1000000000000000,)")),
        "bomb": packed(array("(400000000,)", bytes(400_000_000), "|u1")),
        "objects": packed(array("(1,)", bytes(8), "|O")),
        "shapes": packed(array("(2, 2)", bytes(16))),
        "empty": packed(array("(0, 2)")),
        "none": b"",
        "no archive": b"PK\x03\x04" + bytes(1000),
    }


_MANIFESTS = {
    "another format": {"format": "else"},
    "a later version": {"format_version": 99},
    "no classes": {"classes": []},
    "other classes": {"classes": ["A", "B", "C", "D", "E"]},
    "a name outside": {"files": {"../x": {"sha256": "0" * 64, "bytes": 1}}},
    "an absolute name": {"files": {"/etc/passwd": {"sha256": "0" * 64, "bytes": 1}}},
    "no files": {"files": {}},
    "a rate of 1e300": {"spec.signal.fs_hz": 1e300},
    "a rate of 0": {"spec.signal.fs_hz": 0},
    "a window of 1e9 s": {"spec.before_s": 1e9},
    "a window of -1 s": {"spec.after_s": -1.0},
    "neighbours of 1e12": {"spec.neighbours": 10**12},
    "leads of none": {"spec.signal.leads": []},
    "100,000 leads": {"spec.signal.leads": ["II"] * 100_000},
    "inputs of 1e12": {"inputs": [{"name": "x", "shape": [10**12], "unit": "", "meaning": ""}]},
    "no inputs": {"inputs": []},
    "figures of others": {"robustness": [{"name": "x", "y": 1.0}]},
    "a usual QRS of one value": {"usual_qrs": [[1.0]]},
    "a text for a number": {"temperature": "1"},
    "an unknown member": {"more": 1},
}
_TEXTS = {
    "empty": b"",
    "list": b"[]",
    "deep": b"[" * 200_000,
    "digits": b'{"format": ' + b"9" * 10_000 + b"}",
    "no UTF-8": b"\xff\xfe",
    "NaN": b'{"format": NaN}',
}


def _main(folder: Path, record: Path) -> None:
    import onnxruntime  # noqa: F401  its threads and libraries are no bundle's

    import ecg_nas.api  # noqa: F401

    taken = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (taken + MOST_MEMORY,) * 2)
    for bundle in sorted(folder.iterdir()):
        began = time.perf_counter()
        reason = attempt(bundle, record)
        seconds = time.perf_counter() - began
        line = {"name": bundle.name, "seconds": round(seconds, 2), "reason": reason}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    np.seterr(all="ignore")
    _main(Path(sys.argv[1]), Path(sys.argv[2]))
