"""What ``prepare`` would take: every record read through once, without its signal.

Nothing is left out silently: a record or beat that is not taken is counted with its reason.
"""

from __future__ import annotations

import csv
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_prep import sources
from data_prep.beats import SignalSpec
from data_prep.errors import DataError
from data_prep.labels import BEAT_SYMBOLS, label, mapping, read_mapping, refuse_unmapped
from data_prep.leads import choose_leads
from data_prep.record import Header, beats_of, read_annotations, read_header
from data_prep.sources import Assignment, RecordRef, Source
from data_prep.sources.base import Side
from data_prep.split import SCORED, read_split, refuse_overlap


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRecord:
    """A record that will be taken.

    Attributes:
        ref: Where it lies and whose it is.
        side: Side of the split.
        header: What its header says.
        symbols: Symbol of each of its beats.
        y: Class of each of its beats, -1 for none.
        unmapped: Beats without a class, by symbol.
    """

    ref: RecordRef
    side: Side
    header: Header
    symbols: NDArray[np.str_]
    y: NDArray[np.int64]
    unmapped: Mapping[str, int]


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
                    "reason": "its symbol has no class",
                }
                for record in self.records
                for symbol, count in sorted(record.unmapped.items())
            ],
        }

    def _counts(self, side: Side) -> dict[str, int]:
        y = np.concatenate([record.y for record in self.on(side)] or [np.zeros(0, dtype=np.int64)])
        counts = np.bincount(y[y >= 0], minlength=len(self.signal.classes))
        return {name: int(n) for name, n in zip(self.signal.classes, counts, strict=True)}


def make_plan(
    source: str,
    *,
    records: Path | None = None,
    signal: SignalSpec | None = None,
    split: str = "standard",
    labels: Path | None = None,
    patients: Path | None = None,
) -> Plan:
    """Read headers and annotations of all records, and decide which to take.

    Args:
        source: Name of the source.
        records: Folder of the recordings, where the source does not know it itself.
        signal: How to make the signals comparable; by default as the source says.
        split: A split of the source, or a TOML file with the lists ``train`` and ``test``.
        labels: TOML file that gives each symbol its class, instead of ``signal.mapping``.
        patients: CSV or TOML file that gives each record its patient.

    Raises:
        DataError: If something is missing, malformed, or does not fit together.
    """
    origin = sources.load(source)
    spec = origin.signal if signal is None else signal
    if labels is not None:
        spec = replace(spec, mapping=labels.stem)
    symbol_classes = mapping(spec.mapping) if labels is None else read_mapping(labels)
    refs = _with_patients(origin.records(records), patients)
    usable: list[PlannedRecord] = []
    left_out: list[Mapping[str, Any]] = []
    for ref in refs:
        planned = _read_through(ref, symbol_classes, spec)
        if not len(planned.y):
            left_out.append(_left_out(planned, "it has no beats"))
        else:
            usable.append(planned)
    assignment = _assign(origin, split, usable)
    taken = []
    for planned in usable:
        side = assignment.side.get(planned.ref.patient)
        if side is None:
            reason = assignment.left_out.get(planned.ref.patient, "on no side of the split")
            left_out.append(_left_out(planned, reason))
        elif lacking := _lacking_leads(origin, planned, spec):
            left_out.append(_left_out(planned, lacking))
        else:
            taken.append(replace(planned, side=side))
    plan = Plan(
        source=source,
        split=split if split in origin.splits else "file",
        signal=spec,
        symbols=symbol_classes,
        records=tuple(taken),
        left_out=tuple(left_out),
    )
    _refuse_unusable(plan)
    return plan


def read_patients(path: Path) -> dict[str, str]:
    """Read a table of patients: CSV with the columns ``record,patient``, or TOML.

    In TOML, one line a record, as in ``"rec1" = "patient1"``, alone or under ``[patients]``.

    Raises:
        DataError: If it cannot be read, or names a record twice.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix.lower() == ".toml":
            table = tomllib.loads(text)
            table = table.get("patients", table)
            rows = [(str(record), str(patient)) for record, patient in table.items()]
        else:
            lines = list(csv.DictReader(text.splitlines()))
            rows = [(line["record"].strip(), line["patient"].strip()) for line in lines]
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise DataError(
            f"the table of patients {path} must be CSV with columns record,patient, or TOML: "
            f"{error}"
        ) from error
    twice = sorted(name for name, count in Counter(name for name, _ in rows).items() if count > 1)
    if twice or not rows or not all(record and patient for record, patient in rows):
        raise DataError(
            f"the table of patients {path} must give each record one patient; "
            + (f"twice: {', '.join(twice)}" if twice else "a name is missing")
        )
    return dict(rows)


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


def _read_through(
    ref: RecordRef, symbol_classes: Mapping[str, str], spec: SignalSpec
) -> PlannedRecord:
    header = read_header(ref.path)
    notes = read_annotations(ref.path, ref.annotator, fs_hz=header.fs_hz)
    _, symbols = beats_of(
        notes,
        header.fs_hz,
        header.n_samples,
        BEAT_SYMBOLS | symbol_classes.keys(),
        where=str(ref.path),
    )
    labelled = label(symbols, symbol_classes, spec.classes)
    return PlannedRecord(
        ref=ref,
        side="train",
        header=header,
        symbols=symbols,
        y=labelled.y,
        unmapped=labelled.unmapped,
    )


def _assign(origin: Source, split: str, planned: Sequence[PlannedRecord]) -> Assignment:
    names = SignalSpec().classes
    beats: dict[str, Counter[str]] = {}
    for record in planned:
        counts = np.bincount(record.y[record.y >= 0], minlength=len(names))
        own = beats.setdefault(record.ref.patient, Counter())
        own.update({name: int(n) for name, n in zip(names, counts, strict=True)})
    if split in origin.splits:
        assignment = origin.assign(split, beats)
    elif Path(split).is_file():
        assignment = read_split(Path(split), beats)
    else:
        origin.refuse_split(split)
        raise AssertionError("refuse_split refuses")
    sides = assignment.side
    refuse_overlap(
        (name for name in sides if sides[name] == "train"),
        (name for name in sides if sides[name] == "test"),
    )
    return assignment


def _lacking_leads(origin: Source, planned: PlannedRecord, spec: SignalSpec) -> str | None:
    """Return why a record cannot be taken; of a complete source, refuse it instead."""
    try:
        choose_leads(planned.header.leads, spec.leads, where=f"record {planned.ref.path}")
    except DataError as error:
        if origin.complete:
            raise
        return str(error)
    return None


def _left_out(planned: PlannedRecord, reason: str) -> dict[str, Any]:
    return {
        "record": planned.ref.name,
        "patient": planned.ref.patient,
        "beats": len(planned.y),
        "reason": reason,
    }


def _refuse_unusable(plan: Plan) -> None:
    if not plan.records:
        reasons = "; ".join(sorted({str(entry["reason"]) for entry in plan.left_out})[:2])
        raise DataError(f"at least one record must be usable; none is: {reasons}")
    unmapped: Counter[str] = Counter()
    for record in plan.records:
        unmapped.update(record.unmapped)
    refuse_unmapped(unmapped, sum(len(record.y) for record in plan.records))
    counts = plan.summary()["counts"]
    for side, of_side in counts.items():
        if not any(of_side.values()):
            raise DataError(f"both sides of the split must have beats of a class; {side} has none")
    for name in SCORED:
        if name in plan.signal.classes and not counts["train"][name]:
            raise DataError(
                f"the training patients must have beats of class {name}; none of "
                f"{len(plan.on('train'))} records has any: choose another split or mapping"
            )
