"""What a classifier is worth: counts and the figures made of them, NumPy only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from data_prep.beats.labels import SCORED


def confusion(
    y: NDArray[np.int64], predicted: NDArray[np.int64], n_classes: int
) -> NDArray[np.int64]:
    """Count beats by class: ``(n_classes, n_classes)``, row = reference, column = prediction."""
    pairs = np.bincount(y * n_classes + predicted, minlength=n_classes * n_classes)
    return pairs.reshape(n_classes, n_classes).astype(np.int64)


def per_class(
    counts: NDArray[np.int64], classes: Sequence[str]
) -> dict[str, dict[str, float | None]]:
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


def macro_f1(
    counts: NDArray[np.int64], classes: Sequence[str], of: Sequence[str] = SCORED
) -> float:
    """Return the mean F1 of the classes ``of``.

    The other classes count where they are confused with these. A class of ``of`` that is neither
    there nor predicted has no F1 and is left out of the mean; with none left the result is 0.
    """
    figures: Mapping[str, Mapping[str, float | None]] = per_class(counts, classes)
    defined = [f1 for name in of if (f1 := figures[name]["f1"]) is not None]
    return float(np.mean(defined)) if defined else 0.0


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


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
