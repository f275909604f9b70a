"""How much of a score is the architecture, and how much the luck of one training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecg_nas import seeds
from ecg_nas.errors import ConfigError
from ecg_nas.evaluation.base import Candidate, Evaluation, Evaluator
from ecg_nas.measurements.random_networks import random_design
from ecg_nas.methods.base import Allowed
from search_spaces import SearchSpace

_RESAMPLES = 2000


def measure(
    evaluator: Evaluator,
    space: SearchSpace,
    *,
    n_architectures: int,
    n_seeds: int,
    seed: int,
    allowed: Allowed | None = None,
    on_evaluation: Callable[[Evaluation], None] = lambda _: None,
) -> dict[str, Any]:
    """Score random architectures several times each and compare the variances.

    Args:
        evaluator: What scores them.
        space: Where they are drawn from.
        n_architectures: How many, 2 or more.
        n_seeds: Trainings of each, 2 or more; only their seeds differ.
        seed: Seed of the draw and of the trainings.
        allowed: Which architectures may be drawn; ``None`` for all.
        on_evaluation: Called with each evaluation as it comes.

    Returns:
        ``reliability`` (see :func:`reliability`) with its ``interval`` (95 %, bootstrap over
        architectures), ``sd_between``, ``sd_within`` and, by architecture, ``scores``. An
        architecture of which a training failed is left out of the figures and counted in
        ``failures``.

    Raises:
        ConfigError: If a number is too small.
    """
    if n_seeds < 2:
        raise ConfigError(f"the number of seeds must be 2 or more; got {n_seeds}")
    drawn = random_design(space, n_architectures, at_least=2, seed=seed, allowed=allowed)
    candidates = [
        Candidate(slot=slot, architecture=arch, seed=seeds.derive(seed, "reliability", slot))
        for slot, arch in enumerate(arch for arch in drawn for _ in range(n_seeds))
    ]
    scores: list[float | None] = [None] * len(candidates)
    for evaluation in evaluator.evaluate(candidates):
        scores[evaluation.slot] = evaluation.score
        on_evaluation(evaluation)
    rows = [scores[i : i + n_seeds] for i in range(0, len(scores), n_seeds)]
    whole = np.array([row for row in rows if None not in row], dtype=np.float64)
    between, within = variances(whole)
    return {
        "reliability": reliability(whole),
        "interval": _interval(whole, seeds.generator(seed, "bootstrap")),
        "sd_between": float(np.sqrt(between)),
        "sd_within": float(np.sqrt(within)),
        "failures": len(rows) - len(whole),
        "scores": {arch.key: row for arch, row in zip(drawn, rows, strict=True)},
    }


def variances(scores: NDArray[np.float64]) -> tuple[float, float]:
    """Return the variance between architectures and that within one, from a one-way layout.

    Args:
        scores: ``(architectures, seeds)``. With fewer than two of either both are NaN.
    """
    n, k = scores.shape if scores.ndim == 2 else (0, 0)
    if n < 2 or k < 2:
        return float("nan"), float("nan")
    within = float(scores.var(axis=1, ddof=1).mean())
    # The mean of k trainings still carries a k-th of their noise.
    between = max(float(scores.mean(axis=1).var(ddof=1)) - within / k, 0.0)
    return between, within


def reliability(scores: NDArray[np.float64]) -> float | None:
    """Return the share of the variance of one score that the architecture explains, 0..1.

    The intraclass correlation ICC(1) of ``scores (architectures, seeds)``, not below 0; ``None``
    where it is undefined.

    References:
        Shrout and Fleiss, *Intraclass correlations*, 1979, doi:10.1037/0033-2909.86.2.420.
    """
    between, within = variances(scores)
    total = between + within
    return between / total if total > 0 else None


def _interval(scores: NDArray[np.float64], rng: np.random.Generator) -> list[float] | None:
    if len(scores) < 2:
        return None
    rows = rng.integers(len(scores), size=(_RESAMPLES, len(scores)))
    drawn = [value for row in rows if (value := reliability(scores[row])) is not None]
    return [float(q) for q in np.quantile(drawn, (0.025, 0.975))] if drawn else None
