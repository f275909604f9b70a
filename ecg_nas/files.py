"""Files that appear whole or not at all; see :mod:`data_prep.writing`."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from data_prep import writing
from ecg_nas.errors import RunError


def whole(file: Path) -> AbstractContextManager[Path]:
    """Give the path of an empty file beside ``file`` to write to; at the end it takes its place.

    If writing fails, ``file`` is what it was and nothing is left beside it.

    Raises:
        RunError: If it cannot be written.
    """
    return writing.whole(file, error=RunError)


def write_bytes(file: Path, content: bytes) -> None:
    """Write ``content`` to ``file``, whole or not at all.

    Raises:
        RunError: If it cannot be written.
    """
    writing.write_bytes(file, content, error=RunError)


def write_text(file: Path, text: str) -> None:
    """Write ``text`` to ``file`` in UTF-8, whole or not at all.

    Raises:
        RunError: If it cannot be written.
    """
    write_bytes(file, text.encode("utf-8"))
