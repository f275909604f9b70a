"""What a run's store says in one line when it cannot be used, and what it refuses to take."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ecg_nas.errors import RunError
from ecg_nas.methods.engine.row_digests import AlteredError
from search_spaces.base import KEY_DIGITS, is_key

_SMALL = 1 << 16  # bytes; SQLite cannot work with less, and calls what then happens by other names


@contextmanager
def clear_errors(path: Path) -> Iterator[None]:
    """Turn what SQLite, JSON or a digest says of the store ``path`` into one line.

    Raises:
        RunError: That line.
    """
    try:
        yield
    except (sqlite3.Error, ValueError, AlteredError) as error:  # JSON and UTF-8 are values
        if _is_full(path, error):
            raise RunError(
                f"there must be room on the disk of {path}; it is full: free some and start the "
                "same command again, it goes on with what is stored"
            ) from error
        raise RunError(
            f"the run store {path} cannot be used ({' '.join(str(error).split())}); restore the "
            "file from a copy or start in another run folder"
        ) from error


def _is_full(path: Path, error: Exception) -> bool:
    if not isinstance(error, sqlite3.OperationalError):
        return False
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
        return True
    # A file that cannot grow, or a user's share of the disk that is spent, is an "I/O error".
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code not in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
        return False
    try:
        return shutil.disk_usage(path.parent).free < _SMALL
    except OSError:
        return False


def refuse_links(path: Path) -> None:
    """Refuse a store, or one of the files that SQLite keeps beside it, that is a link.

    Raises:
        RunError: If one is: SQLite would write where it points to.
    """
    for file in (path, *(path.with_name(f"{path.name}{end}") for end in ("-wal", "-shm"))):
        if file.is_symlink():
            raise RunError(
                f"a run's store must lie in the run's folder; {file} is a link, which is not "
                "followed: put in its place what it points to"
            )


def refuse_other_keys(keys: Iterable[str]) -> None:
    """Refuse what cannot be the key of an architecture; files and folders bear keys.

    Raises:
        AlteredError: If there is such a key.
    """
    for key in keys:
        if not is_key(key):
            raise AlteredError(f"a key must be {KEY_DIGITS} hex digits; it has {key!r:.60}")
