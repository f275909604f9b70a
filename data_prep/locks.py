"""Locks between processes: gone with the process that holds them, even after ``kill -9``."""

from __future__ import annotations

from types import ModuleType

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows has no such locks
    fcntl = None


def take_lock(descriptor: int, *, shared: bool = False, wait: bool = False) -> bool:
    """Lock an open file or folder until it is closed; say whether that could be had.

    Where the system has no such locks, it always can: two processes in one folder are then not
    told of each other.

    Args:
        descriptor: What ``os.open`` or ``fileno()`` returned.
        shared: Whether others may hold it, too, if they also want it shared.
        wait: Whether to wait for whoever has it.
    """
    if fcntl is None:
        return True
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(descriptor, kind if wait else kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
