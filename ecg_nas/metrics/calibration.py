"""Whether a classifier's probabilities can be taken at their word, and what makes them so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from ecg_nas.metrics.classification import Counts

_LOWEST, _HIGHEST = 0.1, 10.0


def fit_temperature(logits: NDArray[np.float32], y: NDArray[np.int64]) -> float:
    """Return what to divide ``logits`` by so that the labels ``y`` are most likely, to 4 digits.

    The order of the classes stays as it is, so no decision changes. Between 0.1 and 10: outputs
    that are always right would ask for 0.

    References:
        Guo et al. 2017, On Calibration of Modern Neural Networks, arXiv:1706.04599.
    """
    wide = logits.astype(np.float64)
    rows = np.arange(len(y))

    def loss(log_t: float) -> float:
        return -float(log_softmax(wide / np.exp(log_t), axis=1)[rows, y].mean())

    found = minimize_scalar(
        loss, bounds=(np.log(_LOWEST), np.log(_HIGHEST)), method="bounded", options={"xatol": 1e-6}
    )
    return round(float(np.exp(found.x)), 4)


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
