"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ecg_nas.errors import RunError


@contextmanager
def whole(file: Path) -> Iterator[Path]:
    """Yield a path beside ``file`` to write to; it takes the place of ``file`` at the end.

    If writing fails, ``file`` is what it was and nothing is left beside it.

    Raises:
        RunError: If it cannot be written.
    """
    # Not made by tempfile, whose files are closed to others whatever the user's umask says.
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        try:
            yield part
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise RunError(
            f"{file} must be writable, in a folder that exists ({error.strerror or error})"
        ) from error


def write_text(file: Path, text: str) -> None:
    """Write ``text`` to ``file`` in UTF-8, whole or not at all.

    Raises:
        RunError: If it cannot be written.
    """
    with whole(file) as part:
        part.write_text(text, encoding="utf-8")
