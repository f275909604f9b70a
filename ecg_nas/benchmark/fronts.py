"""From traces to the figures of a comparison with two objectives: score and cost.

The yardstick is the true front of the table, the cost by its logarithm: ratios are what matters
between devices and sizes. Both objectives are scaled so that this front spans 0..1 in each, and the
reference point lies a tenth beyond its worst ends; a search's figure is the hypervolume of what it
has seen as a share of the front's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ecg_nas.benchmark.significance import ALPHA, holm, lower
from ecg_nas.benchmark.summary import checkpoints, interval, spread
from ecg_nas.benchmark.trace import Trace
from ecg_nas.methods.engine import pareto

_Floats = NDArray[np.float64]
_BEYOND = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Yardstick:
    """The objectives of all cells of a table, scaled by its true front.

    Attributes:
        scores: ``(cells,)`` 1 is the front's best.
        costs: ``(cells,)`` logarithms; 0 is the front's lowest, 1 its highest.
        front: How many cells are on it.
        area: Hypervolume of the front.
    """

    scores: _Floats
    costs: _Floats
    front: int
    area: float

    @classmethod
    def of(cls, scores: _Floats, costs: _Floats) -> Self:
        """Return the yardstick of a table's ``scores`` and positive ``costs``, ``(cells,)``."""
        costs = np.log(costs)
        order = np.lexsort((-scores, costs))
        best_before = np.concatenate([[-np.inf], np.maximum.accumulate(scores[order])[:-1]])
        front = order[scores[order] > best_before]
        (low, high), (cheap, dear) = ((v[front].min(), v[front].max()) for v in (scores, costs))
        scaled = (scores - low) / max(high - low, 1e-12), (costs - cheap) / max(dear - cheap, 1e-12)
        area = _area(*(values[front] for values in scaled))
        return cls(scores=scaled[0], costs=scaled[1], front=len(front), area=area)

    def curves(self, traces: Sequence[Trace]) -> _Floats:
        """Return the curve of each of ``traces``, ``(traces, look-ups)``."""
        seen = ([cell for cell in trace.cells if cell is not None] for trace in traces)
        return np.stack([self.curve(cells) for cells in seen])

    def curve(self, cells: Sequence[int]) -> _Floats:
        """Return the share of the front's hypervolume after each of ``cells`` was seen."""
        at = np.array(cells)
        return np.array(
            [
                _area(self.scores[at[:n]], self.costs[at[:n]]) / self.area
                for n in range(1, len(at) + 1)
            ]
        )


def summarise_fronts(
    traces: Sequence[Trace],
    yardstick: Yardstick,
    *,
    name: str,
    budget: int,
    metric: str,
    cost: str,
    against: str,
    note: str | None = None,
) -> dict[str, Any]:
    """Return the comparison as JSON-able values.

    Returns:
        ``name``, ``budget``, ``seeds``, ``metric``, ``cost``, ``front`` (cells on the true front),
        ``against``, ``note`` (see ``TableEvaluator.note``) and ``methods``: for each,
        ``hypervolume`` (share of the front's, 0..1) at some look-ups with mean, standard deviation
        and median over seeds and the 95 % interval of the mean, ``hypervolume_area`` (its mean
        over all look-ups), ``seconds_per_run``, ``code`` and, for rivals, ``verdict`` against the
        reference (two-sided Mann-Whitney U on the area, ``p_holm`` below ``ALPHA``).
    """
    methods = list(dict.fromkeys(trace.method for trace in traces))
    curves = {
        method: yardstick.curves([t for t in traces if t.method == method]) for method in methods
    }
    points = checkpoints(budget)
    figures: dict[str, dict[str, Any]] = {}
    for method in methods:
        at = curves[method][:, [point - 1 for point in points]]
        ends = np.transpose(interval(at)).tolist() if len(at) > 1 else [None] * len(points)
        own = [trace for trace in traces if trace.method == method]
        figures[method] = {
            "hypervolume": {
                str(point): {**spread(at[:, i]), "median": float(np.median(at[:, i]))}
                | {"interval": ends[i]}
                for i, point in enumerate(points)
            },
            "hypervolume_area": spread(curves[method].mean(axis=1)),
            "seconds_per_run": float(np.mean([trace.seconds for trace in own])),
            "code": sorted({trace.code for trace in own}),
        }
    rivals = [method for method in methods if method != against]
    areas = {method: -curves[method].mean(axis=1) for method in methods}
    tests = [lower(areas[rival], areas[against]) for rival in rivals]
    for rival, test, p in zip(rivals, tests, holm([t.p for t in tests]), strict=True):
        ahead = {1: "better", -1: "worse", 0: "tie"}[test.ahead]
        figures[rival] |= {"p_holm": p, "verdict": ahead if p < ALPHA else "tie"}
    return {
        "name": name,
        "budget": budget,
        "seeds": len({trace.seed for trace in traces}),
        "metric": metric,
        "cost": cost,
        "front": yardstick.front,
        "against": against,
        "note": note,
        "methods": figures,
    }


def _area(scores: _Floats, costs: _Floats) -> float:
    return pareto.hypervolume(scores, costs, least=-_BEYOND, most=1 + _BEYOND)
