"""Tell quickly whether ``prepare`` would read what it read before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data_prep import sources
from data_prep.dsp.signal_spec import SignalSpec
from data_prep.errors import DataError
from data_prep.events import OnEvent, ignore
from data_prep.io.header import record_files
from data_prep.store.dataset import VERSION


def stamp(
    source: str,
    *,
    records: Path | None = None,
    signal: SignalSpec | None = None,
    split: str = "standard",
    labels: Path | None = None,
    patients: Path | None = None,
    annotators: Sequence[str] | None = None,
    on_event: OnEvent = ignore,
) -> str:
    """Return a short name for what ``prepare`` would make of these arguments.

    From settings, and names, sizes and times of the files, in milliseconds; the fingerprint needs
    all signals read. The same name means that nothing was changed, and another one does not mean
    that anything was: as good as needed for a cache on one machine.

    Args:
        source: As for ``prepare``, and so are the others.
        records: Folder of the recordings.
        signal: How to make the signals comparable.
        split: A split of the source, or a TOML file.
        labels: TOML file of symbols and classes.
        patients: Table of records and patients.
        annotators: Annotation files in order of preference.
        on_event: Called with what the source does to find its recordings.

    Raises:
        DataError: If a file is missing, or a header malformed.
    """
    origin = sources.load(source)
    spec = origin.signal if signal is None else signal
    state: list[Any] = [VERSION, source, spec.to_json(), annotators and list(annotators)]
    state += [split, _text(Path(split)) if Path(split).is_file() else None]
    state += [None if file is None else [file.stem, _text(file)] for file in (labels, patients)]
    for ref in origin.records(records, on_event):
        wanted = (ref.annotator,) if annotators is None else annotators
        notes = [ref.path.with_name(f"{ref.path.name}.{name}") for name in wanted]
        state.append([ref.name, ref.patient])
        state += [_status(file) for file in [*record_files(ref.path), *notes] if file.is_file()]
    return hashlib.blake2b(json.dumps(state).encode(), digest_size=8).hexdigest()


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise DataError(f"{file} must be a file that can be read: {error}") from error


def _status(file: Path) -> list[Any]:
    status = file.stat()
    return [str(file.absolute()), status.st_size, status.st_mtime_ns]
