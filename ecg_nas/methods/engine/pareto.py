"""Two objectives at once: a score to raise and a cost to lower."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def front_order(scores: Floats, costs: Floats) -> NDArray[np.int64]:
    """Return indices from best to worst: by rank of non-domination, then by crowding distance.

    Args:
        scores: ``(n,)`` higher is better.
        costs: ``(n,)`` lower is better.

    References:
        Deb et al., *A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II*, 2002,
        doi:10.1109/4235.996017.
    """
    from pymoo.operators.survival.rank_and_crowding.metrics import calc_crowding_distance
    from pymoo.util.nds.non_dominated_sorting import NonDominatedSorting

    points = np.stack([np.negative(scores), costs], axis=1).astype(np.float64)
    order: list[int] = []
    for front in NonDominatedSorting().do(points):
        distance = calc_crowding_distance(points[front])
        order += [int(front[i]) for i in np.argsort(-distance, kind="stable")]
    return np.array(order, dtype=np.int64)


def hypervolume(scores: Floats, costs: Floats, *, least: float, most: float) -> float:
    """Return the area that the points dominate, up to a score ``least`` and a cost ``most``.

    Args:
        scores: ``(n,)`` higher is better; points not above ``least`` count nothing.
        costs: ``(n,)`` lower is better; points not below ``most`` count nothing.
        least: Score of the reference point.
        most: Cost of the reference point.

    References:
        Zitzler, Thiele, *Multiobjective Evolutionary Algorithms*, 1999, doi:10.1109/4235.797969.
    """
    inside = (scores > least) & (costs < most)
    by_cost = np.lexsort((-scores[inside], costs[inside]))
    best, cheap = scores[inside][by_cost], costs[inside][by_cost]
    reached = np.maximum.accumulate(best) - least  # score had at this cost or less
    return float((reached * np.diff(cheap, append=most)).sum())


def improvements(
    scores: Floats, costs: Floats, *, known_scores: Floats, known_costs: Floats
) -> Floats:
    """Return by how much each point alone would enlarge the hypervolume of the known ones.

    Both objectives are scaled to 0..1 over all points; the reference point lies a tenth beyond
    the worst, so that the ends of a front count too.

    Args:
        scores: ``(n,)`` of the points, higher is better.
        costs: ``(n,)`` lower is better.
        known_scores: ``(m,)`` of the points that are there already.
        known_costs: ``(m,)``.
    """
    all_scores, all_costs = (
        np.concatenate(pair) for pair in ((scores, known_scores), (costs, known_costs))
    )
    height, width = (max(np.ptp(values), 1e-12) for values in (all_scores, all_costs))
    score = (all_scores - all_scores.min()) / height + 0.1
    cost = (all_costs - all_costs.min()) / width
    n = len(scores)
    # Steps of the known front: below each cost, the best score that is known.
    order = np.argsort(cost[n:], kind="stable")
    edges = np.concatenate([[0.0], cost[n:][order], [1.1]])
    level = np.concatenate([[0.0], np.maximum.accumulate(score[n:][order])])
    widths = np.clip(edges[1:] - np.maximum(edges[:-1], cost[:n, None]), 0.0, None)
    gains: Floats = (widths * np.clip(score[:n, None] - level, 0.0, None)).sum(axis=1)
    return gains
