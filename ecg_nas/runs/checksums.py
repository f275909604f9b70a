"""Digests of the files of a finished run: what was changed, lost or put in since is noticed.

They are written when a search ends, and forgotten when another begins on the same run; whoever
adds a file to a finished run notes it. This finds damage, and changes by hand; it is no signature:
who can write the folder can make all digests anew. The run's store has digests of its own.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from ecg_nas import run_json
from ecg_nas.errors import RunError
from ecg_nas.files import write_text

NAME: Final = "checksums.json"

_LOG: Final = "log.txt"  # only ever added to: what it was is its beginning
_REMADE: Final = ("config.json", "report.html", "summary.json", _LOG, "bundle")
"""What a search on a finished run looks at for itself, and writes anew."""
_KEPT: Final = (
    *("final.json", "final.safetensors", "final.int8.safetensors", "int8.json", "robustness.json"),
    *("held_out.json", "held_out.npz", "held_out", "weights", "candidates", "evaluations"),
)
"""What stays as it was found."""
_CHUNK: Final = 1 << 20


def begin(run: Path) -> None:
    """Compare what a search takes as it finds it, then forget all digests: files change now.

    What it would make anew may be gone; a fold's network that was altered is, where the folds are
    to be trained again.

    Raises:
        RunError: If a file was altered.
    """
    noted = _read(run) or {}
    for name in _names(run, _KEPT):
        is_of_bundle = "/bundle/" in name  # with digests of its own
        if name not in noted or is_of_bundle or _entry(run / name) == noted[name]:
            continue
        if not (name.startswith("held_out/") and not (run / "held_out.json").exists()):
            raise _altered(run / name, "it was altered")
        (run / name).unlink()  # a fold, and the folds are to be trained again
    (run / NAME).unlink(missing_ok=True)


def record(run: Path) -> None:
    """Note the digests of all files of the run in the folder ``run``, which nobody writes to now.

    Raises:
        RunError: If a file cannot be read, or the digests not be written.
    """
    _write(run, {name: _entry(run / name) for name in _names(run)})


@contextmanager
def rewriting(run: Path, *places: str) -> Iterator[None]:
    """Forget the digests of what lies at ``places`` of a run while inside, and note them anew.

    Those of other files stay what they were. A run without digests gets none.

    Args:
        run: The run's folder.
        places: Files or folders in it; none, and nothing is done.

    Raises:
        RunError: If the digests are damaged, or cannot be written.
    """
    noted = _read(run) if places else None
    if noted is not None:
        _write(run, {name: known for name, known in noted.items() if not _lies_at(name, places)})
    try:
        yield
    finally:
        if noted is not None:
            kept = {name: known for name, known in noted.items() if not _lies_at(name, places)}
            _write(run, {**kept, **{name: _entry(run / name) for name in _names(run, places)}})


def check(run: Path) -> int | None:
    """Compare all files of a finished run with their digests.

    Returns:
        How many files are as they were written; ``None`` where none has a digest: the run goes on,
        or is of a release that noted none. What somebody put in does not count.

    Raises:
        RunError: If a file was altered or is gone.
    """
    noted = _read(run)
    if noted is None:
        return None
    if lost := sorted(set(noted) - set(_names(run))):
        raise _altered(run / lost[0], "it is gone")
    for name in noted:
        most = noted[name]["bytes"] if name == _LOG else None
        if _entry(run / name, most) != noted[name]:
            raise _altered(run / name, "it was altered")
    return len(noted)


def _names(run: Path, places: tuple[str, ...] = (*_REMADE, *_KEPT)) -> list[str]:
    """Return the files at ``places`` in a run's folder, by their paths in it.

    Links to folders are not followed. A hidden file is what a killed process was writing.
    """
    found = []
    for folder, _, files in os.walk(run):
        for file in files:
            name = (Path(folder) / file).relative_to(run).as_posix()
            if _lies_at(name, places) and not file.startswith("."):
                found.append(name)
    return sorted(found)


def _lies_at(name: str, places: tuple[str, ...]) -> bool:
    return any(name == place or name.startswith(f"{place}/") for place in places)


def _entry(file: Path, most: int | None = None) -> dict[str, Any]:
    """Return size and digest of a file, or of its first ``most`` bytes."""
    digest, size = hashlib.sha256(), 0
    try:
        if not stat.S_ISREG(file.lstat().st_mode):
            raise _altered(file, "it is no plain file")
        with file.open("rb") as opened:
            while chunk := opened.read(_CHUNK if most is None else min(_CHUNK, most - size)):
                digest.update(chunk)
                size += len(chunk)
    except OSError as error:
        raise _altered(file, f"it cannot be read ({error.strerror})") from error
    return {"bytes": size, "sha256": digest.hexdigest()}


def _read(run: Path) -> dict[str, dict[str, Any]] | None:
    file = run / NAME
    shape = {"files": run_json.Each({"bytes": int, "sha256": str}), "digest": str}
    try:
        content = run_json.load(file, shape)
    except FileNotFoundError:
        return None
    if file.read_bytes() != _text(content["files"]).encode():
        raise _altered(file, "it was altered")
    noted: dict[str, dict[str, Any]] = content["files"]
    return noted


def _write(run: Path, noted: dict[str, dict[str, Any]]) -> None:
    write_text(run / NAME, _text(noted))


def _text(noted: dict[str, dict[str, Any]]) -> str:
    """Return the one text that stands for ``noted``, its own digest in it."""
    files = json.dumps(noted, sort_keys=True)
    content = {"files": noted, "digest": hashlib.sha256(files.encode()).hexdigest()}
    return json.dumps(content, sort_keys=True, indent=1) + "\n"


def _altered(file: Path, what: str) -> RunError:
    return RunError(
        f"the files of a finished run must be as they were written; of {file}, {what}: restore it "
        "from a copy, or search again in another run folder"
    )
