"""Simulated patients (``data_prep.simulation``), the embedded default; no clinical meaning."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from data_prep import writing
from data_prep.errors import DataError
from data_prep.events import OnEvent, ignore
from data_prep.io.record import Record, write_annotations, write_record
from data_prep.simulation.beat_times import draw_beats
from data_prep.simulation.patients import ROLES, draw_patient
from data_prep.simulation.render import render
from data_prep.sources.base import RecordRef, Source, cache_folder, refuse_missing
from data_prep.splits import Assignment, Side
from data_prep.tasks import Task

N_PATIENTS = 2 * len(ROLES)
"""The first half trains, the second half tests; each half plays every role once."""
DURATION_S = 300.0
FS_HZ = 250.0
LEADS = ("MLII", "V1")
SEED = 0

_EDITION = 1  # raise whenever the simulation changes: the cache is told apart by it
_CONDUCTED = {"normal": "N", "lbbb": "L", "rbbb": "R"}
# Readers place R peaks by eye: MIT-BIH's lie within a few milliseconds of the peak.
_JITTER_S = 0.004
_COMMENT = "simulated by ecg-nas, no clinical meaning"


class _Synthetic(Source):
    name = "synthetic"
    description = f"{N_PATIENTS} simulated patients of 5 minutes (made here, no clinical meaning)"
    public = True

    def records(self, folder: Path | None, on_event: OnEvent = ignore) -> list[RecordRef]:
        if folder is None:
            folder = cache_folder() / f"synthetic-{_EDITION}-{SEED}"
            if not folder.is_dir():
                simulate(folder, seed=SEED, on_event=on_event)
        refuse_missing(folder)
        names = [_name(index) for index in range(N_PATIENTS)]
        for name in names:
            for extension in ("hea", "dat", "atr"):
                if not (folder / f"{name}.{extension}").is_file():
                    raise DataError(
                        f"the folder of simulated patients must hold {names[0]} to {names[-1]}; "
                        f"{folder} has no {name}.{extension}: delete the folder to make it again"
                    )
        return [RecordRef(path=folder / name, name=name, patient=name) for name in names]

    def assign(
        self, split: str, patients: Mapping[str, Mapping[str, int]], task: Task
    ) -> Assignment:
        self.refuse_split(split)
        sides: dict[str, Side] = {
            _name(index): "train" if index < N_PATIENTS // 2 else "test"
            for index in range(N_PATIENTS)
        }
        if unknown := sorted(set(patients) - set(sides)):
            raise DataError(
                f"the patients of source synthetic must be {_name(0)} to {_name(N_PATIENTS - 1)}; "
                f"got {', '.join(unknown)}"
            )
        return Assignment(side={patient: sides[patient] for patient in patients})


def simulate(
    folder: Path,
    *,
    seed: int = SEED,
    n_patients: int = N_PATIENTS,
    duration_s: float = DURATION_S,
    on_event: OnEvent = ignore,
) -> None:
    """Simulate patients and write them as WFDB records (``.hea``, ``.dat``, ``.atr``).

    The same arguments give the same files. The folder appears when all of it is written.

    Args:
        folder: Where to; it must not exist yet, unless another process is making the same.
        seed: Another seed draws other patients in the same roles.
        n_patients: Number of patients.
        duration_s: Length of each recording.
        on_event: Called with ``event="simulated"``, ``name``, ``done`` and ``total`` once a record
            is written.

    Raises:
        DataError: If the folder cannot be written, or the recordings would be too short.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        # Not by tempfile, whose folders are closed to others whatever the user's umask says.
        temporary = folder.with_name(f".{folder.name}-{secrets.token_hex(6)}")
        temporary.mkdir()
    except OSError as error:
        raise DataError(writing.not_written(folder, error)) from error
    try:
        for index in range(n_patients):
            record = simulate_record(index, seed=seed, duration_s=duration_s)
            _write(temporary, record, fibrillation=ROLES[index % len(ROLES)].fibrillation)
            on_event(
                {
                    "event": "simulated",
                    "name": record.name,
                    "done": index + 1,
                    "total": n_patients,
                }
            )
        try:
            writing.flush_tree(temporary)
            temporary.replace(folder)
        except OSError as error:
            if not folder.is_dir():
                raise DataError(writing.not_written(folder, error)) from error
            # Another process was faster; its files equal ours.
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def simulate_record(index: int, *, seed: int = SEED, duration_s: float = DURATION_S) -> Record:
    """Simulate the recording of one patient.

    Args:
        index: Which patient, from 0; every ``len(ROLES)`` patients the roles begin again.
        seed: Seed of the data set.
        duration_s: Length of the recording; at least 10 s.

    Returns:
        Two leads at ``FS_HZ``, with every beat's position and symbol: N (or L, R with a bundle
        branch block), A and a (aberrant) for S, V, F.

    Raises:
        DataError: If the recording would be too short to hold beats.
    """
    if duration_s < 10:
        raise DataError(f"a simulated recording must last at least 10 s; got {duration_s:g} s")
    rng = np.random.default_rng([seed, index])
    role = ROLES[index % len(ROLES)]
    patient = draw_patient(role, rng)
    beats = draw_beats(patient.rhythm, duration_s, rng)
    signal = render(patient, beats, duration_s=duration_s, fs_hz=FS_HZ, rng=rng)
    symbols = {"N": _CONDUCTED[role.conduction], "S": "A", "V": "V", "F": "F"}
    at_s = np.array([beat.at_s for beat in beats])
    jitter = np.clip(rng.normal(0, _JITTER_S, len(beats)), -3 * _JITTER_S, 3 * _JITTER_S)
    return Record(
        name=_name(index),
        patient=_name(index),
        signal=signal,
        fs_hz=FS_HZ,
        leads=LEADS,
        beats=np.rint((at_s + jitter) * FS_HZ).astype(np.int64),
        symbols=np.array(["a" if beat.aberrant else symbols[beat.kind] for beat in beats]),
    )


def _name(index: int) -> str:
    return f"sim{index + 1:02d}"


def _write(folder: Path, record: Record, *, fibrillation: bool) -> None:
    path = folder / record.name
    write_record(
        path,
        signal=record.signal,
        fs_hz=record.fs_hz,
        leads=record.leads,
        fmt="212",
        comments=[_COMMENT],
    )
    # As in MIT-BIH, the first annotation names the rhythm; it is no beat.
    rhythm = "(AFIB" if fibrillation else "(N"
    write_annotations(
        path,
        "atr",
        samples=np.concatenate([[0], record.beats]),
        symbols=["+", *record.symbols],
        fs_hz=record.fs_hz,
        aux=[rhythm, *([""] * len(record.beats))],
    )


SOURCE = _Synthetic()
