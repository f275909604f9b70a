"""Search spaces: one module each; the folder is the registry."""

from __future__ import annotations

import importlib

from search_spaces import _plugins
from search_spaces._confined import ConfinedSpace
from search_spaces._cost import measured_cost
from search_spaces._json import read_parts
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
    "measured_cost",
    "read_parts",
]


__path__ += [room for room in _plugins.room_folders() if room not in __path__]


def available() -> list[str]:
    """Return the names of the spaces, without importing them.

    Raises:
        ArchitectureError: If two have one name, or a folder of plug-ins is not there.
    """
    return list(_plugins.files(__path__))


def load(name: str) -> SearchSpace:
    """Return the space called ``name``.

    Raises:
        ArchitectureError: If there is none of that name, or it is not written as it must be.
    """
    files = _plugins.files(__path__)
    if name not in files:
        raise ArchitectureError(f"the search space must be one of {', '.join(files)}; got {name!r}")
    file = files[name]
    try:
        module = importlib.import_module(f"search_spaces.{file.stem}")
    except Exception as error:
        if str(file.parent) == __path__[0]:  # ours: the fault is ours, too
            raise
        raise ArchitectureError(
            f"the search space {name} must import; {file} raises {type(error).__name__}: {error}"
        ) from error
    space = getattr(module, "SPACE", None)
    if not isinstance(space, SearchSpace) or space.name != name:
        raise ArchitectureError(
            f"{file} must end with SPACE = a SearchSpace whose name is {name!r}; got {space!r:.80}"
        )
    return space
