"""What out-of-fold outputs tell: a temperature, and figures with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from data_prep.tasks import Task
from ecg_nas.metrics.calibration import calibration, fit_temperature
from ecg_nas.metrics.classification import (
    Counts,
    accuracy,
    grouped_confusion,
    macro_f1,
    named_score,
    per_class,
)
from ecg_nas.metrics.intervals import patient_intervals
from ecg_nas.seeds import generator


@dataclass(frozen=True, slots=True, kw_only=True)
class OutOfFold:
    """A network's outputs for every training patient, each time trained without that patient.

    Attributes:
        logits: ``(beats, classes)`` float32, before the softmax.
        y: ``(beats,)`` int64 labels.
        patient: ``(beats,)`` int64 index into ``patients``.
        fold: ``(beats,)`` int64 which of the trainings.
        task: Whose classes they are.
        patients: Names of the patients.
    """

    logits: NDArray[np.float32]
    y: NDArray[np.int64]
    patient: NDArray[np.int64]
    fold: NDArray[np.int64]
    task: Task
    patients: tuple[str, ...]

    def save(self, file: BinaryIO) -> None:
        """Write the arrays as ``.npz``."""
        arrays: dict[str, Any] = {
            "logits": self.logits,
            "y": self.y,
            "patient": self.patient,
            "fold": self.fold,
            "classes": np.array(self.task.classes),
            "patients": np.array(self.patients),
        }
        np.savez(file, **arrays)


def facts_of(outputs: OutOfFold, *, named: bool) -> dict[str, Any]:
    """Return temperature and figures of ``outputs``, JSON-able.

    Args:
        outputs: Out-of-fold outputs.
        named: Whether patients are called by their names, not by numbers from 1.

    Returns:
        ``temperature``; ``ece`` with ``before`` and ``after`` it, after with each fold's outputs
        divided by the temperature of the *other* folds; ``beats``, ``confusion``, ``per_class``,
        ``accuracy``, ``macro_f1_nsv`` and ``headline``; ``interval`` (95 %, patients drawn with
        replacement); ``folds`` and ``by_patient``, the same in parts.
    """
    task, classes, n = outputs.task, outputs.task.classes, len(outputs.task.classes)
    called = outputs.logits.argmax(axis=1).astype(np.int64)

    def counts(group: NDArray[np.int64], groups: int) -> Counts:
        return grouped_confusion(outputs.y, called, group, groups=groups, classes=n)

    by_patient = counts(outputs.patient, len(outputs.patients))
    matrix = by_patient.sum(0)
    n_folds = int(outputs.fold.max()) + 1
    names = outputs.patients if named else [f"{i + 1}" for i in range(len(outputs.patients))]
    return {
        "temperature": fit_temperature(outputs.logits, outputs.y),
        "ece": _calibration_errors(outputs, n_folds),
        "beats": int(matrix.sum()),
        "confusion": matrix.tolist(),
        "per_class": per_class(matrix, classes),
        "accuracy": accuracy(matrix, classes),
        **named_score(macro_f1(matrix, task), task),
        "interval": patient_intervals(
            by_patient, task, rng=generator("held-out bootstrap")
        ),
        "folds": [
            {
                **named_score(macro_f1(part, task), task),
                "patients": [names[i] for i in np.unique(outputs.patient[outputs.fold == fold])],
            }
            for fold, part in enumerate(counts(outputs.fold, n_folds))
        ],
        "by_patient": [
            _of_patient(name, part, classes)
            for name, part in zip(names, by_patient, strict=True)
        ],
    }  # fmt: skip


def _calibration_errors(outputs: OutOfFold, n_folds: int) -> dict[str, float | None]:
    cooled = outputs.logits.astype(np.float64)
    for fold in range(n_folds):
        own = outputs.fold == fold
        cooled[own] /= fit_temperature(outputs.logits[~own], outputs.y[~own])
    plain = outputs.logits.astype(np.float64)
    return {
        name: calibration(
            softmax(values, axis=1).astype(np.float32), outputs.y, outputs.task.classes
        )["ece"]
        for name, values in (("before", plain), ("after", cooled))
    }


def _of_patient(name: str, matrix: Counts, classes: Sequence[str]) -> dict[str, Any]:
    figures = per_class(matrix, classes)
    return {
        "patient": name,
        "beats": dict(zip(classes, matrix.sum(1).tolist(), strict=True)),
        "f1": {name: figures[name]["f1"] for name in classes},
    }
