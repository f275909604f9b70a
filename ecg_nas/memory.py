"""How much memory this process has taken."""

from __future__ import annotations

import sys


def peak_mib(*, workers: bool = False) -> float | None:
    """Return the most memory that this process has had at once, in MiB; ``None`` on Windows.

    Args:
        workers: Whether to return that of an ended child process where that one had more.
    """
    try:
        import resource
    except ImportError:
        return None
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)[: 1 + workers]
    peak = max(resource.getrusage(one).ru_maxrss for one in who)
    return float(peak) / (2**20 if sys.platform == "darwin" else 2**10)
