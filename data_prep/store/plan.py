"""What ``prepare`` would take: every record read through once, without its signal.

Nothing is left out silently: a record or beat that is not taken is counted with its reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_prep import sources
from data_prep.beats.labels import label, mapping, read_mapping, refuse_unmapped
from data_prep.dsp.signal_spec import SignalSpec
from data_prep.errors import DataError
from data_prep.events import OnEvent, ignore
from data_prep.io.annotations import BEAT_SYMBOLS, Annotations, annotation_file
from data_prep.io.recording import Recording
from data_prep.sources import Assignment, RecordRef, Source
from data_prep.splits import Side, read_split, refuse_overlap
from data_prep.store.found import FoundRecord, find_records
from data_prep.store.patient_table import read_patients
from data_prep.store.request import DataRequest
from data_prep.tasks import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRecord:
    """A record that will be taken.

    Attributes:
        ref: Where it lies and whose it is.
        side: Side of the split.
        recording: The leads to take, of the recording as it was opened.
        annotations: What its annotator said, as it is in the file.
        symbols: Symbol of each of its beats.
        y: Class of each of its beats, -1 for none.
        unmapped: Beats without a class, by symbol.
        notes: What was assumed to read it, one text each.
    """

    ref: RecordRef
    side: Side
    recording: Recording
    annotations: Annotations
    symbols: NDArray[np.str_]
    y: NDArray[np.int64]
    unmapped: Mapping[str, int]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What would be taken, what not and why.

    Attributes:
        source: Name of the source.
        split: Name of the split; ``file`` for the user's own.
        signal: How the signals will be made comparable.
        symbols: Class of each symbol.
        records: The records that will be taken, in order.
        left_out: One entry a record that will not: ``record``, ``patient``, ``beats``,
            ``reason``.
    """

    source: str
    split: str
    signal: SignalSpec
    symbols: Mapping[str, str]
    records: tuple[PlannedRecord, ...]
    left_out: tuple[Mapping[str, Any], ...]

    def on(self, side: Side) -> tuple[PlannedRecord, ...]:
        """Return the records of one side."""
        return tuple(record for record in self.records if record.side == side)

    def summary(self) -> dict[str, Any]:
        """Return the plan as JSON-able values: what the manifest of the store will say of it."""
        sides: tuple[Side, ...] = ("train", "test")
        left_out = dict(self.signal.task.left_out)
        always_without = sources.load(self.source).always_without
        return {
            "source": self.source,
            "split": self.split,
            "signal": self.signal.to_json(),
            "symbols": dict(sorted(self.symbols.items())),
            "counts": {side: self._counts(side) for side in sides},
            "records": {side: [record.ref.name for record in self.on(side)] for side in sides},
            "patients": {
                side: list(dict.fromkeys(record.ref.patient for record in self.on(side)))
                for side in sides
            },
            "left_out": [dict(entry) for entry in self.left_out],
            "dropped_beats": [
                {
                    "record": record.ref.name,
                    "symbol": symbol,
                    "beats": count,
                    "reason": left_out.get(symbol, "its symbol has no class"),
                }
                for record in self.records
                for symbol, count in sorted(record.unmapped.items())
            ],
            "annotators": dict(Counter(record.ref.annotator for record in self.records)),
            "notes": [
                {"record": record.ref.name, "note": note}
                for record in self.records
                for note in record.notes
            ],
            **({"always_without": list(always_without)} if always_without else {}),
        }

    def _counts(self, side: Side) -> dict[str, int]:
        y = np.concatenate([record.y for record in self.on(side)] or [np.zeros(0, dtype=np.int64)])
        counts = np.bincount(y[y >= 0], minlength=len(self.signal.classes))
        return {name: int(n) for name, n in zip(self.signal.classes, counts, strict=True)}


def make_plan(
    request: DataRequest,
    *,
    found: Sequence[FoundRecord] | None = None,
    on_event: OnEvent = ignore,
) -> Plan:
    """Read headers and annotations of all records, and decide which to take.

    Args:
        request: What data: one data set, of recordings.
        found: Its records, where they were found already.
        on_event: Called with what the source does to find its recordings.

    Raises:
        DataError: If something is missing, malformed, or does not fit together.
    """
    asked = request.one_set()
    origin, spec, split = asked.origin(), request.signal_spec(), request.split_name()
    annotators, task = asked.annotators, spec.task
    symbol_classes = (
        mapping(spec.mapping, task) if asked.labels is None else read_mapping(asked.labels, task)
    )
    if found is None:
        found = find_records(request, on_event)
    refs = _with_patients([one.ref for one in found], asked.patients)
    usable: list[PlannedRecord] = []
    left_out: list[Mapping[str, Any]] = []
    for ref, one in zip(refs, found, strict=True):
        annotated = _annotated(ref, annotators, one.recording.path)
        planned = _read_through(annotated, one.recording, symbol_classes, spec)
        reason = _unusable(planned, spec, complete=origin.complete)
        if reason is None:
            usable.append(planned)
        else:
            left_out.append(_left_out(planned, reason))
    if not usable:
        raise DataError(f"at least one record must be usable; none is: {_reasons(left_out)}")
    assignment = _assign(origin, split, task, usable, refs)
    taken = []
    for planned in usable:
        side = assignment.side.get(planned.ref.patient)
        if side is None:
            reason = assignment.left_out.get(planned.ref.patient, "on no side of the split")
            left_out.append(_left_out(planned, reason))
        else:
            recording = planned.recording.choose(spec.leads)
            recording.refuse_rate()
            chosen = replace(planned, side=side, recording=recording)
            taken.append(replace(chosen, notes=tuple(_notes(chosen, spec, annotators))))
    plan = Plan(
        source=origin.name,
        split=split if split in origin.splits else "file",
        signal=spec,
        symbols=symbol_classes,
        records=tuple(taken),
        left_out=tuple(left_out),
    )
    _refuse_unusable(plan)
    return plan


def _with_patients(refs: Sequence[RecordRef], table: Path | None) -> list[RecordRef]:
    names = Counter(ref.name for ref in refs)
    if twice := sorted(name for name, count in names.items() if count > 1):
        raise DataError(f"record names must be unique; twice there is {', '.join(twice)}")
    if table is None:
        return list(refs)
    patient_of = read_patients(table)
    if missing := sorted(set(names) - set(patient_of)):
        raise DataError(
            f"the table of patients {table} must name every record; it lacks "
            f"{', '.join(missing[:5])}{' …' if len(missing) > 5 else ''}"
        )
    return [replace(ref, patient=patient_of[ref.name]) for ref in refs]


def _annotated(ref: RecordRef, annotators: Sequence[str] | None, stem: Path) -> RecordRef:
    """Return ``ref`` with the first of ``annotators`` that it has, or the first of all."""
    if annotators is None:
        return ref
    there = [name for name in annotators if annotation_file(stem, name) is not None]
    return replace(ref, annotator=[*there, annotators[0]][0])


def _read_through(
    ref: RecordRef,
    recording: Recording,
    symbol_classes: Mapping[str, str],
    spec: SignalSpec,
) -> PlannedRecord:
    """Read the annotations of a record, once for all that follows."""
    if annotation_file(recording.path, ref.annotator) is None:
        raise DataError(
            f"record {recording.path} must have an annotation file "
            f"{recording.name}.{ref.annotator}; there is none: name another with --annotators, or "
            "take the record away"
        )
    annotations = recording.annotations(ref.annotator)
    _, symbols = recording.beats_in(annotations, BEAT_SYMBOLS | symbol_classes.keys())
    labelled = label(symbols, symbol_classes, spec.classes)
    return PlannedRecord(
        ref=ref,
        side="train",
        recording=recording,
        annotations=annotations,
        symbols=symbols,
        y=labelled.y,
        unmapped=labelled.unmapped,
    )


def _unusable(planned: PlannedRecord, spec: SignalSpec, *, complete: bool) -> str | None:
    """Return why a record cannot be taken, whatever the split."""
    if not len(planned.y):
        return "it has no beats"
    if not complete:
        try:
            planned.recording.choose(spec.leads)
        except DataError as error:
            return str(error)
    return None


def _notes(
    planned: PlannedRecord, spec: SignalSpec, annotators: Sequence[str] | None
) -> Iterator[str]:
    """Say what was assumed to read a record: nothing that its own header and files state."""
    for column, (entry, lead) in enumerate(zip(spec.leads, planned.recording.leads, strict=True)):
        names = [name.strip().casefold() for name in entry.split("/")]
        if lead.strip().casefold() not in names:
            yield f"lead {lead} was taken for {entry} by its position"
        yield from planned.recording.assumptions(column)
    if annotators is not None and planned.ref.annotator != annotators[0]:
        yield f"annotator {planned.ref.annotator} was taken, since there is no {annotators[0]}"


def _assign(
    origin: Source,
    split: str,
    task: Task,
    planned: Sequence[PlannedRecord],
    refs: Sequence[RecordRef],
) -> Assignment:
    beats: dict[str, Counter[str]] = {}
    for record in planned:
        counts = np.bincount(record.y[record.y >= 0], minlength=len(task.classes))
        own = beats.setdefault(record.ref.patient, Counter())
        own.update({name: int(n) for name, n in zip(task.classes, counts, strict=True)})
    if split in origin.splits:
        assignment = origin.assign(split, beats, task)
    elif Path(split).is_file():
        assignment = read_split(Path(split), dict.fromkeys(ref.patient for ref in refs))
    else:
        origin.refuse_split(split)
        raise AssertionError("refuse_split refuses")
    sides = assignment.side
    refuse_overlap(
        (name for name in sides if sides[name] == "train"),
        (name for name in sides if sides[name] == "test"),
    )
    return assignment


def _left_out(planned: PlannedRecord, reason: str) -> dict[str, Any]:
    return {
        "record": planned.ref.name,
        "patient": planned.ref.patient,
        "beats": len(planned.y),
        "reason": reason,
    }


def _reasons(left_out: Sequence[Mapping[str, Any]]) -> str:
    return "; ".join(sorted({str(entry["reason"]) for entry in left_out})[:2])


def _refuse_unusable(plan: Plan) -> None:
    if not plan.records:
        raise DataError(f"at least one record must be usable; none is: {_reasons(plan.left_out)}")
    unmapped: Counter[str] = Counter()
    for record in plan.records:
        unmapped.update(record.unmapped)
    refuse_unmapped(unmapped, sum(len(record.y) for record in plan.records), plan.signal.task)
    counts = plan.summary()["counts"]
    for side, of_side in counts.items():
        if not any(of_side.values()):
            raise DataError(f"both sides of the split must have beats of a class; {side} has none")
    for name in plan.signal.task.scored:
        if not counts["train"][name]:
            raise DataError(
                f"the training patients must have beats of class {name}; none of "
                f"{len(plan.on('train'))} records has any: choose another split or mapping"
            )
