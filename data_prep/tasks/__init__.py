"""Tasks, what a beat is told to be: one module each; the folder is the registry."""

from __future__ import annotations

from data_prep.errors import DataError
from data_prep.registry import Registry
from data_prep.tasks.base import BeatClass, SymbolMapping, Task

__all__ = ["DEFAULT", "BeatClass", "SymbolMapping", "Task", "available", "load"]

DEFAULT = "aami"
"""The task of files that name none."""

_REGISTRY = Registry(
    package=__name__,
    path=__path__,
    folder="tasks",
    what="task",
    constant="TASK",
    kind=Task,
    error=DataError,
)


def available() -> list[str]:
    """Return the names of the tasks, without importing them."""
    return _REGISTRY.available()


def load(name: str) -> Task:
    """Return the task called ``name``.

    Raises:
        DataError: If there is none of that name, or it is not written as it must be.
    """
    task: Task = _REGISTRY.load(name)
    return task
