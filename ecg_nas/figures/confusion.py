"""How well classes are told apart: confusion matrix and folds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecg_nas.figures._svg import BLUE, INK, MUTED, render


def confusion(
    matrix: NDArray[np.int64],
    classes: Sequence[str],
    *,
    beyond: tuple[str, str] | None = None,
    name: str = "confusion",
) -> str:
    """Draw a confusion matrix: counts, shaded by the share of each reference class.

    Args:
        matrix: ``(classes, classes)``, rows the reference, columns the classifier; with
            ``beyond``, one row and one column more.
        classes: Names of the classes.
        beyond: What the last row (beats that the reference has not) and the last column (beats
            that the classifier has not) are called.
        name: Prefix of the ids when a page shows several.

    Returns:
        SVG text.
    """
    rows, columns = (
        [*classes] if beyond is None else [*classes, beyond[place]] for place in (0, 1)
    )
    totals = matrix.sum(1, keepdims=True)
    share = np.divide(matrix, totals, out=np.zeros(matrix.shape), where=totals > 0)
    share[len(classes) :] = 0  # beats that are not there are no class of which to take a share

    def draw(figure: Any) -> None:
        from matplotlib.colors import LinearSegmentedColormap

        axes = figure.add_subplot()
        shades = LinearSegmentedColormap.from_list("shades", ["#ffffff", BLUE])
        # Square roots, as the rare errors of a large class would otherwise look like none.
        axes.pcolormesh(np.sqrt(share), cmap=shades, vmin=0, vmax=1, edgecolor="white", lw=1.5)
        for row, column in np.ndindex(matrix.shape):
            count, part = matrix[row, column], share[row, column]
            if row == column == len(classes):
                continue
            colour = "white" if np.sqrt(part) > 0.6 else INK if count else MUTED
            axes.text(
                column + 0.5, row + (0.42 if part else 0.5), f"{count:,}", ha="center",
                va="center", color=colour, fontsize=9,
                fontweight="bold" if row == column and count else "normal",
            )  # fmt: skip
            if part:
                axes.text(
                    column + 0.5, row + 0.72, f"{100 * part:.1f} %", ha="center", va="center",
                    color=colour, fontsize=7,
                )  # fmt: skip
        axes.set_xticks(np.arange(len(columns)) + 0.5, columns)
        axes.set_yticks(np.arange(len(rows)) + 0.5, rows)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.invert_yaxis()
        axes.set_aspect("equal")
        axes.set_xlabel("classified as")
        axes.set_ylabel("reference")

    size = 1.0 + 0.72 * len(columns)
    label = f"Confusion matrix of {int(matrix.sum()):,} beats over the classes {', '.join(classes)}"
    return render(draw, name=name, label=label, width_in=size + 0.2, height_in=size)


def folds(scores: Sequence[float | None], pooled: float | None, *, metric: str) -> str:
    """Draw the score of each fold beside that of the pooled confusion.

    Args:
        scores: Score of each fold; ``None`` where it is undefined.
        pooled: Score of the confusion pooled over the folds.
        metric: What the score is, for the axis.

    Returns:
        SVG text.
    """
    values = np.array([np.nan if score is None else score for score in scores], float)

    def draw(figure: Any) -> None:
        axes = figure.add_subplot()
        places = np.arange(len(values))
        axes.grid(axis="x")
        axes.barh(places, np.nan_to_num(values), height=0.55, color=BLUE, alpha=0.85)
        for place, value in zip(places, values, strict=True):
            text = "undefined" if np.isnan(value) else f"{value:.3f}"
            inside = value > 0.15
            axes.text(
                0.015 if inside else 0.015 + np.nan_to_num(value), place, text, va="center",
                fontsize=8.5, color="white" if inside else INK,
            )  # fmt: skip
        if pooled is not None:
            axes.axvline(pooled, color=INK, linewidth=1.3, linestyle=(0, (4, 2)))
            axes.text(
                pooled, 1.02, f"pooled {pooled:.3f}", ha="center", va="bottom", fontsize=8.5,
                fontweight="bold", transform=axes.get_xaxis_transform(),
            )  # fmt: skip
        axes.set_yticks(places, [f"fold {place + 1}" for place in places])
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.invert_yaxis()
        axes.set_xlim(0, 1.08)
        axes.set_xticks(np.linspace(0, 1, 6))
        axes.set_xlabel(metric)

    return render(
        draw,
        name="folds",
        label=f"{metric} of {len(values)} folds",
        width_in=4.6,
        height_in=1.1 + 0.32 * max(len(values), 1),
    )
