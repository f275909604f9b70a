"""The signal store that a run trains on: the user's own, or one in the cache."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from data_prep.beats.labels import read_mapping
from data_prep.dsp.signal_spec import SignalSpec
from data_prep.errors import DataError
from data_prep.events import OnEvent
from data_prep.sources.base import cache_folder
from data_prep.store.cache_key import cache_key
from data_prep.store.dataset import MANIFEST, open_store, read_manifest
from data_prep.store.found import find_records
from data_prep.store.request import DataRequest, DataSetRequest


def store_folder(request: DataRequest, on_event: OnEvent) -> Path:
    """Return the folder of the store that is asked for, prepared if need be.

    Args:
        request: What data; a source, or a folder of recordings, is prepared in the cache, a
            prepared store is taken as it is.
        on_event: Called with what is being done.

    Raises:
        DataError: If there is no such source or store, it cannot be prepared, or a store was
            prepared otherwise than ``request`` says.
    """
    asked = request.one_set()
    if (store := asked.prepared_store()) is not None:
        _refuse_other(store, asked, request.task)
        return store
    on_event({"event": "stage", "text": f"looking for the recordings of {asked.name}"})
    found = find_records(request, on_event)
    key = cache_key(request, found=found)
    folder = cache_folder() / "stores" / f"{asked.origin().name}-{key}"
    if _is_usable(folder):
        return folder
    on_event({"event": "stage", "text": f"preparing {asked.name}"})
    from data_prep.store.prepare import prepare  # scipy and wfdb, only where recordings are read

    prepare(request, folder, found=found, on_event=on_event)
    return folder


def _refuse_other(folder: Path, request: DataSetRequest, task_name: str | None) -> None:
    """Refuse what a prepared store was not made with, or cannot be compared with it."""
    manifest = read_manifest(folder)
    if request.patients or request.annotators:
        raise DataError(
            "patients and annotators must be given where recordings are prepared; "
            f"{folder} is a prepared store: leave them out"
        )
    task = SignalSpec.from_json(manifest["signal"]).task
    made = {
        "leads": manifest["signal"]["leads"],
        "labels": manifest["symbols"],
        "task": task.name,
    }
    asked = {
        "task": task_name,
        "leads": None if request.leads is None else list(request.leads),
        "labels": None if request.labels is None else read_mapping(request.labels, task),
    }
    for name, value in asked.items():
        if value is not None and value != made[name]:
            raise DataError(
                f"the store {folder} must be prepared with the {name} asked for; it was with "
                f"others ({_short(made[name])}): prepare the recordings with --{name}, or leave "
                "the option out"
            )


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{symbol} = {name}" for symbol, name in value.items())
    return value if isinstance(value, str) else ",".join(value)


def _is_usable(folder: Path) -> bool:
    """Whether a whole store is there; opens the training side only."""
    if not (folder / MANIFEST).is_file():
        return False
    try:
        open_store(folder, "train")
    except DataError:
        return False
    return True
