"""Sources of recordings: one module each; the folder is the registry."""

from __future__ import annotations

import importlib
import pkgutil

from data_prep.errors import DataError
from data_prep.sources.base import RecordRef, Source
from data_prep.splits import Assignment

__all__ = ["Assignment", "RecordRef", "Source", "available", "load"]


def available() -> list[str]:
    """Return the names of the sources, without importing them."""
    return sorted(
        module.name
        for module in pkgutil.iter_modules(__path__)
        if module.name != "base" and not module.name.startswith("_")
    )


def load(name: str) -> Source:
    """Return the source called ``name``.

    Raises:
        DataError: If there is none of that name.
    """
    if name not in available():
        raise DataError(f"the source must be one of {', '.join(available())}; got {name!r}")
    source = importlib.import_module(f"data_prep.sources.{name}").SOURCE
    if not isinstance(source, Source):
        raise TypeError(f"data_prep/sources/{name}.py must end with SOURCE = a Source")
    return source
