"""Whether a difference between search methods is more than the luck of their seeds.

Two questions are asked of each rival and the method it is held against, by two-sided tests: who
needs fewer trainings to the optimum (log-rank, searches that never find it censored at the
budget), and whose regret is lower on the way (Mann-Whitney U on the area under the regret curve).
All p-values, two a rival, are corrected together by Holm's method.

Searches with the same seed begin with the same random architectures, which makes their results a
little alike. The tests take them as independent; likeness of pairs makes that cautious, not bold.

References:
    Log-rank: Mantel, *Evaluation of survival data*, Cancer Chemother. Rep. 50:163, 1966; Peto and
    Peto, 1972, doi:10.2307/2344317. Mann and Whitney, 1947, doi:10.1214/aoms/1177730491. Holm, *A
    Simple Sequentially Rejective Multiple Test Procedure*, Scand. J. Stat. 6:65, 1979. On tests
    for randomised algorithms: Arcuri and Briand, 2011, doi:10.1145/1985793.1985795.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ecg_nas.benchmark.summary import first_hit, regret_curve
from ecg_nas.benchmark.trace import Trace
from ecg_nas.errors import ConfigError

ALPHA = 0.01
"""Corrected p-values below it count."""

AREA_TO = 100
"""Look-ups over which the area under the regret curve is taken, if the budget has as many."""


class Difference(NamedTuple):
    """What a test says of two samples.

    Attributes:
        p: Two-sided p-value; 1 where nothing can be told.
        ahead: 1 if the first is ahead, -1 if the second is, 0 if neither.
    """

    p: float
    ahead: int


def verdicts(
    traces: Sequence[Trace],
    *,
    optimum: float,
    budget: int,
    against: str,
    to_optimum: bool = True,
) -> dict[str, Any]:
    """Hold every method against one of them.

    Args:
        traces: All searches of all methods.
        optimum: The table's best score.
        budget: Look-ups of each search.
        against: The method that the others are held against.
        to_optimum: Whether trainings to the optimum are compared, or regret alone.

    Returns:
        JSON-able: ``against``, ``alpha``, ``area_to`` and ``rivals``, for each other method

        - ``verdict``: ``better`` than ``against`` if a test says so (corrected p below ``alpha``)
          and the other does not contradict, ``worse`` the other way round, else ``tie``;
        - ``trainings_to_optimum`` and ``regret_area``, each with ``p``, ``p_holm`` and ``ahead``:
          the name of the method that is ahead in it, significantly or not; ``None`` if neither.
          Without ``to_optimum`` the former is ``None``.

    Raises:
        ConfigError: If no search is by ``against``.
    """
    methods = list(dict.fromkeys(trace.method for trace in traces))
    if against not in methods:
        raise ConfigError(
            f"methods can be held against one of those compared, {', '.join(methods)}; got "
            f"{against!r}"
        )
    area_to = min(AREA_TO, budget)
    curves = {
        method: np.stack([regret_curve(t, optimum) for t in traces if t.method == method])
        for method in methods
    }
    rivals = [method for method in methods if method != against]
    found: dict[str, dict[str, Difference]] = {rival: {} for rival in rivals}
    for rival, tests in found.items():
        if to_optimum:
            in_trainings = sooner(hits(curves[rival]), hits(curves[against]), budget)
            tests["trainings_to_optimum"] = in_trainings
        areas = (curves[name][:, :area_to].mean(axis=1) for name in (rival, against))
        tests["regret_area"] = lower(*areas)
    corrected = iter(holm([test.p for tests in found.values() for test in tests.values()]))
    return {
        "against": against,
        "alpha": ALPHA,
        "area_to": area_to,
        "rivals": {
            rival: _rival(
                {name: (test, next(corrected)) for name, test in tests.items()}, (rival, against)
            )
            for rival, tests in found.items()
        },
    }


def hits(curves: NDArray[np.float64]) -> list[int | None]:
    """Return after how many look-ups each of ``curves (searches, look-ups)`` is at the optimum."""
    return [first_hit(curve) for curve in curves]


def sooner(a: Sequence[int | None], b: Sequence[int | None], budget: int) -> Difference:
    """Compare numbers of trainings to the optimum, ``None`` if it took more than ``budget``."""
    with np.errstate(invalid="ignore", divide="ignore"):  # nobody found it, say
        result = stats.logrank(_censored(a, budget), _censored(b, budget))
    return _difference(float(result.pvalue), float(result.statistic))


def _censored(hits: Sequence[int | None], budget: int) -> Any:
    return stats.CensoredData(
        uncensored=[hit for hit in hits if hit is not None],
        right=[budget for hit in hits if hit is None],
    )


def lower(a: NDArray[np.float64], b: NDArray[np.float64]) -> Difference:
    """Compare two samples of figures of which lower ones are better."""
    result = stats.mannwhitneyu(a, b)
    return _difference(float(result.pvalue), len(a) * len(b) / 2 - float(result.statistic))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return ``p_values`` corrected for their number, in their order."""
    corrected = np.zeros(len(p_values))
    order = np.argsort(p_values)
    steps = np.array(p_values)[order] * np.arange(len(p_values), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return [float(p) for p in corrected]


def _difference(p: float, ahead: float) -> Difference:
    if not np.isfinite(p) or not np.isfinite(ahead):
        return Difference(1.0, 0)
    return Difference(p, int(np.sign(ahead)))


def _rival(tests: Mapping[str, tuple[Difference, float]], names: tuple[str, str]) -> dict[str, Any]:
    said = {difference.ahead for difference, p in tests.values() if p < ALPHA} - {0}
    verdict: Literal["better", "worse", "tie"] = "tie"
    if len(said) == 1:
        verdict = "better" if said == {1} else "worse"
    made = {
        test: {
            "p": difference.p,
            "p_holm": p,
            "ahead": {1: names[0], -1: names[1], 0: None}[difference.ahead],
        }
        for test, (difference, p) in tests.items()
    }
    return {"verdict": verdict, "trainings_to_optimum": None, **made}
