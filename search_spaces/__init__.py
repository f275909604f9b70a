"""Search spaces: one module each; the folder is the registry."""

from __future__ import annotations

import importlib
import pkgutil

from search_spaces._confined import ConfinedSpace
from search_spaces.base import Architecture, ArchitectureError, CellGraph, Cost, SearchSpace

__all__ = [
    "Architecture",
    "ArchitectureError",
    "CellGraph",
    "ConfinedSpace",
    "Cost",
    "SearchSpace",
    "available",
    "load",
]


def available() -> list[str]:
    """Return the names of the spaces, without importing them."""
    return sorted(
        module.name
        for module in pkgutil.iter_modules(__path__)
        if module.name != "base" and not module.name.startswith("_")
    )


def load(name: str) -> SearchSpace:
    """Return the space called ``name``.

    Raises:
        ArchitectureError: If there is none of that name.
    """
    if name not in available():
        raise ArchitectureError(
            f"the search space must be one of {', '.join(available())}; got {name!r}"
        )
    space = importlib.import_module(f"search_spaces.{name}").SPACE
    if not isinstance(space, SearchSpace):
        raise TypeError(f"search_spaces/{name}.py must end with SPACE = a SearchSpace")
    return space
