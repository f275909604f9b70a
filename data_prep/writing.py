"""Files and folders that are written whole or not at all, and checked before they take their name.

What is written lies beside its place until it is on the disk: flushed, and as long as it was
meant to be. A file system may accept bytes and find later that there is no room for them, and a
library may drop the error; so neither a return value nor a finished program proves a file.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from data_prep.errors import DataError

# A full disk, a user's share of it, or the size that this process may write.
_NO_ROOM: Final = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG})
_NO_FOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)  # Windows has none of these three
_NO_WAIT: Final = getattr(os, "O_NONBLOCK", 0)
_BINARY: Final = getattr(os, "O_BINARY", 0)
_PIECE: Final = 1 << 20


@contextmanager
def whole(file: Path, *, error: type[Exception] = DataError) -> Iterator[Path]:
    """Yield the path of an empty file beside ``file`` to write to; at the end it takes its place.

    If writing fails, ``file`` is what it was and nothing is left beside it. If ``file`` is a link,
    the link is replaced, not what it points to.

    Args:
        file: Where the file is to be.
        error: What to raise.

    Raises:
        Exception: ``error``, if it cannot be written.
    """
    # Not made by tempfile, whose files are closed to others whatever the user's umask says.
    part = file.with_name(f".{file.name}.{secrets.token_hex(4)}.part")
    try:
        try:
            os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW, 0o666))
            yield part
            flush(part)
            part.replace(file)
            flush(file.parent)
        finally:
            part.unlink(missing_ok=True)
    except OSError as problem:
        raise error(not_written(file, problem)) from problem


def write_bytes(file: Path, content: bytes, *, error: type[Exception] = DataError) -> None:
    """Write ``content`` to ``file``, whole or not at all.

    Raises:
        Exception: ``error``, if it cannot be written.
    """
    with whole(file, error=error) as part:
        part.write_bytes(content)
        if (size := part.stat().st_size) != len(content):
            raise OSError(errno.EIO, f"{size:,} of {len(content):,} bytes are there")


def is_full(problem: OSError) -> bool:
    """Say whether ``problem`` is that there is no room."""
    return problem.errno in _NO_ROOM


def not_written(path: Path, problem: OSError, *, needed: int | None = None) -> str:
    """Return in one line why ``path`` could not be written, and what to do.

    Args:
        path: What was to be written.
        problem: What the system said.
        needed: Bytes that it takes, if that is known.
    """
    if not is_full(problem):
        reason = problem.strerror or problem
        return f"{path} must be writable, in a folder that exists and can be written ({reason})"
    size = "" if needed is None else f"{_megabytes(needed)} of "
    if problem.errno == errno.EFBIG:
        return (
            f"there must be {size}room for {path}; a file of this process may not be so large: "
            "raise the limit (ulimit -f) and start the same command again"
        )
    return (
        f"there must be {size}room for {path} on its disk, {_disk(path)}; it is full: free some "
        "or choose another folder, and start the same command again"
    )


def _disk(path: Path) -> str:
    """Return where the disk of ``path`` is mounted, and what is free there."""
    place = Path(os.path.realpath(path))
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        free = shutil.disk_usage(place).free
    except OSError:
        return str(place)
    while not place.is_mount() and place != place.parent:
        place = place.parent
    return f"{place} ({_megabytes(free)} free)"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"


def flush(path: Path) -> None:
    """Have the file or the entries of the folder ``path`` on the disk.

    Raises:
        OSError: If they cannot be brought there.
    """
    # A folder cannot be opened everywhere, nor flushed on every file system that can open it.
    # Windows flushes only what is open for writing.
    way = os.O_RDWR if os.name == "nt" and not path.is_dir() else os.O_RDONLY
    try:
        descriptor = os.open(path, way | _BINARY)
    except PermissionError:
        if path.is_dir():
            return
        raise
    try:
        os.fsync(descriptor)
    except OSError as problem:
        if not path.is_dir() or problem.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(descriptor)


def flush_tree(folder: Path) -> None:
    """Have all files under ``folder`` on the disk, and the folders that name them.

    Raises:
        OSError: If they cannot be brought there.
    """
    for inner in sorted(folder.iterdir()):
        if inner.is_dir() and not inner.is_symlink():
            flush_tree(inner)
        else:
            flush(inner)
    flush(folder)


def reserve(file: Path) -> None:
    """Have the room on the disk that the size of ``file`` says, where it was made without.

    Writing into a mapped file without room kills the process.

    Raises:
        OSError: If there is no room.
    """
    with file.open("r+b") as opened:
        size = os.fstat(opened.fileno()).st_size
        if size == 0:
            return
        if hasattr(os, "posix_fallocate"):
            try:
                os.posix_fallocate(opened.fileno(), 0, size)
            except OSError as problem:
                if problem.errno not in (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS):
                    raise
            else:
                return
        _rewrite(opened, size)
        os.fsync(opened.fileno())


def _rewrite(opened: BinaryIO, size: int) -> None:
    """Write over every byte with what it is: holes become blocks."""
    for start in range(0, size, _PIECE):
        opened.seek(start)
        content = opened.read(_PIECE)
        opened.seek(start)
        opened.write(content)
    opened.flush()


def open_own(file: Path, *, append: bool = False) -> int:
    """Open a file of ours in a folder that may come from others; it is made if it is not there.

    Args:
        file: A plain file, or nothing. A link is not followed.
        append: Whether every write goes to its end.

    Returns:
        A descriptor for reading and writing.

    Raises:
        OSError: If it cannot be opened, is a link, or no plain file.
    """
    if file.is_symlink():
        raise OSError(errno.ELOOP, f"{file.name} is a link, which is not followed")
    flags = os.O_RDWR | os.O_CREAT | _NO_FOLLOW | _NO_WAIT | _BINARY
    descriptor = os.open(file, flags | (os.O_APPEND if append else 0), 0o666)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, f"{file.name} is no plain file")


def append_line(file: Path, line: str) -> None:
    """Add ``line`` to the end of a file of ours, on the disk; or leave the file as it was.

    One write of one line: two processes do not mix.

    Raises:
        OSError: If it cannot be written.
    """
    content = f"{line}\n".encode()
    descriptor = open_own(file, append=True)
    try:
        before = os.fstat(descriptor).st_size
        try:
            while content:  # more than once only where there is hardly any room
                content = content[os.write(descriptor, content) :]
            os.fsync(descriptor)
        except OSError:
            with suppress(OSError):
                os.ftruncate(descriptor, before)
            raise
    finally:
        os.close(descriptor)
