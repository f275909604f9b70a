"""How a search went: the score of each evaluation and the best so far."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ecg_nas.figures._svg import BLUE, GREEN, INK, MUTED, ORANGE, PURPLE, RED, render, shortened

_ORIGINS = {
    "initial": (MUTED, "o", "first design"),
    "predictor": (BLUE, "D", "chosen by the predictor"),
    "exploration": (ORANGE, "s", "exploration"),
    "evolution": (PURPLE, "^", "evolution"),
}
_OTHER = (GREEN, "v")


def progress(scores: Sequence[float | None], origins: Sequence[str], *, metric: str) -> str:
    """Draw score over evaluations, coloured by where each idea came from.

    Args:
        scores: Score of each evaluation in order; ``None`` for a failure.
        origins: ``Proposal.origin`` of each.
        metric: What the score is, for the axis.

    Returns:
        SVG text.
    """
    known = [score for score in scores if score is not None]

    def draw(figure: Any) -> None:
        axes = figure.add_subplot()
        axes.grid(axis="y")
        axes.set_xlabel("evaluation")
        axes.set_ylabel(metric)
        axes.set_xlim(0.3, max(len(scores), 1) + 0.7)
        axes.xaxis.get_major_locator().set_params(integer=True)
        values = np.array([np.nan if score is None else score for score in scores], float)
        places = np.arange(1, len(scores) + 1)
        if known:
            best = np.fmax.accumulate(values)
            axes.step(places, best, where="post", color=INK, linewidth=1.3, label="best so far")
        for origin in [o for o in {**_ORIGINS, **dict.fromkeys(origins)} if o in origins]:
            colour, marker, *label = _ORIGINS.get(origin, _OTHER)
            chosen = [o == origin for o in origins] & ~np.isnan(values)
            axes.scatter(
                places[chosen], values[chosen], s=26, color=colour, marker=marker, zorder=3,
                edgecolor="white", linewidth=0.6, label=shortened((label or [origin])[0]),
            )  # fmt: skip
        _mark_failures(axes, places[np.isnan(values)])
        if known:
            top = int(np.nanargmax(values))
            axes.annotate(
                f"{values[top]:.3f}", (places[top], values[top]), xytext=(0, 8),
                textcoords="offset points", ha="center", fontsize=9, fontweight="bold",
            )  # fmt: skip
        axes.margins(y=0.14)
        if len(scores):
            figure.legend(loc="outside upper left", ncols=6, borderaxespad=0.2, columnspacing=1.4)

    best = f"; best {max(known):.3f}" if known else ""
    return render(
        draw,
        name="progress",
        label=f"{metric} of {len(scores)} evaluations{best}",
        width_in=9.2,
        height_in=3.5,
    )


def _mark_failures(axes: Any, places: Any) -> None:
    if not len(places):
        return
    axes.plot(
        places, np.full(len(places), 0.02), "x", color=RED, markersize=6, label="failed",
        transform=axes.get_xaxis_transform(),
    )  # fmt: skip
