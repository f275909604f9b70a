"""Sources of recordings: one module each; the folder is the registry."""

from __future__ import annotations

from data_prep.errors import DataError
from data_prep.registry import Registry
from data_prep.sources.base import RecordRef, Source
from data_prep.splits import Assignment

__all__ = ["Assignment", "RecordRef", "Source", "available", "load"]

_REGISTRY = Registry(
    package=__name__,
    path=__path__,
    folder="sources",
    what="source",
    constant="SOURCE",
    kind=Source,
    error=DataError,
)


def available() -> list[str]:
    """Return the names of the sources, without importing them."""
    return _REGISTRY.available()


def load(name: str) -> Source:
    """Return the source called ``name``.

    Raises:
        DataError: If there is none of that name, or it is not written as it must be.
    """
    source: Source = _REGISTRY.load(name)
    return source
