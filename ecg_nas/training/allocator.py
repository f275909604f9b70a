"""Keep what a training frees for its next step, instead of giving it back to the system.

Activations of a batch are around a megabyte. The C library gives such blocks back when they are
freed, and every step then waits for the kernel to hand out and zero its pages again: on Linux that
is a quarter to half of the time of a step.
"""

from __future__ import annotations

import ctypes
from functools import cache

_MMAP_THRESHOLD, _TRIM_THRESHOLD, _TOP_PAD = -3, -1, -2  # names of glibc's mallopt(3)

_BLOCK = 32 * 2**20  # larger ones (data sets) still go back at once; glibc allows no more
_KEPT = 512 * 2**20


@cache
def keep_freed_memory() -> bool:
    """Tell the C library to keep up to 512 MiB of freed memory; return whether it can be told.

    It holds for the whole process, and for good.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # not glibc
        return False
    settings = ((_MMAP_THRESHOLD, _BLOCK), (_TRIM_THRESHOLD, _KEPT), (_TOP_PAD, 64 * 2**20))
    return all(mallopt(name, value) == 1 for name, value in settings)
