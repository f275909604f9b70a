"""Tasks, what a beat is told to be: one module each; the folder is the registry."""

from __future__ import annotations

import importlib
import pkgutil

from data_prep.errors import DataError
from data_prep.tasks.base import BeatClass, SymbolMapping, Task

__all__ = ["DEFAULT", "BeatClass", "SymbolMapping", "Task", "available", "load"]

DEFAULT = "aami"
"""The task of files that name none."""


def available() -> list[str]:
    """Return the names of the tasks, without importing them."""
    return sorted(
        module.name
        for module in pkgutil.iter_modules(__path__)
        if module.name != "base" and not module.name.startswith("_")
    )


def load(name: str) -> Task:
    """Return the task called ``name``.

    Raises:
        DataError: If there is none of that name.
    """
    if name not in available():
        raise DataError(f"the task must be one of {', '.join(available())}; got {name!r}")
    task = importlib.import_module(f"data_prep.tasks.{name}").TASK
    if not isinstance(task, Task):
        raise TypeError(f"data_prep/tasks/{name}.py must end with TASK = a Task")
    return task
