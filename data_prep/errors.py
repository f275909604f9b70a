"""The one error family of this package."""

from __future__ import annotations


class DataError(ValueError):
    """Recordings, labels or a signal store are not what they must be.

    The message is one line for the user: what must hold, what was given, where, what to do.
    """
