"""Search methods, one file each: the folder is the registry. What runs them is in ``engine``.

A method is named by its file (``local_search.py`` is ``local-search``), which ends with
``METHOD``. Importing one does not import torch: its settings are read where there is none.
"""

from __future__ import annotations

from data_prep.registry import Registry
from ecg_nas import variants
from ecg_nas.errors import ConfigError
from ecg_nas.methods.base import Method, SearchAlgorithm

__all__ = ["Method", "SearchAlgorithm", "available", "load", "with_variants"]

_REGISTRY = Registry(
    package=__name__,
    path=__path__,
    folder="methods",
    what="method",
    constant="METHOD",
    kind=Method,
    error=ConfigError,
)


def available() -> list[str]:
    """Return the names of the methods, without importing them."""
    return _REGISTRY.available()


def with_variants() -> list[str]:
    """Return the names of the methods and, behind each, of its variants."""
    return variants.available(_REGISTRY)


def load(name: str) -> Method:
    """Return the method, or the variant of one, called ``name``.

    Raises:
        ConfigError: If there is none of that name, or it is not written as it must be.
    """
    method: Method = variants.load(_REGISTRY, name)
    return method
