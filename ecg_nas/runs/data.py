"""The signal store that a run trains on: the user's own, or one in the cache."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from data_prep import sources
from data_prep.beats.labels import read_mapping
from data_prep.dsp.signal_spec import SignalSpec
from data_prep.errors import DataError
from data_prep.events import OnEvent
from data_prep.sources.base import cache_folder
from data_prep.store.cache_key import stamp
from data_prep.store.dataset import MANIFEST, open_store, read_manifest
from ecg_nas.runs.config import RunConfig


def store_folder(config: RunConfig, on_event: OnEvent, *, signal: SignalSpec | None = None) -> Path:
    """Return the folder of the store that ``config`` names, prepared if need be.

    Args:
        config: What data; a source, or a folder of WFDB recordings, is prepared in the cache, a
            prepared store is taken as it is.
        on_event: Called with what is being done.
        signal: How to make a source's signals comparable, but for leads and labels that ``config``
            names; by default as the source says.

    Raises:
        DataError: If there is no such source or store, it cannot be prepared, or a store was
            prepared otherwise than ``config`` says.
    """
    source, records = source_of(config)
    if source is None:
        _refuse_other(Path(config.data), config)
        return Path(config.data)
    on_event({"event": "stage", "text": f"looking for the recordings of {config.data}"})
    signal = sources.load(source).signal if signal is None else signal
    labels = _path(config.labels)
    if config.leads is not None:
        signal = replace(signal, leads=config.leads)
    if labels is not None:  # as prepare names it: a search and an evaluation share the store
        signal = replace(signal, mapping=labels.stem)
    chosen: dict[str, Any] = {
        "records": records,
        "signal": signal,
        "split": config.split,
        "labels": labels,
        "patients": _path(config.patients),
        "annotators": config.annotators,
    }
    folder = cache_folder() / "stores" / f"{source}-{stamp(source, **chosen, on_event=on_event)}"
    if _is_usable(folder):
        return folder
    on_event({"event": "stage", "text": f"preparing {config.data}"})
    from data_prep.store.prepare import prepare  # scipy and wfdb, only where recordings are read

    prepare(source, folder, **chosen, on_event=on_event)
    return folder


def source_of(config: RunConfig) -> tuple[str | None, Path | None]:
    """Return the source and the folder of its recordings; no source for a prepared store.

    Raises:
        DataError: If the data are neither a source nor a folder.
    """
    if config.data in sources.available():
        return config.data, _path(config.records)
    folder = Path(config.data)
    if not folder.is_dir():
        raise DataError(
            f"the data must be a source ({', '.join(sources.available())}), the folder of a "
            f"prepared store or one of WFDB recordings; got {config.data!r}"
        )
    if not (folder / MANIFEST).is_file() and next(folder.glob("*.hea"), None) is not None:
        return "wfdb", folder
    return None, None


def _refuse_other(folder: Path, config: RunConfig) -> None:
    """Refuse what a prepared store was not made with, or cannot be compared with it."""
    manifest = read_manifest(folder)
    if config.patients or config.annotators:
        raise DataError(
            "patients and annotators must be given where recordings are prepared; "
            f"{folder} is a prepared store: leave them out"
        )
    made = {"leads": manifest["signal"]["leads"], "labels": manifest["symbols"]}
    asked = {
        "leads": None if config.leads is None else list(config.leads),
        "labels": None if config.labels is None else read_mapping(Path(config.labels)),
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
    return ",".join(value)


def _path(name: str | None) -> Path | None:
    return None if name is None else Path(name)


def _is_usable(folder: Path) -> bool:
    """Whether a whole store is there; opens the training side only."""
    if not (folder / MANIFEST).is_file():
        return False
    try:
        open_store(folder, "train")
    except DataError:
        return False
    return True
