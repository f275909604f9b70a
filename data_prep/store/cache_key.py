"""Tell quickly whether ``prepare`` would read what it read before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data_prep.errors import DataError
from data_prep.events import OnEvent, ignore
from data_prep.io.annotations import annotation_file
from data_prep.store.dataset import VERSION
from data_prep.store.found import FoundRecord, find_records
from data_prep.store.request import DataRequest


def cache_key(
    request: DataRequest,
    on_event: OnEvent = ignore,
    *,
    found: Sequence[FoundRecord] | None = None,
) -> str:
    """Return a short name for what ``prepare`` would make of ``request``.

    From settings, and names, sizes and times of the files, in milliseconds; the fingerprint needs
    all signals read. The same name means that nothing was changed, and another one does not mean
    that anything was: as good as needed for a cache on one machine.

    Args:
        request: What data.
        on_event: Called with what the source does to find its recordings.
        found: Its records, where they were found already.

    Raises:
        DataError: If a file is missing, a header malformed, or several data sets are asked for.
    """
    asked = request.one_set()
    origin, split = asked.origin(), request.split_name()
    state: list[Any] = [VERSION, origin.name, request.signal_spec().to_json()]
    state.append(asked.annotators and list(asked.annotators))
    state += [split, _text(Path(split)) if Path(split).is_file() else None]
    for file in (asked.labels, asked.patients):
        state.append(None if file is None else [file.stem, _text(file)])
    for one in find_records(request, on_event) if found is None else found:
        ref, recording = one.ref, one.recording
        wanted = (ref.annotator,) if asked.annotators is None else asked.annotators
        notes = [annotation_file(recording.path, name) for name in wanted]
        state.append([ref.name, ref.patient])
        files = [*recording.files, *(file for file in notes if file is not None)]
        state += [_status(file) for file in files if file.is_file()]
    return hashlib.blake2b(json.dumps(state).encode(), digest_size=8).hexdigest()


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise DataError(f"{file} must be a file that can be read: {error}") from error


def _status(file: Path) -> list[Any]:
    status = file.stat()
    return [str(file.absolute()), status.st_size, status.st_mtime_ns]
