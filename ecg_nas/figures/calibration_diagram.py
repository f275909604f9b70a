"""Whether a classifier's probabilities can be taken at their word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from data_prep.tasks import Task
from ecg_nas.figures._svg import INK, MUTED, render
from ecg_nas.figures.class_styles import colour


def reliability(
    curves: Mapping[str, Sequence[Mapping[str, Any]]], task: Task, *, name: str = "reliability"
) -> str:
    """Draw, class by class, how often what was stated with a probability came true.

    Args:
        curves: For each class the bins ``{"stated", "observed", "beats"}``.
        task: Whose classes they are.
        name: Prefix of the ids when a page shows several.

    Returns:
        SVG text.
    """
    kinds = list(curves)

    def draw(figure: Any) -> None:
        grid = figure.subplots(1, max(len(kinds), 1), sharey=True, squeeze=False)[0]
        for axes, kind in zip(grid, kinds, strict=False):
            bins = curves[kind]
            axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)))
            stated = [part["stated"] for part in bins]
            observed = [part["observed"] for part in bins]
            # Areas by the order of magnitude: a bin of few beats should look like one.
            sizes = [8 + 14 * np.log10(max(part["beats"], 1)) for part in bins]
            own = colour(kind, task, INK)
            axes.plot(stated, observed, color=own, linewidth=1.2, alpha=0.6)
            axes.scatter(stated, observed, s=sizes, color=own, zorder=3)
            axes.set_title(kind, fontsize=10, fontweight="bold")
            axes.set_xlim(-0.04, 1.04)
            axes.set_ylim(-0.04, 1.04)
            axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
            axes.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
            axes.set_aspect("equal")
            axes.set_xlabel("stated", fontsize=8)
        grid[0].set_ylabel("came true", fontsize=8)

    return render(
        draw,
        name=name,
        label=f"Stated probability against how often it came true, classes {', '.join(kinds)}",
        width_in=1.0 + 1.45 * max(len(kinds), 1),
        height_in=2.2,
    )
