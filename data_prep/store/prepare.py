"""Recordings in, signal store out: the only walk over all signals."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_prep import writing
from data_prep.dsp import gaps
from data_prep.dsp.filters import condition_parts, resampled_length, resampled_positions
from data_prep.errors import DataError
from data_prep.events import OnEvent, ignore
from data_prep.io.annotations import BEAT_SYMBOLS
from data_prep.io.record import Record
from data_prep.splits import Side
from data_prep.store.dataset import (
    BEAT_ARRAYS,
    FORMAT,
    MANIFEST,
    NOTE_ARRAYS,
    VERSION,
    StoredRecord,
    digest,
    digest_of,
    open_store,
    read_manifest,
)
from data_prep.store.found import FoundRecord
from data_prep.store.plan import Plan, PlannedRecord, make_plan
from data_prep.store.request import DataRequest

SIDES: tuple[Side, ...] = ("train", "test")


def prepare(
    request: DataRequest,
    out: Path,
    *,
    found: Sequence[FoundRecord] | None = None,
    on_event: OnEvent = ignore,
) -> dict[str, Any]:
    """Write the signal store of the data asked for into the folder ``out``.

    The folder appears whole or not at all. If it holds the store of the same recordings and
    settings already, it is left as it is; a damaged one is replaced, and what others put beside
    its own files stays.

    Args:
        request: What data: one data set, of recordings.
        out: Folder to make; its parents are made too.
        found: The records of the data set, where they were found already.
        on_event: Called after each record with ``event="record"``, ``name``, ``done``, ``total``,
            and with what the source does to find its recordings.

    Returns:
        The manifest of the store.

    Raises:
        DataError: If recordings or settings are unusable, or ``out`` holds something else.
    """
    out = Path(out)
    existing = _existing(out)
    plan = make_plan(request, found=found, on_event=on_event)
    if existing is not None and existing["settings"] != _settings(plan):
        raise DataError(
            f"{out} must hold a store of the same settings, or nothing; it was made from source "
            f"{existing.get('source')} with other ones: choose another folder"
        )
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            dir=out.parent, prefix=f".{out.name}-", ignore_cleanup_errors=True
        ) as folder:
            built = Path(folder) / "store"
            manifest = _build(plan, built, on_event)
            writing.flush_tree(built)
            if existing is None:
                # Replaces an empty folder; a full one was refused.
                built.replace(out)
                writing.flush(out.parent)
            elif existing["fingerprint"] != manifest["fingerprint"]:
                raise DataError(
                    f"{out} must hold a store of the same recordings, or nothing; these recordings "
                    "are others: choose another folder"
                )
            elif not _is_whole(out, manifest):
                _carry_over(out, built)
                out.rename(Path(folder) / "damaged")
                built.replace(out)
                writing.flush(out.parent)
    except OSError as error:
        raise DataError(writing.not_written(out, error, needed=_bytes_of(plan))) from error
    return manifest


def _carry_over(old: Path, new: Path) -> None:
    """Keep what others put into a store: the record of who looked at its test patients."""
    for file in old.iterdir():
        if file.is_file() and file.name != MANIFEST:
            shutil.copy2(file, new / file.name)


def _existing(out: Path) -> dict[str, Any] | None:
    """Return the manifest of the store at ``out``; refuse what is not a store."""
    try:
        if not out.exists() or (out.is_dir() and not any(out.iterdir())):
            return None
    except OSError as error:
        raise DataError(f"{out} must be a folder that can be written: {error}") from error
    if not (out / MANIFEST).is_file():
        raise DataError(
            f"{out} must be a signal store, an empty folder, or nothing; it holds other files: "
            "choose another folder"
        )
    manifest = read_manifest(out)
    if not {"settings", "fingerprint", "digests"} <= manifest.keys():
        raise DataError(f"{out / MANIFEST} must be complete; it is not: choose another folder")
    return manifest


def _settings(plan: Plan) -> dict[str, Any]:
    """Return what was asked for, apart from the recordings: the sides are of their content."""
    return {
        "version": VERSION,
        "source": plan.source,
        "split": plan.split,
        "signal": plan.signal.to_json(),
        "symbols": dict(sorted(plan.symbols.items())),
    }


def _is_whole(out: Path, manifest: Mapping[str, Any]) -> bool:
    """Say whether the store at ``out`` can be opened and is what was just built again."""
    try:
        for side in SIDES:
            open_store(out, side).check()
    except DataError:
        return False
    return bool(read_manifest(out)["digests"] == manifest["digests"])


def _build(plan: Plan, folder: Path, on_event: OnEvent) -> dict[str, Any]:
    """Write a store into ``folder``; the fingerprint is of settings and recordings as read."""
    settings = _settings(plan)
    state = hashlib.blake2b(json.dumps(settings, sort_keys=True).encode(), digest_size=16)
    digests: dict[str, str] = {}
    missing: list[dict[str, Any]] = []
    done = 0
    signals = {side: _new_signals(folder / side, plan, side) for side in SIDES}
    for side in SIDES:
        stored = []
        beats: list[dict[str, NDArray[Any]]] = []
        notes: list[dict[str, NDArray[Any]]] = []
        signal, baseline = signals[side]
        offset = 0
        for index, planned in enumerate(plan.on(side)):
            record = _read(planned, plan)
            state.update(_content(record, side))
            parts = condition_parts(record.signal, record.fs_hz, plan.signal)
            filtered = parts.signal
            signal[offset : offset + len(filtered)] = filtered
            if baseline is not None:
                baseline[offset : offset + len(filtered)] = parts.baseline
            stored.append(_stored(planned, record, offset, len(filtered)))
            missing += _gaps(stored[-1])
            beats.append(_beat_arrays(planned, record, len(filtered), plan.signal.fs_hz, index))
            notes.append(_note_arrays(record, index))
            offset += len(filtered)
            done += 1
            on_event(
                {"event": "record", "name": record.name, "done": done, "total": len(plan.records)}
            )
        arrays: dict[str, Any] = {
            name: np.concatenate([b[name] for b in beats]) for name in BEAT_ARRAYS
        }
        np.savez(folder / side / "beats.npz", **arrays)
        note_arrays: dict[str, Any] = {
            name: np.concatenate([n[name] for n in notes]) for name in NOTE_ARRAYS
        }
        np.savez_compressed(folder / side / "notes.npz", **note_arrays)
        digests[f"{side} notes"] = digest_of(*(note_arrays[name] for name in NOTE_ARRAYS))
        (folder / side / "records.json").write_text(
            json.dumps([asdict(record) for record in stored], indent=1) + "\n", encoding="utf-8"
        )
        digests[side] = digest(signal, arrays, stored)
        signal.flush()
        if baseline is not None:
            digests[f"{side} baseline"] = digest_of(baseline)
            baseline.flush()
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "fingerprint": state.hexdigest(),
        "digests": digests,
        "settings": settings,
        **plan.summary(),
        "gaps": missing,
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    return manifest


_Signal = np.memmap[Any, np.dtype[np.float32]]


def _new_signals(folder: Path, plan: Plan, side: Side) -> tuple[_Signal, _Signal | None]:
    """Make the files of a side's signal and, where it is kept, baseline; their room is reserved."""
    folder.mkdir(parents=True)
    signal = _new_signal(folder / "signal.npy", plan, side)
    if plan.signal.baseline == "none":
        return signal, None
    return signal, _new_signal(folder / "baseline.npy", plan, side)


def _new_signal(file: Path, plan: Plan, side: Side) -> _Signal:
    shape = (_rows(plan, side), len(plan.signal.leads))
    made = np.lib.format.open_memmap(file, mode="w+", dtype=np.float32, shape=shape)
    writing.reserve(file)  # before the first page is touched: without room that kills the process
    return made


def _rows(plan: Plan, side: Side) -> int:
    return sum(
        resampled_length(record.recording.n_samples, record.recording.fs_hz, plan.signal.fs_hz)
        for record in plan.on(side)
    )


def _bytes_of(plan: Plan) -> int:
    """Return what the signals of a store, nearly all of it, take on the disk."""
    values = sum(_rows(plan, side) for side in SIDES) * len(plan.signal.leads)
    return values * np.dtype(np.float32).itemsize * (1 if plan.signal.baseline == "none" else 2)


def _read(planned: PlannedRecord, plan: Plan) -> Record:
    return planned.recording.as_record(
        planned.annotations,
        name=planned.ref.name,
        patient=planned.ref.patient,
        beat_symbols=BEAT_SYMBOLS | plan.symbols.keys(),
    )


def _content(record: Record, side: Side) -> bytes:
    """Return a digest of a recording as it was read, before any filter."""
    state = hashlib.blake2b()
    head = [side, record.name, record.patient, record.fs_hz, record.leads]
    state.update(json.dumps(head).encode())
    state.update(record.signal.data)
    state.update(record.beats.tobytes() + "".join(record.symbols).encode())
    if notes := record.annotations:
        # Also what marks no beat: noise and fibrillation decide what an evaluation counts.
        state.update(notes.samples.tobytes() + notes.subtypes.tobytes())
        state.update(json.dumps([notes.symbols.tolist(), notes.aux, notes.fs_hz]).encode())
    return state.digest()


def _stored(planned: PlannedRecord, record: Record, offset: int, length: int) -> StoredRecord:
    bridged, zeroed = gaps.lengths(record.signal, record.fs_hz)
    return StoredRecord(
        name=record.name,
        patient=record.patient,
        offset=offset,
        length=length,
        fs_hz=record.fs_hz,
        n_samples=len(record.signal),
        leads=record.leads,
        invalid_samples=int((bridged + zeroed).sum()),
        bridged_s=tuple(round(int(count) / record.fs_hz, 3) for count in bridged),
        zeroed_s=tuple(round(int(count) / record.fs_hz, 3) for count in zeroed),
        annotator=planned.ref.annotator,
        unmapped=dict(planned.unmapped),
    )


def _gaps(record: StoredRecord) -> list[dict[str, Any]]:
    """Return the leads of a record that lack samples, with the seconds that they lack."""
    columns = zip(record.leads, record.bridged_s, record.zeroed_s, strict=True)
    return [
        {"record": record.name, "lead": lead, "bridged_s": bridged_s, "zeroed_s": zeroed_s}
        for lead, bridged_s, zeroed_s in columns
        if bridged_s or zeroed_s
    ]


def _beat_arrays(
    planned: PlannedRecord, record: Record, length: int, fs_hz: float, index: int
) -> dict[str, NDArray[Any]]:
    return {
        "position": resampled_positions(record.beats, record.fs_hz, fs_hz, length),
        "sample": record.beats,
        "symbol": record.symbols.astype("<U1"),
        "y": planned.y,
        "record": np.full(len(record.beats), index, dtype=np.int64),
    }


def _note_arrays(record: Record, index: int) -> dict[str, NDArray[Any]]:
    notes = record.annotations
    if notes is None:
        raise AssertionError("a planned record was read with its annotations")
    return {
        # Some annotators count at another rate than the signal's.
        "sample": np.rint(notes.samples * (record.fs_hz / notes.fs_hz)).astype(np.int64),
        "symbol": notes.symbols.astype("<U1"),
        "subtype": notes.subtypes,
        "aux": np.array(notes.aux, dtype=np.str_),
        "record": np.full(len(notes.samples), index, dtype=np.int64),
    }
