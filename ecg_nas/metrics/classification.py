"""Figures of a classifier from its confusion matrices: pure functions, no file, no model.

A confusion matrix is ``(classes, classes)`` int64, rows the reference, columns the classifier. It
may have one row and column more, of beats without a class: the last column then holds missed
beats, the last row false ones, and both count against the figures.
An undefined figure (no beat in its denominator) is ``None``, never zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_prep.tasks import Task

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


def macro_f1(counts: Counts, task: Task) -> float | None:
    """Return the task's score: the mean F1 of its scored classes; ``None`` where one is undefined.

    The other classes count where they are confused with these. A class that is there and never
    found has F1 0; one that is neither there nor predicted has none, and then the mean has none
    either: over the others alone it would be taken for one over all.
    """
    figures = per_class(counts, task.classes)
    defined = [f1 for name in task.scored if (f1 := figures[name]["f1"]) is not None]
    return float(np.mean(defined)) if len(defined) == len(task.scored) else None


def headline(
    y: NDArray[np.int64], called: NDArray[np.int64], task: Task
) -> dict[str, float | None]:
    """Return what a classifier is compared by: its score, and F1 of the classes that are sought.

    As in ``macro_f1_nsv``, ``S_f1`` and ``V_f1``: the task's ``figures``.

    Args:
        y: ``(beats,)`` labels.
        called: ``(beats,)`` what each beat was called.
        task: Whose classes they are.
    """
    counts = confusion(y, called, len(task.classes))
    figures = per_class(counts, task.classes)
    values = [macro_f1(counts, task), *(figures[name]["f1"] for name in task.sought)]
    return dict(zip(task.figures, values, strict=True))


def named_score(value: float | None, task: Task) -> dict[str, Any]:
    """Return a score as results hold it.

    Returns:
        ``macro_f1_nsv``, ``None`` where that is not the task's score; and ``headline`` with the
        ``name`` of the score and its ``value``.
    """
    promised = "macro_f1_nsv"
    return {
        promised: value if task.headline == promised else None,
        "headline": {"name": task.headline, "value": value},
    }


def score_of(facts: Mapping[str, Any]) -> float | None:
    """Return the score that :func:`named_score` put into ``facts``, or an earlier version did."""
    headline = facts.get("headline")
    score: float | None = facts["macro_f1_nsv"] if headline is None else headline["value"]
    return score


def leave_one_out(matrices: Counts, names: Sequence[str], task: Task) -> dict[str, dict[str, Any]]:
    """Return the figures without each record in turn.

    Args:
        matrices: One confusion matrix a record, ``(records, …)``.
        names: Names of the records.
        task: Whose classes they are.

    Returns:
        ``{record: {"per_class": …}}``, and what :func:`named_score` returns.
    """
    total = matrices.sum(0)
    return {
        name: {
            "per_class": per_class(total - matrix, task.classes),
            **named_score(macro_f1(total - matrix, task), task),
        }
        for name, matrix in zip(names, matrices, strict=True)
    }


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
