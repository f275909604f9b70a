"""Intervals of a classifier's figures over patients."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data_prep.tasks import Task
from ecg_nas.metrics.classification import Counts


def patient_intervals(
    matrices: Counts,
    task: Task,
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
        task: Whose classes they are.
        rng: Draws the patients.
        draws: Number of bootstrap samples.
        level: Coverage of the percentile interval.

    Returns:
        ``[low, high]`` of ``accuracy``, the task's score by its name, and ``CLASS_se``,
        ``CLASS_ppv``, ``CLASS_f1``; ``None`` where fewer than half of the draws define the figure.

    References:
        Efron & Tibshirani 1993, An Introduction to the Bootstrap, ch. 13.
    """
    patients, classes = len(matrices), task.classes
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
    places = [classes.index(name) for name in task.scored]
    figures[task.headline] = by_class["f1"][:, places].mean(1)
    for index, name in enumerate(classes):
        for figure, values in by_class.items():
            figures[f"{name}_{figure}"] = values[:, index]
    tails = [(1 - level) / 2, (1 + level) / 2]
    return {name: _quantiles(values, tails) for name, values in figures.items()}


def _quantiles(values: NDArray[np.float64], tails: list[float]) -> list[float] | None:
    defined = values[np.isfinite(values)]
    if len(defined) * 2 < len(values) or not len(defined):
        return None
    low, high = np.quantile(defined, tails)
    return [float(low), float(high)]
