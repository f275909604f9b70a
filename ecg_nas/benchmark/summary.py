"""From traces to the figures of a comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ecg_nas import seeds
from ecg_nas.benchmark.trace import Trace
from ecg_nas.tables.description import Direction

CHECKPOINTS = (16, 32, 50, 64, 100, 150, 200, 300)
"""Look-ups after which regret is reported, besides the budget."""

_RESAMPLES = 2000
_BATCH = 100  # of them at a time, to spare memory

_ON_THE_OPTIMUM = ("hit_rate", "hit_rate_interval", "trainings_to_optimum")


def regret_curve(trace: Trace, optimum: float) -> NDArray[np.float64]:
    """Return the simple regret, optimum less best so far, after each look-up; inf before any."""
    scores = [-np.inf if score is None else score for score in trace.scores]
    curve: NDArray[np.float64] = optimum - np.maximum.accumulate(scores)
    return curve


def summarise(
    traces: Sequence[Trace],
    *,
    name: str,
    budget: int,
    metric: str,
    optimum: float,
    note: str | None = None,
    direction: Direction = "higher",
) -> dict[str, Any]:
    """Return the comparison as JSON-able values, scores in the unit of the metric.

    Where lower values are better, ``optimum`` and the scores of ``traces`` are their negatives,
    and the optimum that is returned is not. With a ``note`` (see ``TableEvaluator.note``) there
    are no figures on reaching the optimum.

    Returns:
        ``name``, ``budget``, ``seeds``, ``metric``, ``direction`` (which values are better),
        ``optimum``, ``note`` and ``methods``: for each method ``regret`` at some look-ups with
        mean, standard deviation and median over seeds and the ``interval`` of the mean,
        ``regret_area`` (the mean over all look-ups), ``hit_rate`` and ``hit_rate_interval`` (both
        intervals 95 %, Wilson's the latter), ``trainings_to_optimum``, ``test_accuracy``,
        ``seconds_per_run`` and ``code`` (digests of the code that its runs were made with: more
        than one if it changed between them).
    """
    methods = list(dict.fromkeys(trace.method for trace in traces))
    return {
        "name": name,
        "budget": budget,
        "seeds": len({trace.seed for trace in traces}),
        "metric": metric,
        "direction": direction,
        "optimum": optimum if direction == "higher" else -optimum,
        "note": note,
        "methods": {
            method: _figures([t for t in traces if t.method == method], budget, optimum)
            | (dict.fromkeys(_ON_THE_OPTIMUM) if note is not None else {})
            for method in methods
        },
    }


def _figures(traces: Sequence[Trace], budget: int, optimum: float) -> dict[str, Any]:
    curves = np.stack([regret_curve(trace, optimum) for trace in traces])
    hits = [first_hit(curve) for curve in curves]
    points = checkpoints(budget)
    places = [point - 1 for point in points]
    # One seed has no interval.
    ends = np.transpose(interval(curves[:, places])).tolist() if len(traces) > 1 else None
    n_hits = sum(hit is not None for hit in hits)
    share = stats.binomtest(n_hits, len(hits)).proportion_ci(method="wilson")
    best = [int(np.nanargmax(np.array(trace.scores, float))) for trace in traces]
    return {
        "regret": {
            str(point): {
                **spread(curves[:, point - 1]),
                "median": float(np.median(curves[:, point - 1])),
                "interval": ends and ends[i],
            }
            for i, point in enumerate(points)
        },
        "regret_area": spread(curves.mean(axis=1)),
        "hit_rate": n_hits / len(hits),
        "hit_rate_interval": [float(end) for end in share],
        "trainings_to_optimum": hits,
        "test_accuracy": spread(
            np.array([trace.test[row] for trace, row in zip(traces, best, strict=True)])
        ),
        "seconds_per_run": float(np.mean([trace.seconds for trace in traces])),
        "code": sorted({trace.code for trace in traces}),
    }


def checkpoints(budget: int) -> list[int]:
    """Return the look-ups after which a search of ``budget`` look-ups is reported."""
    return sorted({point for point in CHECKPOINTS if point < budget} | {budget})


def spread(values: NDArray[np.float64]) -> Mapping[str, float | None]:
    """Return mean and sample standard deviation over seeds, ``None`` where there are too few.

    Both are ``None`` where a value is unknown (NaN).
    """
    known = not np.isnan(values).any()
    return {
        "mean": float(values.mean()) if known and len(values) else None,
        "std": float(values.std(ddof=1)) if known and len(values) > 1 else None,
    }


def interval(
    values: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the ends of a 95 % bootstrap interval of the mean over seeds.

    By percentiles, which stay defined where all seeds agree.

    Args:
        values: ``(seeds, n)``, of two seeds or more.

    References:
        Efron and Tibshirani, *An Introduction to the Bootstrap*, 1993, chapter 13.
    """
    with np.errstate(invalid="ignore"):  # regret is infinite until a training succeeds
        ends = stats.bootstrap(
            (values,),
            np.mean,
            axis=0,
            method="percentile",
            n_resamples=_RESAMPLES,
            batch=_BATCH,
            random_state=seeds.generator("bootstrap"),
        ).confidence_interval
    return np.asarray(ends.low), np.asarray(ends.high)


def at_optimum(regret: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return where ``regret`` is that of the optimum.

    Exactly: both are scores of one table, and traces are kept without loss.
    """
    return regret <= 0


def first_hit(curve: NDArray[np.float64]) -> int | None:
    """Return after how many look-ups a regret curve is at the optimum; ``None`` if it never is."""
    hits = np.flatnonzero(at_optimum(curve))
    return int(hits[0]) + 1 if len(hits) else None
