"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ecg_nas.errors import RunError


@contextmanager
def whole(file: Path) -> Iterator[Path]:
    """Yield a path beside ``file`` to write to; it takes the place of ``file`` at the end.

    Raises:
        RunError: If it cannot be written.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
        os.close(handle)
        part = Path(name)
        try:
            yield part
            part.chmod(0o644)  # mkstemp's files are closed to others
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise RunError(f"{file} must be writable ({error.strerror or error})") from error
