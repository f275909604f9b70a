"""How search methods, or predictors, compare on a benchmark."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecg_nas.figures._svg import BLUE, GREEN, INK, MUTED, ORANGE, PURPLE, RED, render

_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, RED, INK, MUTED)
_DASHES = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)))
_MARKERS = "osD^vPX"

_LINEAR_TO = 0.01  # points of regret: below, the axis is linear, so that it has a 0


class Course(NamedTuple):
    """How a method fared over its look-ups, ``(look-ups,)`` each.

    Attributes:
        regret: Mean simple regret over seeds.
        low: Lower end of its interval.
        high: Upper end.
        hit_rate: Share of the seeds that have seen the optimum, 0..1; ``None`` if not to be drawn.
    """

    regret: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    hit_rate: NDArray[np.float64] | None


def courses(
    methods: Mapping[str, Course],
    *,
    title: str,
    measure: str = "mean regret (points)",
    name: str = "comparison",
) -> str:
    """Draw regret and the share of searches at the optimum over look-ups.

    Args:
        methods: By name, in the order of the legend.
        title: What was searched.
        measure: What ``regret`` is, if not points.
        name: Prefix of the ids when a page shows several.

    Returns:
        SVG text.
    """

    def draw(figure: Any) -> None:
        with_hits = any(course.hit_rate is not None for course in methods.values())
        shapes = {"ncols": 2, "width_ratios": (3, 2)} if with_hits else {"ncols": 1}
        regret, *hits = figure.subplots(squeeze=False, **shapes)[0]
        for (method, course), style in zip(methods.items(), _styles(), strict=False):
            places = np.arange(1, len(course.regret) + 1)
            seen = np.isfinite(course.high)  # infinite until a training succeeds
            regret.fill_between(
                places[seen], course.low[seen], course.high[seen], color=style["color"], alpha=0.15,
                linewidth=0,
            )  # fmt: skip
            regret.plot(places[seen], course.regret[seen], label=method, linewidth=1.4, **style)
            if course.hit_rate is not None:
                share = 100 * course.hit_rate
                hits[0].step(places, share, where="post", linewidth=1.4, **style)
        regret.set_yscale("symlog", linthresh=_LINEAR_TO, linscale=0.5)
        regret.yaxis.set_major_formatter("{x:g}")
        regret.set_ylim(bottom=0)
        regret.set_ylabel(f"{measure}, 95 % interval")
        for axes in hits:
            axes.set_ylabel("searches at the optimum (%)")
            axes.set_ylim(-2, 102)
        for axes in (regret, *hits):
            axes.grid(axis="y")
            axes.set_xlabel("trainings (look-ups)")
            axes.set_xlim(1, max((len(course.regret) for course in methods.values()), default=2))
        figure.suptitle(title, fontsize=9)
        figure.legend(loc="outside lower center", ncols=5)

    ends = [f"{method} {course.regret[-1]:.3f}" for method, course in methods.items()]
    return render(
        draw,
        name=name,
        label=f"{title}: {measure} at the end {', '.join(ends)}",
        width_in=9.2,
        height_in=3.9,
    )


class Agreement(NamedTuple):
    """Kendall's tau-b of a predictor by number of labels, ``None`` where it is undefined.

    Attributes:
        labels: Numbers of labels, rising.
        mean: Mean over draws.
        deviation: Standard deviation over draws.
    """

    labels: Sequence[int]
    mean: Sequence[float | None]
    deviation: Sequence[float | None]


def agreements(predictors: Mapping[str, Agreement], *, title: str, name: str = "agreement") -> str:
    """Draw rank correlation over the number of labels.

    Args:
        predictors: By name, in the order of the legend.
        title: What was predicted.
        name: Prefix of the ids when a page shows several.

    Returns:
        SVG text.
    """

    def draw(figure: Any) -> None:
        axes = figure.add_subplot()
        axes.grid(axis="y")
        axes.set_xscale("log")
        counts = sorted({count for found in predictors.values() for count in found.labels})
        axes.set_xticks(counts, [str(count) for count in counts])
        axes.set_xticks([], minor=True)
        for number, ((predictor, found), style) in enumerate(
            zip(predictors.items(), _styles(), strict=False)
        ):
            mean, deviation = (np.array(part, float) for part in (found.mean, found.deviation))
            # Side by side, so that bars of like predictors can be told apart.
            beside = 1 + 0.02 * (number - (len(predictors) - 1) / 2)
            axes.errorbar(
                np.array(found.labels) * beside, mean, np.nan_to_num(deviation), label=predictor,
                marker=_MARKERS[number % len(_MARKERS)], markersize=5, linewidth=1.3, capsize=2.5,
                **style,
            )  # fmt: skip
        axes.set_xlabel("labels")
        axes.set_ylabel("Kendall's tau-b, ± standard deviation")
        figure.suptitle(title, fontsize=9)
        figure.legend(loc="outside lower center", ncols=4)

    return render(
        draw,
        name=name,
        label=f"{title}: Kendall's tau-b of {', '.join(predictors)} over the number of labels",
        width_in=8.2,
        height_in=4.2,
    )


def _styles() -> Iterator[dict[str, Any]]:
    """Yield a colour and a dash for each of many lines, no two the same."""
    for dash in _DASHES:
        for colour in _COLOURS:
            yield {"color": colour, "linestyle": dash}
