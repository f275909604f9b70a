"""From traces to the figures of a comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecg_nas.benchmark.trace import Trace

CHECKPOINTS = (16, 32, 50, 64, 100, 150, 200, 300)
"""Look-ups after which regret is reported, besides the budget."""

_HIT = 1e-4  # in per cent; tables hold 32-bit floats


def regret_curve(trace: Trace, optimum: float) -> NDArray[np.float64]:
    """Return the simple regret, optimum less best so far, after each look-up; inf before any."""
    scores = [-np.inf if score is None else score for score in trace.scores]
    curve: NDArray[np.float64] = optimum - np.maximum.accumulate(scores)
    return curve


def summarise(
    traces: Sequence[Trace], *, name: str, budget: int, metric: str, optimum: float
) -> dict[str, Any]:
    """Return the comparison as JSON-able values, all accuracies in %.

    Returns:
        ``name``, ``budget``, ``seeds``, ``metric``, ``optimum`` and ``methods``: for each method
        ``regret`` at some look-ups with mean, standard deviation and median over seeds,
        ``regret_area`` (the mean over all look-ups), ``hit_rate``, ``trainings_to_optimum``,
        ``test_accuracy``, ``seconds_per_run`` and ``code`` (digests of the code that its runs
        were made with: more than one if it changed between them).
    """
    methods = list(dict.fromkeys(trace.method for trace in traces))
    return {
        "name": name,
        "budget": budget,
        "seeds": len({trace.seed for trace in traces}),
        "metric": metric,
        "optimum": optimum,
        "methods": {
            method: _figures([t for t in traces if t.method == method], budget, optimum)
            for method in methods
        },
    }


def _figures(traces: Sequence[Trace], budget: int, optimum: float) -> dict[str, Any]:
    curves = np.stack([regret_curve(trace, optimum) for trace in traces])
    hits = [_first_hit(curve) for curve in curves]
    points = sorted({point for point in CHECKPOINTS if point < budget} | {budget})
    best = [int(np.nanargmax(np.array(trace.scores, float))) for trace in traces]
    return {
        "regret": {
            str(point): {
                **spread(curves[:, point - 1]),
                "median": float(np.median(curves[:, point - 1])),
            }
            for point in points
        },
        "regret_area": spread(curves.mean(axis=1)),
        "hit_rate": sum(hit is not None for hit in hits) / len(hits),
        "trainings_to_optimum": hits,
        "test_accuracy": spread(
            np.array([trace.test[row] for trace, row in zip(traces, best, strict=True)])
        ),
        "seconds_per_run": float(np.mean([trace.seconds for trace in traces])),
        "code": sorted({trace.code for trace in traces}),
    }


def spread(values: NDArray[np.float64]) -> Mapping[str, float | None]:
    """Return mean and sample standard deviation over seeds, ``None`` where there are too few."""
    return {
        "mean": float(values.mean()) if len(values) else None,
        "std": float(values.std(ddof=1)) if len(values) > 1 else None,
    }


def _first_hit(curve: NDArray[np.float64]) -> int | None:
    hits = np.flatnonzero(curve <= _HIT)
    return int(hits[0]) + 1 if len(hits) else None
