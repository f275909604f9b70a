"""The files of all search spaces: ours, and those in folders of plug-ins.

The same rule as for all other plug-ins, in ``data_prep.registry``, of which this package knows
nothing.
"""

from __future__ import annotations

import os
import pkgutil
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

from search_spaces.base import ArchitectureError


def named_folders() -> list[Path]:
    """Return the folders that ``ECG_NAS_PLUGINS`` names."""
    names = os.environ.get("ECG_NAS_PLUGINS", "").split(os.pathsep)
    return [Path(name).absolute() for name in names if name]


def room_folders() -> list[str]:
    """Return the folder ``spaces`` of each folder of plug-ins and each installed package of them.

    Such a package is an entry point of the group ``ecg_nas.plugins``.
    """
    specs = [find_spec(entry.module) for entry in entry_points(group="ecg_nas.plugins")]
    places = [place for spec in specs if spec for place in spec.submodule_search_locations or ()]
    rooms = [root / "spaces" for root in (*named_folders(), *map(Path, places))]
    return [str(room) for room in rooms if room.is_dir()]


def files(path: list[str]) -> dict[str, Path]:
    """Return the file of each space in the folders of ``path`` by name, sorted.

    Raises:
        ArchitectureError: If two have one name, or a folder of plug-ins is not there.
    """
    for folder in named_folders():
        if not folder.is_dir():
            raise ArchitectureError(
                f"ECG_NAS_PLUGINS must name folders that are there; {folder} is none"
            )
    found: dict[str, Path] = {}
    listed = [(m.name, place) for place in path for m in pkgutil.iter_modules([place])]
    for module, place in sorted(listed):
        name, file = module.replace("_", "-"), Path(place, f"{module}.py")
        if module == "base" or module.startswith("_"):
            continue
        if name in found:
            raise ArchitectureError(
                f"each search space must have a name of its own; {name!r} is both {found[name]} "
                f"and {file}: rename or remove one"
            )
        found[name] = file
    return found
