"""Figures of a classifier from its confusion matrices: pure functions, no file, no model.

A confusion matrix is ``(classes, classes)`` int64, rows the reference, columns the classifier. It
may have one row and column more, of beats without a class: the last column then holds missed
beats, the last row false ones, and both count against the figures.
An undefined figure (no beat in its denominator) is ``None``, never zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_prep.beats.labels import SCORED
from ecg_nas.metrics.classification import per_class

Counts = NDArray[np.int64]


def grouped_confusion(
    y: Counts, predicted: Counts, group: Counts, *, groups: int, classes: int
) -> Counts:
    """Return one confusion matrix a group: ``(groups, classes, classes)``.

    Args:
        y: ``(beats,)`` labels.
        predicted: ``(beats,)`` predictions.
        group: ``(beats,)`` index of each beat's record or patient.
        groups: How many groups there are.
        classes: How many classes there are.
    """
    cell = (group * classes + y) * classes + predicted
    counts = np.bincount(cell, minlength=groups * classes * classes)
    return counts.reshape(groups, classes, classes).astype(np.int64)


def accuracy(matrix: Counts, classes: Sequence[str]) -> float | None:
    """Return the share of beats that got their own class.

    Missed, false and dropped beats are among the beats, so none of them can be left out to a
    classifier's advantage.
    """
    right = np.diagonal(matrix)[: len(classes)]
    return _ratio(int(right.sum()), int(matrix.sum()))


def macro_f1_nsv(matrix: Counts, classes: Sequence[str]) -> float | None:
    """Return the mean F1 of N, S and V; ``None`` when one of them is undefined.

    A search can leave a class out of its mean and still rank; a reported figure may not, as it
    would be taken for one over all three.
    """
    figures = per_class(matrix, classes)
    scores = [figures[name]["f1"] for name in SCORED if name in figures]
    known = [score for score in scores if score is not None]
    return float(np.mean(known)) if len(known) == len(SCORED) else None


def patient_intervals(
    matrices: Counts,
    classes: Sequence[str],
    *,
    rng: np.random.Generator,
    draws: int = 2000,
    level: float = 0.95,
) -> dict[str, list[float] | None]:
    """Return bootstrap intervals of the figures, patients drawn with replacement.

    Beats of one patient are alike, so an interval over beats would be far too narrow: one
    patient can hold most beats of a class.

    Args:
        matrices: One confusion matrix a patient, ``(patients, …)``.
        classes: Names of the classes.
        rng: Draws the patients.
        draws: Number of bootstrap samples.
        level: Coverage of the percentile interval.

    Returns:
        ``[low, high]`` of ``accuracy``, ``macro_f1_nsv`` and ``CLASS_se``, ``CLASS_ppv``,
        ``CLASS_f1``; ``None`` where fewer than half of the draws define the figure.

    References:
        Efron & Tibshirani 1993, An Introduction to the Bootstrap, ch. 13.
    """
    patients = len(matrices)
    if not patients:
        return {}
    weights = rng.multinomial(patients, np.full(patients, 1 / patients), size=draws)
    drawn = np.einsum("dp,pij->dij", weights, matrices)
    true = np.diagonal(drawn, axis1=1, axis2=2).astype(float)
    reference, claimed = drawn.sum(2).astype(float), drawn.sum(1).astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        by_class = {
            "se": true / reference,
            "ppv": true / claimed,
            "f1": 2 * true / (reference + claimed),
        }
        figures = {"accuracy": true[:, : len(classes)].sum(1) / reference.sum(1)}
    places = [list(classes).index(name) for name in SCORED if name in classes]
    if len(places) == len(SCORED):
        figures["macro_f1_nsv"] = by_class["f1"][:, places].mean(1)
    for index, name in enumerate(classes):
        for figure, values in by_class.items():
            figures[f"{name}_{figure}"] = values[:, index]
    tails = [(1 - level) / 2, (1 + level) / 2]
    return {name: _quantiles(values, tails) for name, values in figures.items()}


def leave_one_out(
    matrices: Counts, names: Sequence[str], classes: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Return the figures without each record in turn.

    Args:
        matrices: One confusion matrix a record, ``(records, …)``.
        names: Names of the records.
        classes: Names of the classes.

    Returns:
        ``{record: {"per_class": …, "macro_f1_nsv": …}}``.
    """
    total = matrices.sum(0)
    return {
        name: {
            "per_class": per_class(total - matrix, classes),
            "macro_f1_nsv": macro_f1_nsv(total - matrix, classes),
        }
        for name, matrix in zip(names, matrices, strict=True)
    }


def calibration(
    probabilities: NDArray[np.float32], y: Counts, classes: Sequence[str], *, bins: int = 10
) -> dict[str, Any]:
    """Return how far stated probabilities are from what came true.

    Args:
        probabilities: ``(beats, classes)``.
        y: ``(beats,)`` labels; any other number than a class's for a false beat, of which no
            statement comes true.
        classes: Names of the classes.
        bins: Equal bins of [0, 1].

    Returns:
        ``ece``: expected calibration error of the chosen class; ``reliability``: for each class
        a list of ``{"stated", "observed", "beats"}``, one a bin that holds beats.

    References:
        Guo et al. 2017, On Calibration of Modern Neural Networks, arXiv:1706.04599.
    """
    if not len(y):
        return {"ece": None, "reliability": {name: [] for name in classes}}
    predicted = probabilities.argmax(1)
    top = _reliability(probabilities.max(1), predicted == y, bins)
    gaps = [part["beats"] * abs(part["stated"] - part["observed"]) for part in top]
    return {
        "ece": float(sum(gaps) / len(y)),
        "reliability": {
            name: _reliability(probabilities[:, index], y == index, bins)
            for index, name in enumerate(classes)
        },
    }


def _reliability(
    stated: NDArray[np.float32], came_true: NDArray[np.bool_], bins: int
) -> list[dict[str, Any]]:
    bin_of = np.minimum((stated * bins).astype(int), bins - 1)
    parts = []
    for index in range(bins):
        inside = bin_of == index
        if inside.any():
            parts.append(
                {
                    "stated": float(stated[inside].mean(dtype=np.float64)),
                    "observed": float(came_true[inside].mean()),
                    "beats": int(inside.sum()),
                }
            )
    return parts


def _quantiles(values: NDArray[np.float64], tails: list[float]) -> list[float] | None:
    defined = values[np.isfinite(values)]
    if len(defined) * 2 < len(values) or not len(defined):
        return None
    low, high = np.quantile(defined, tails)
    return [float(low), float(high)]


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
