"""How a classifier did on each record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from data_prep.tasks import Task
from ecg_nas.figures._svg import FAINT, INK, MUTED, render, shortened
from ecg_nas.figures.class_styles import colour, name_of

Part = tuple[int, int]
"""How many of how many."""


def records(
    parts: Mapping[str, Mapping[str, tuple[Part, Part]]],
    task: Task,
    *,
    name: str = "records",
) -> str:
    """Draw sensitivity and positive predictivity of each record as bars.

    The number beside a bar says how many beats the share is of: 0 % of one beat is not 0 % of a
    thousand.

    Args:
        parts: For each record and class, the right beats among those of the reference and among
            those that the classifier called so.
        task: Whose classes they are: those that are sought are shown.
        name: Prefix of the ids when a page shows several.

    Returns:
        SVG text.
    """
    names, classes = list(parts), task.sought

    def draw(figure: Any) -> None:
        columns = [(kind, figure_) for kind in classes for figure_ in (0, 1)]
        grid = figure.subplots(1, len(columns), sharey=True, squeeze=False)[0]
        places = np.arange(len(names))
        for axes, (kind, which) in zip(grid, columns, strict=True):
            pairs = [parts[record][kind][which] for record in names]
            values = [right / total if total else 0.0 for right, total in pairs]
            axes.barh(places, [1.0] * len(places), height=0.62, color=FAINT, alpha=0.55)
            axes.barh(
                places, values, height=0.62, color=colour(kind, task),
                alpha=0.9 if which == 0 else 0.6,
            )  # fmt: skip
            for place, (right, total) in zip(places, pairs, strict=True):
                axes.text(
                    1.04, place, f"{right:,}/{total:,}" if total else "–", va="center",
                    fontsize=7.5, color=INK if total else MUTED,
                )  # fmt: skip
            title = "sensitivity" if which == 0 else "+ predictivity"
            axes.set_title(f"{kind} {title}", fontsize=9, fontweight="bold", loc="left")
            axes.set_xlim(0, 1.55)
            axes.set_xticks([0, 0.5, 1], ["0", "50", "100 %"])
            axes.tick_params(axis="y", length=0)
            axes.spines["left"].set_visible(False)
            axes.spines["bottom"].set_bounds(0, 1)
        grid[0].set_yticks(places, [shortened(record) for record in names])
        grid[0].set_ylim(len(names) - 0.4, -0.6)

    described = ", ".join(name_of(kind, task) for kind in classes)
    return render(
        draw,
        name=name,
        label=f"Sensitivity and positive predictivity of {described} beats in {len(names)} records",
        width_in=7.6,
        height_in=0.75 + 0.19 * max(len(names), 1),
    )
