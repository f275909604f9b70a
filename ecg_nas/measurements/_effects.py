"""What single changes do to the score of one network, trained with the same seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from ecg_nas.errors import ConfigError
from ecg_nas.evaluation.base import Evaluation


def check_seeds(n_seeds: int) -> None:
    """Refuse a number of trainings without a spread.

    Raises:
        ConfigError: If it is below 2.
    """
    if n_seeds < 2:
        raise ConfigError(f"the number of seeds must be 2 or more; got {n_seeds}")


def told(
    evaluations: Iterable[Evaluation], on_evaluation: Callable[[Evaluation], None]
) -> Iterator[Evaluation]:
    """Yield ``evaluations``, each of them told to ``on_evaluation`` first."""
    for evaluation in evaluations:
        on_evaluation(evaluation)
        yield evaluation


def figures(evaluations: Sequence[Evaluation]) -> dict[str, Any]:
    """Return ``scores`` (``None`` for a failure), ``mean``, ``sd`` and the mean F1 a class."""
    good = [e for e in evaluations if e.score is not None]
    scores = np.array([e.score for e in good], dtype=np.float64)
    classes = good[0].metrics.get("per_class", {}) if good else {}
    return {
        "scores": [e.score for e in evaluations],
        "mean": float(scores.mean()) if len(scores) else None,
        "sd": float(scores.std(ddof=1)) if len(scores) > 1 else None,
        "f1": {
            name: float(np.mean([e.metrics["per_class"][name]["f1"] or 0.0 for e in good]))
            for name in classes
        },
    }


def compared(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return ``base``, the first row, and ``variants``, the others with their effect.

    ``effect`` is the mean difference to the base, seed by seed, and ``effect_sd`` the standard
    deviation of these differences.
    """
    base, *changed = rows
    return {"base": base, "variants": [row | _effect(row, base) for row in changed]}


def _effect(row: dict[str, Any], base: dict[str, Any]) -> dict[str, float | None]:
    pairs = zip(row["scores"], base["scores"], strict=True)
    differences = [a - b for a, b in pairs if a is not None and b is not None]
    return {
        "effect": float(np.mean(differences)) if differences else None,
        "effect_sd": float(np.std(differences, ddof=1)) if len(differences) > 1 else None,
    }
