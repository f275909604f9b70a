"""The signal store that a run trains on: the user's own, or one in the cache."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from data_prep import sources
from data_prep.beats import SignalSpec
from data_prep.dataset import MANIFEST, VERSION, open_store, read_manifest
from data_prep.errors import DataError
from data_prep.labels import read_mapping
from data_prep.sources.base import cache_folder
from ecg_nas.runs.config import RunConfig

OnEvent = Callable[[Mapping[str, Any]], None]


def store_folder(
    config: RunConfig,
    on_event: OnEvent,
    *,
    signal: SignalSpec | None = None,
    labels: Path | None = None,
) -> Path:
    """Return the folder of the store that ``config`` names, prepared if need be.

    Args:
        config: What data; a source is prepared in the cache, a prepared store is taken as it is.
        on_event: Called with what is being done.
        signal: How to make a source's signals comparable; by default as the source says.
        labels: TOML file that gives each symbol of a source its class.

    Raises:
        DataError: If there is no such source or store, or it cannot be prepared.
    """
    if config.data not in sources.available():
        folder = Path(config.data)
        if not folder.is_dir():
            raise DataError(
                f"the data must be a source ({', '.join(sources.available())}) or the folder of a "
                f"prepared store; got {config.data!r}"
            )
        read_manifest(folder)
        return folder
    records = Path(config.records) if config.records is not None else None
    on_event({"event": "stage", "text": f"looking for the recordings of {config.data}"})
    signal = sources.load(config.data).signal if signal is None else signal
    folder = cache_folder() / "stores" / f"{config.data}-{_name(config, records, signal, labels)}"
    if _is_usable(folder):
        return folder
    on_event({"event": "stage", "text": f"preparing {config.data}"})
    from data_prep.prepare import prepare  # scipy and wfdb, only where recordings are read

    prepare(
        config.data,
        folder,
        records=records,
        signal=signal,
        split=config.split,
        labels=labels,
        on_event=on_event,
    )
    return folder


def _is_usable(folder: Path) -> bool:
    """Whether a whole store is there; opens the training side only."""
    if not (folder / MANIFEST).is_file():
        return False
    try:
        open_store(folder, "train")
    except DataError:
        return False
    return True


def _name(config: RunConfig, records: Path | None, signal: SignalSpec, labels: Path | None) -> str:
    """Return a name for what ``prepare`` would read, from the files' sizes and times.

    Cheaper than the fingerprint, which needs all recordings read, and as good for a cache.
    """
    source = sources.load(config.data)
    state = hashlib.blake2b(digest_size=8)
    split = Path(config.split)
    text = split.read_text(encoding="utf-8") if split.is_file() else config.split
    state.update(json.dumps([VERSION, text, signal.to_json()]).encode())
    if labels is not None:
        state.update(
            json.dumps(sorted(read_mapping(labels).items())).encode() + labels.stem.encode()
        )
    for ref in source.records(records):
        for file in sorted(ref.path.parent.glob(f"{ref.path.name}.*")):
            status = file.stat()
            entry = [str(file.absolute()), status.st_size, status.st_mtime_ns, ref.patient]
            state.update(json.dumps(entry).encode())
    return state.hexdigest()
