"""The signal store that a run trains on: the user's own, or one in the cache."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from data_prep import sources
from data_prep.beats import SignalSpec
from data_prep.dataset import MANIFEST, open_store, read_manifest
from data_prep.errors import DataError
from data_prep.events import OnEvent
from data_prep.sources.base import cache_folder
from data_prep.stamp import stamp
from ecg_nas.runs.config import RunConfig


def store_folder(
    config: RunConfig,
    on_event: OnEvent,
    *,
    signal: SignalSpec | None = None,
    labels: Path | None = None,
) -> Path:
    """Return the folder of the store that ``config`` names, prepared if need be.

    Args:
        config: What data; a source, or a folder of WFDB recordings, is prepared in the cache, a
            prepared store is taken as it is.
        on_event: Called with what is being done.
        signal: How to make a source's signals comparable; by default as the source says.
        labels: TOML file that gives each symbol of a source its class; by default that of
            ``config``.

    Raises:
        DataError: If there is no such source or store, or it cannot be prepared.
    """
    source, records = _source(config)
    labels = _path(config.labels) if labels is None else labels
    if source is None:
        folder = Path(config.data)
        if config.labels or config.patients or config.leads or config.annotators:
            raise DataError(
                "labels, patients, leads and annotators must be given where recordings are "
                f"prepared; {folder} is a prepared store: leave them out"
            )
        read_manifest(folder)
        return folder
    on_event({"event": "stage", "text": f"looking for the recordings of {config.data}"})
    if signal is None:
        signal = sources.load(source).signal
        signal = signal if config.leads is None else replace(signal, leads=config.leads)
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
    from data_prep.prepare import prepare  # scipy and wfdb, only where recordings are read

    prepare(source, folder, **chosen, on_event=on_event)
    return folder


def _source(config: RunConfig) -> tuple[str | None, Path | None]:
    """Return the source and the folder of its recordings; no source for a prepared store."""
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
