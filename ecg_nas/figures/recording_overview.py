"""A whole recording at a glance: heart rate and ectopic beats over time, and beat against beat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_prep.tasks import Task
from ecg_nas.figures._svg import FAINT, INK, MUTED, render
from ecg_nas.figures.class_styles import colour, name_of

Span = tuple[float, float]

_MOST_POINTS = 2500
_LONGEST_RR_S = 2.5


def overview(
    duration_s: float,
    rate: Sequence[tuple[float, float]],
    counts: Mapping[str, Sequence[int]],
    unreadable: Sequence[Span],
    task: Task,
    *,
    name: str = "overview",
) -> str:
    """Draw the heart rate, and the beats of each class but the common one, over the recording.

    Args:
        duration_s: Length of the recording.
        rate: Time (the middle of a piece, in seconds) and heart rate a minute.
        counts: Beats of each class in equal pieces of the recording.
        unreadable: Where no beat could be read; shaded.
        task: Whose classes they are.
        name: Prefix of the ids when a page shows several.

    Returns:
        SVG text.
    """
    unit, of_unit = (3600.0, "hours") if duration_s > 5400 else (60.0, "minutes")
    shown = [kind for kind in counts if kind != task.common and any(counts[kind])]

    def draw(figure: Any) -> None:
        rows = figure.subplots(
            1 + len(shown), 1, sharex=True, squeeze=False, height_ratios=[2.4] + [1] * len(shown)
        )[:, 0]
        times = np.array([at for at, _ in rate]) / unit
        rows[0].plot(times, [value for _, value in rate], color=INK, linewidth=0.9)
        rows[0].set_ylabel("beats a minute")
        for axes, kind in zip(rows[1:], shown, strict=True):
            values = counts[kind]
            width = duration_s / unit / len(values)
            axes.bar(
                (np.arange(len(values)) + 0.5) * width, values, width=width,
                color=colour(kind, task, MUTED),
            )  # fmt: skip
            axes.set_ylabel(kind, rotation=0, ha="right", va="center", fontweight="bold")
            axes.set_ylim(0, max(*values, 1))
            axes.yaxis.get_major_locator().set_params(integer=True, nbins=2)
        for axes in rows:
            axes.grid(axis="x")
            for start, stop in unreadable:
                axes.axvspan(start / unit, stop / unit, color=FAINT, linewidth=0)
        rows[-1].set_xlim(0, duration_s / unit)
        rows[-1].set_xlabel(of_unit)

    kinds = ", ".join(f"{sum(counts[kind]):,} {name_of(kind, task)}" for kind in shown)
    return render(
        draw, name=name, label=f"Heart rate over the recording; {kinds or 'normal beats only'}",
        width_in=7.6, height_in=1.9 + 0.65 * len(shown),
    )  # fmt: skip


def poincare(
    before_s: NDArray[np.float64],
    after_s: NDArray[np.float64],
    classes: Sequence[str],
    task: Task,
    *,
    name: str = "poincare",
) -> str:
    """Draw each beat's RR interval behind it against the one before it.

    Args:
        before_s: ``(beats,)`` intervals before.
        after_s: ``(beats,)`` intervals behind.
        classes: Class of each beat.
        task: Whose classes they are.
        name: Prefix of the ids when a page shows several.

    Returns:
        SVG text; of very many beats, every so manieth.
    """
    # Rare classes are drawn whole, and over the frequent ones; a set has an order of its own.
    order = sorted(set(classes), key=lambda kind: (-list(classes).count(kind), kind))
    kinds = np.array(classes)

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        for kind in order:
            own = np.flatnonzero(kinds == kind)
            own = own[:: max(-(-len(own) // _MOST_POINTS), 1)]
            axes.scatter(
                before_s[own], after_s[own], s=5, linewidths=0, alpha=0.6,
                color=colour(kind, task, MUTED), label=kind,
            )  # fmt: skip
        limit = min(float(max(before_s.max(), after_s.max(), 1.0)) * 1.05, _LONGEST_RR_S)
        axes.plot([0, limit], [0, limit], color=FAINT, linewidth=0.8, zorder=0)
        axes.set(xlim=(0, limit), ylim=(0, limit), aspect="equal")
        axes.set_xlabel("RR before the beat (s)")
        axes.set_ylabel("RR behind the beat (s)")
        axes.legend(loc="upper right", markerscale=2)

    return render(
        draw, name=name, label=f"RR intervals before and behind {len(kinds):,} beats",
        width_in=3.7, height_in=3.7,
    )  # fmt: skip
