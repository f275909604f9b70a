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

Counts = NDArray[np.int64]


def confusion(y: Counts, predicted: Counts, n_classes: int) -> Counts:
    """Count beats by class: ``(n_classes, n_classes)``, row = reference, column = prediction."""
    pairs = np.bincount(y * n_classes + predicted, minlength=n_classes * n_classes)
    return pairs.reshape(n_classes, n_classes).astype(np.int64)


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


def per_class(counts: Counts, classes: Sequence[str]) -> dict[str, dict[str, float | None]]:
    """Return sensitivity, positive predictive value and F1 of each class; undefined = ``None``."""
    figures = {}
    for i, name in enumerate(classes):
        hits, reference, called = int(counts[i, i]), int(counts[i].sum()), int(counts[:, i].sum())
        figures[name] = {
            "se": _ratio(hits, reference),
            "ppv": _ratio(hits, called),
            "f1": _ratio(2 * hits, reference + called),
        }
    return figures


def macro_f1(counts: Counts, classes: Sequence[str], of: Sequence[str] = SCORED) -> float | None:
    """Return the mean F1 of the classes ``of``; ``None`` where one of them is undefined.

    The other classes count where they are confused with these. A class that is there and never
    found has F1 0; one that is neither there nor predicted has none, and then the mean has none
    either: over the others alone it would be taken for one over all.
    """
    figures = per_class(counts, classes)
    defined = [f1 for name in of if name in figures and (f1 := figures[name]["f1"]) is not None]
    return float(np.mean(defined)) if len(defined) == len(of) else None


def headline(
    y: NDArray[np.int64], called: NDArray[np.int64], classes: Sequence[str]
) -> dict[str, float | None]:
    """Return ``macro_f1_nsv``, ``S_f1`` and ``V_f1`` of the beats that were called ``called``."""
    counts = confusion(y, called, len(classes))
    figures = per_class(counts, classes)
    return {
        "macro_f1_nsv": macro_f1(counts, classes),
        "S_f1": figures["S"]["f1"],
        "V_f1": figures["V"]["f1"],
    }


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
            "macro_f1_nsv": macro_f1(total - matrix, classes),
        }
        for name, matrix in zip(names, matrices, strict=True)
    }


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
