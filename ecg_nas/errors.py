"""The one error family of this package."""

from __future__ import annotations


class EcgNasError(Exception):
    """Something the user can put right.

    The message is one line: what must hold, what was given, where, what to do.
    """


class ConfigError(EcgNasError, ValueError):
    """A setting, a name or a combination of them is not allowed."""


class RunError(EcgNasError, RuntimeError):
    """A run folder, its store or its lock is not in a usable state."""


class BundleError(EcgNasError, ValueError):
    """An exported bundle is incomplete, altered or of another format."""


class TableError(EcgNasError, ValueError):
    """A benchmark's table is missing, damaged or not the one that was asked for."""
