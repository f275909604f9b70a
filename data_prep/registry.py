"""Folders that are registries: each of their modules is a plug-in named by its file.

A registry looks into its own package, then into the folder of its kind (``sources``, say) in each
folder that ``ECG_NAS_PLUGINS`` names (several are separated as in ``PATH``) and in each installed
package that is an entry point of the group ``ecg_nas.plugins``.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

VARIABLE = "ECG_NAS_PLUGINS"
"""Names the folders of plug-ins in the environment, which worker processes inherit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """The plug-ins of one kind: modules other than ``base``, without a leading underscore.

    ``my_method.py`` is called ``my-method``. Packages inside a registry are not plug-ins.

    Attributes:
        package: Name of the package that is the registry.
        path: The package's ``__path__``; the folders of plug-ins are appended to it.
        folder: Name of the subfolder that holds this kind in a folder of plug-ins.
        what: What a plug-in is called in messages.
        constant: What each module ends with.
        kind: The type of that constant; if it has a ``name``, then that of its file.
        error: What is raised for the user's mistakes.
    """

    package: str
    path: list[str]
    folder: str
    what: str
    constant: str
    kind: type
    error: type[Exception]

    def __post_init__(self) -> None:
        for root in (*named_folders(), *_installed_folders()):
            room = str(root / self.folder)
            if room not in self.path and Path(room).is_dir():
                self.path.append(room)

    def available(self) -> list[str]:
        """Return the names of the plug-ins, without importing them.

        Raises:
            Exception: ``error``, if two have one name or a folder of plug-ins is not there.
        """
        return sorted(self._files())

    def load(self, name: str) -> Any:
        """Return the constant that the plug-in called ``name`` ends with.

        Raises:
            Exception: ``error``, if there is none of that name, or it does not import or ends
                with something else.
        """
        files = self._files()
        if name not in files:
            raise self.error(f"the {self.what} must be one of {', '.join(files)}; got {name!r}")
        file = files[name]
        try:
            module = importlib.import_module(f"{self.package}.{file.stem}")
        except Exception as error:
            if str(file.parent) == self.path[0]:  # our own: a fault of ours, or a missing extra
                raise
            raise self.error(
                f"the {self.what} {name} must import; {file} raises {type(error).__name__}: {error}"
            ) from error
        found = getattr(module, self.constant, None)
        if not isinstance(found, self.kind):
            raise self.error(
                f"{file} must end with {self.constant} = a {self.kind.__name__}; got {found!r:.80}"
            )
        given = getattr(found, "name", name)
        if given != name:
            raise self.error(
                f"{self.constant} of {file} must have the name of its file, {name!r}; got {given!r}"
            )
        return found

    def _files(self) -> dict[str, Path]:
        """Return the file of each plug-in by name, sorted."""
        for folder in named_folders():
            if not folder.is_dir():
                raise self.error(f"{VARIABLE} must name folders that are there; {folder} is none")
        found: dict[str, Path] = {}
        for name, file in sorted(self._listed()):
            if name in found:
                raise self.error(
                    f"each {self.what} must have a name of its own; {name!r} is both "
                    f"{found[name]} and {file}: rename or remove one"
                )
            found[name] = file
        return found

    def _listed(self) -> Iterator[tuple[str, Path]]:
        for folder in self.path:
            for module in pkgutil.iter_modules([folder]):
                plain = not module.ispkg and not module.name.startswith("_")
                if plain and module.name != "base":
                    yield module.name.replace("_", "-"), Path(folder, f"{module.name}.py")


def named_folders() -> list[Path]:
    """Return the folders that ``ECG_NAS_PLUGINS`` names."""
    names = os.environ.get(VARIABLE, "").split(os.pathsep)
    return [Path(name).absolute() for name in names if name]


@cache
def _installed_folders() -> tuple[Path, ...]:
    specs = [find_spec(entry.module) for entry in entry_points(group="ecg_nas.plugins")]
    return tuple(
        Path(place) for spec in specs if spec for place in spec.submodule_search_locations or ()
    )
