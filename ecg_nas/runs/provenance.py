"""What results keep of how they were made: settings, data, versions."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

from data_prep import tasks
from data_prep.store.dataset import open_store
from ecg_nas.runs.config import RunConfig, to_json

_NOT_OF_TRAININGS = frozenset(
    {"data", "method", "budget", "algorithm", "confirm", "final"}
    | {"inherit"}  # without a search there is nobody to inherit from
)


def of_trainings(config: RunConfig) -> dict[str, Any]:
    """Return the settings that random architectures and their scores depend on, as JSON.

    Not what the data are, which their fingerprint holds.
    """
    return {name: v for name, v in to_json(config).items() if name not in _NOT_OF_TRAININGS}


def of_data(folder: Path) -> dict[str, Any]:
    """Return what tells the data of a store from others: fingerprint, source, split and task."""
    side = open_store(folder, "train")
    task = side.signal_spec.task
    return {
        "fingerprint": side.fingerprint,
        "source": side.manifest.get("source"),
        "split": side.manifest.get("split"),
        **({} if task == tasks.load(tasks.DEFAULT) else {"task": task.to_json()}),
    }


def of_versions() -> dict[str, str]:
    """Return the versions of what trains."""
    return {name: version(name) for name in ("ecg-nas", "numpy", "torch")}
