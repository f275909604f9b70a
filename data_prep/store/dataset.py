"""The signal store on disk, and the beats that a specification cuts from it.

A store is a folder: ``manifest.json``, and one folder a side, ``train/`` and ``test/``, each with
``signal.npy`` (filtered signals of all its records, one after another), ``baseline.npy`` (what was
taken from them, for specifications that want it otherwise), ``beats.npz``, ``notes.npz`` (all
annotations as they were) and ``records.json``. Opening one side touches no
file of the other: who searches on ``train`` cannot have seen ``test``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from data_prep.beats.beat_spec import BeatSpec
from data_prep.beats.cutting import cut_beats, network_input
from data_prep.dsp.signal_spec import SignalSpec
from data_prep.errors import DataError
from data_prep.io.npz import read_npz
from data_prep.io.record import Annotations

FORMAT = "ecg-nas signal store"
VERSION = 3
MANIFEST = "manifest.json"

Split = Literal["train", "test"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRecord:
    """One record of a store.

    Attributes:
        name: Name of the record.
        patient: Whose it is.
        offset: First row of its signal among those of its side.
        length: Rows of its signal.
        fs_hz: Sampling rate of the original, to which ``sample`` of its beats refers.
        n_samples: Length of the original.
        leads: Names of the leads that were taken.
        invalid_samples: Samples of the original without a value, over these leads.
        bridged_s: Seconds of each lead where a short gap was bridged by a line.
        zeroed_s: Seconds of each lead that are 0, for want of a value.
        annotator: Extension of the annotation file that the beats are from.
        unmapped: Beats without a class, by symbol: in the rhythm, but not among the beats.
    """

    name: str
    patient: str
    offset: int
    length: int
    fs_hz: float
    n_samples: int
    leads: tuple[str, ...]
    invalid_samples: int
    bridged_s: tuple[float, ...]
    zeroed_s: tuple[float, ...]
    annotator: str
    unmapped: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class BeatDataset:
    """All beats of one side of a split, as a :class:`BeatSpec` presents them.

    Attributes:
        windows: ``(beats, window_channels, samples)`` float32, filtered mV; see ``cutting.Cut``.
        scale: ``(levels, leads)`` float32, mV: amplitude per lead.
        reference: ``(levels, leads, samples)`` float32, mV: median beat.
        level: ``(beats,)`` int64: which row of ``scale`` and ``reference`` is a beat's. A level
            is a record, unless the beats are causal.
        context: ``(beats, features)`` float32.
        y: ``(beats,)`` int64 index into ``spec.signal.classes``.
        record: ``(beats,)`` int64 index into ``record_names``.
        patient: ``(beats,)`` int64 index into ``patient_names``.
        position: ``(beats,)`` int64 R peak in the record, at the store's sampling rate.
        sample: ``(beats,)`` int64 R peak as annotated, at the record's own sampling rate.
        symbol: ``(beats,)`` WFDB symbol as annotated.
        record_names: Names of the records.
        patient_names: Names of the patients.
        spec: How the beats were cut.
        split: Side of the split.
        fingerprint: Fingerprint of the store.
    """

    windows: NDArray[np.float32]
    scale: NDArray[np.float32]
    reference: NDArray[np.float32]
    level: NDArray[np.int64]
    context: NDArray[np.float32]
    y: NDArray[np.int64]
    record: NDArray[np.int64]
    patient: NDArray[np.int64]
    position: NDArray[np.int64]
    sample: NDArray[np.int64]
    symbol: NDArray[np.str_]
    record_names: tuple[str, ...]
    patient_names: tuple[str, ...]
    spec: BeatSpec
    split: Split
    fingerprint: str

    def __len__(self) -> int:
        return len(self.y)

    def network_input(self) -> NDArray[np.float32]:
        """Return what a network sees: ``(beats, channels, samples)`` float32."""
        return network_input(
            self.windows, self.scale[self.level], self.reference[self.level], self.spec
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalStore:
    """One side of an open store; the signals stay on disk until they are cut.

    Attributes:
        folder: Where the store lies.
        split: Which side is open.
        signal_spec: How its signals were made.
        records: Its records.
        fingerprint: BLAKE2 of settings and recordings: of the whole store, both sides.
        manifest: What ``prepare`` wrote about it.
        signal: ``(rows, leads)`` float32 memory map.
        beats: ``position``, ``sample``, ``symbol``, ``y`` (-1: no class) and ``record`` of every
            beat, in the order of the records and within them of time.
        taken: ``(rows, leads)`` what was taken from ``signal``, where that is no longer what the
            store's files say (``data_prep.store.perturbations``).
    """

    folder: Path
    split: Split
    signal_spec: SignalSpec
    records: tuple[StoredRecord, ...]
    fingerprint: str
    manifest: Mapping[str, Any]
    signal: NDArray[np.float32]
    beats: Mapping[str, NDArray[Any]]
    taken: NDArray[np.float32] | None = None

    @property
    def patients(self) -> tuple[str, ...]:
        """Patients of this side, in the order in which they first occur."""
        return tuple(dict.fromkeys(record.patient for record in self.records))

    def annotations(self, name: str) -> Annotations:
        """Return all annotations of the record ``name``, at its own sampling rate.

        Raises:
            DataError: If there is no such record on this side.
        """
        names = [record.name for record in self.records]
        if name not in names:
            raise DataError(
                f"the record must be one of the {self.split} records {', '.join(names)}; "
                f"got {name!r}"
            )
        index = names.index(name)
        file = self.folder / self.split / "notes.npz"
        notes = _load_arrays(file, NOTE_ARRAYS)
        self._refuse_altered(file, "notes", digest_of(*(notes[name] for name in NOTE_ARRAYS)))
        of_record = notes["record"] == index
        return Annotations(
            samples=notes["sample"][of_record],
            symbols=notes["symbol"][of_record],
            subtypes=notes["subtype"][of_record],
            aux=tuple(str(text) for text in notes["aux"][of_record]),
            fs_hz=self.records[index].fs_hz,
        )

    def cut(self, spec: BeatSpec) -> BeatDataset:
        """Cut every beat that has a class.

        Beats without one take part in the rhythm, the median beat and as neighbours.

        Raises:
            DataError: If ``spec`` is for signals that were made otherwise.
        """
        if spec.signal != self.signal_spec:
            raise DataError(
                f"beats must be cut with the signal specification of their store {self.folder}, "
                f"{self.signal_spec.to_json()}; got {spec.signal.to_json()}"
            )
        n_leads = len(spec.signal.leads)
        has_class = self.beats["y"] >= 0
        n_beats = int(has_class.sum())
        windows = np.empty((n_beats, spec.window_channels, spec.samples), dtype=np.float32)
        context = np.empty((n_beats, len(spec.context_names)), dtype=np.float32)
        level = np.empty(n_beats, dtype=np.int64)
        scale = [np.empty((0, n_leads), dtype=np.float32)]
        reference = [np.empty((0, n_leads, spec.samples), dtype=np.float32)]
        baseline = None if spec.baseline == self.signal_spec.baseline else self.baseline()
        bounds = np.searchsorted(self.beats["record"], np.arange(len(self.records) + 1))
        row = n_levels = 0
        for index, record in enumerate(self.records):
            part = slice(bounds[index], bounds[index + 1])
            span = slice(record.offset, record.offset + record.length)
            signal = self.signal[span]
            if spec.baseline != self.signal_spec.baseline:
                from data_prep.beats.baseline import with_baseline  # scipy, only where it filters

                signal = with_baseline(signal, None if baseline is None else baseline[span], spec)
            cut = cut_beats(
                signal,
                self.beats["position"][part],
                self.beats["sample"][part] / record.fs_hz,
                spec,
            )
            kept = has_class[part]
            rows = slice(row, row := row + int(kept.sum()))
            windows[rows], context[rows] = cut.windows[kept], cut.context[kept]
            level[rows] = cut.level[kept] + n_levels
            scale.append(cut.scale)
            reference.append(cut.reference)
            n_levels += len(cut.scale)
        patient_of = np.array(
            [self.patients.index(r.patient) for r in self.records], dtype=np.int64
        )
        of_record = self.beats["record"][has_class]
        return BeatDataset(
            windows=windows,
            scale=np.concatenate(scale),
            reference=np.concatenate(reference),
            level=level,
            context=context,
            y=self.beats["y"][has_class],
            record=of_record,
            patient=patient_of[of_record],
            position=self.beats["position"][has_class],
            sample=self.beats["sample"][has_class],
            symbol=self.beats["symbol"][has_class],
            record_names=tuple(record.name for record in self.records),
            patient_names=self.patients,
            spec=spec,
            split=self.split,
            fingerprint=self.fingerprint,
        )

    def check(self) -> None:
        """Check also those files that are not read until they are needed.

        Raises:
            DataError: If one is missing, or not as it was written.
        """
        self.baseline()
        for record in self.records[:1]:
            self.annotations(record.name)

    def _refuse_altered(self, file: Path, name: str, found: str) -> None:
        if found != self.manifest.get("digests", {}).get(f"{self.split} {name}"):
            raise DataError(
                f"{file} must be as prepare wrote it; it was altered: remove the store and prepare "
                "it again"
            )

    def baseline(self) -> NDArray[np.float32] | None:
        """Return what was taken from the signals, ``None`` if nothing was; only some need it."""
        if self.signal_spec.baseline == "none" or self.taken is not None:
            return self.taken
        file = self.folder / self.split / "baseline.npy"
        baseline = _map_signal(file)
        self._refuse_altered(file, "baseline", digest_of(baseline))
        return baseline


BEAT_ARRAYS = ("position", "sample", "symbol", "y", "record")
NOTE_ARRAYS = ("sample", "symbol", "subtype", "aux", "record")


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of the store in ``folder``.

    Raises:
        DataError: If there is no store, or one of another version.
    """
    file = Path(folder) / MANIFEST
    if not file.is_file():
        raise DataError(
            f"{folder} must be a signal store with a {MANIFEST}; there is none: make one with "
            "ecg-nas prepare"
        )
    manifest = _load_json(file)
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise DataError(f"{file} must be the manifest of a signal store; it is not")
    if manifest.get("version") != VERSION:
        raise DataError(
            f"the signal store {folder} must be of version {VERSION}; it is of "
            f"{manifest.get('version')}: remove it and prepare it again"
        )
    return manifest


def open_store(folder: Path, split: Split) -> SignalStore:
    """Open one side of the store in ``folder``, and check that it is as it was written.

    Opens the manifest and the files of ``split``; none of the other side.

    Raises:
        DataError: If there is no store, no such side, or its files were altered or cut off.
    """
    folder = Path(folder)
    if split not in ("train", "test"):
        raise DataError(f"the side of a store must be train or test; got {split!r}")
    manifest = read_manifest(folder)
    side = folder / split
    if not side.is_dir():
        raise DataError(f"the signal store {folder} must have a folder {split}; there is none")
    records = _load_records(side / "records.json")
    beats = _load_arrays(side / "beats.npz", BEAT_ARRAYS)
    signal = _map_signal(side / "signal.npy")
    try:
        expected = manifest["digests"][split]
        signal_spec = SignalSpec.from_json(manifest["signal"])
        fingerprint = str(manifest["fingerprint"])
    except (KeyError, TypeError, DataError) as error:
        raise DataError(f"{folder / MANIFEST} must be complete: {error}") from error
    if digest(signal, beats, records) != expected:
        raise DataError(
            f"the files of {side} must be as prepare wrote them; they were altered: remove the "
            "store and prepare it again"
        )
    return SignalStore(
        folder=folder,
        split=split,
        signal_spec=signal_spec,
        records=records,
        fingerprint=fingerprint,
        manifest=manifest,
        signal=signal,
        beats=beats,
    )


def digest(
    signal: NDArray[np.float32], beats: Mapping[str, NDArray[Any]], records: Sequence[StoredRecord]
) -> str:
    """Return the BLAKE2 of one side's content: a check that it is whole."""
    state = hashlib.blake2b(digest_size=16)
    state.update(json.dumps([asdict(record) for record in records], sort_keys=True).encode())
    for name in BEAT_ARRAYS:
        state.update(str(beats[name].dtype).encode() + np.ascontiguousarray(beats[name]).tobytes())
    state.update(np.ascontiguousarray(signal).data)
    return state.hexdigest()


def digest_of(*arrays: NDArray[Any]) -> str:
    """Return the BLAKE2 of the arrays' content."""
    state = hashlib.blake2b(digest_size=16)
    for array in arrays:
        state.update(f"{array.dtype} {array.shape}".encode())
        # Bytes: texts have no buffer of their own.
        state.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return state.hexdigest()


def _load_json(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(
            f"{file} must be readable JSON: {error}; remove the store and prepare it again"
        ) from error


def _load_arrays(file: Path, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    try:
        return read_npz(file, names, most_bytes=1 << 34)
    except DataError as error:
        raise DataError(
            f"{file} must hold the arrays {', '.join(names)}: {error}; remove the store and "
            "prepare it again"
        ) from error


def _map_signal(file: Path) -> NDArray[np.float32]:
    try:
        signal = np.load(file, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # as above
        raise DataError(
            f"{file} must hold signals: {error}; remove the store and prepare it again"
        ) from error
    return np.asarray(signal)


def _load_records(file: Path) -> tuple[StoredRecord, ...]:
    def fields(values: Mapping[str, Any]) -> dict[str, Any]:
        return {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}

    try:
        return tuple(StoredRecord(**fields(values)) for values in _load_json(file))
    except (TypeError, AttributeError) as error:
        raise DataError(f"{file} must list records: {error}") from error
