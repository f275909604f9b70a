"""From the results of a comparison to its drawing."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ecg_nas.benchmark.fronts import Yardstick
from ecg_nas.benchmark.summary import at_optimum, interval, regret_curve
from ecg_nas.benchmark.trace import Trace
from ecg_nas.figures.method_comparison import Agreement, Course, agreements, courses

_TITLE_WIDTH = 110


def of_searches(
    traces: Sequence[Trace],
    *,
    metric: str,
    optimum: float,
    note: str | None = None,
    unit: str = "%",
) -> str:
    """Return an SVG drawing of ``traces``: regret over look-ups, and hit rate unless ``note``."""
    methods = {}
    for method in dict.fromkeys(trace.method for trace in traces):
        curves = np.stack([regret_curve(t, optimum) for t in traces if t.method == method])
        mean = curves.mean(axis=0)
        low, high = interval(curves) if len(curves) > 1 else (mean, mean)
        methods[method] = Course(
            regret=mean,
            low=low,
            high=high,
            hit_rate=at_optimum(curves).mean(axis=0) if note is None else None,
        )
    title = _title(metric, traces, note)
    if unit == "%":
        return courses(methods, title=title)
    return courses(
        methods, title=title, measure=f"mean regret {f'({unit})' if unit else ''}".rstrip()
    )


def of_fronts(
    traces: Sequence[Trace],
    yardstick: Yardstick,
    *,
    metric: str,
    cost: str,
    note: str | None = None,
) -> str:
    """Return an SVG drawing of searches with two objectives: missing hypervolume over look-ups."""
    methods = {}
    for method in dict.fromkeys(trace.method for trace in traces):
        curves = 1 - yardstick.curves([t for t in traces if t.method == method])
        mean = curves.mean(axis=0)
        low, high = interval(curves) if len(curves) > 1 else (mean, mean)
        methods[method] = Course(regret=mean, low=low, high=high, hit_rate=None)
    return courses(
        methods,
        title=_title(f"{metric} against {cost}", traces, note),
        measure="share of the hypervolume still missing",
    )


def _title(searched: str, traces: Sequence[Trace], note: str | None) -> str:
    n_seeds = len({trace.seed for trace in traces})
    lines = [f"{searched}; {n_seeds} searches each", *textwrap.wrap(note or "", _TITLE_WIDTH)]
    return "\n".join(lines)


def of_rankings(result: Mapping[str, Any]) -> str:
    """Return an SVG drawing of a comparison of predictors, as ``ranking.summarise`` gives it."""
    labels = result["labels"]
    taus = {
        predictor: [by_predictor[predictor]["kendall_tau"] for by_predictor in labels.values()]
        for predictor in next(iter(labels.values()))
    }
    predictors = {
        predictor: Agreement(
            labels=[int(count) for count in labels],
            mean=[tau["mean"] for tau in found],
            deviation=[tau["std"] for tau in found],
        )
        for predictor, found in taus.items()
    }
    return agreements(
        predictors, title=f"{result['metric']}; {result['cells']} cells, {result['seeds']} draws"
    )
