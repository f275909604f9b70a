"""A rhythm strip on ECG paper: 25 mm/s and 10 mm/mV, true to scale when it is printed.

One unit of the drawing is one millimetre. A line of paper holds, from top to bottom: where two
annotators disagree, the leads on their grid, the time, and one row of beats an annotator.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_prep.tasks import Task
from ecg_nas.figures._svg import INK, MUTED
from ecg_nas.figures.class_styles import badge

MM_PER_S = 25.0
MM_PER_MV = 10.0

_LEFT, _RIGHT = 15.0, 5.0  # mm beside the signal; the calibration pulse stands on the left
_TIME, _ROW, _MARK, _GAP = 5.0, 6.0, 4.0, 5.0  # heights in mm
_HEAD, _FOOT = 9.0, 8.0
_LEAST, _MOST = (15.0, 10.0), (40.0, 40.0)  # mm of paper above and below the middle of a lead
_QRS_S = (0.1, 0.14)  # what is coloured of a beat's trace
_MARK_S = 0.2  # to either side of a disagreement
_FINE, _COARSE, _AMBER = "#f5d9d3", "#e9ada1", "#f2b705"
_FONT = "font-family=\"'DejaVu Sans', Arial, Helvetica, sans-serif\""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beats:
    """The beats of one annotator.

    Attributes:
        name: Name of the annotator.
        times_s: ``(beats,)`` times in the recording.
        classes: Class of each beat, which chooses colour and shape.
        letters: What is written for each beat.
    """

    name: str
    times_s: NDArray[np.float64]
    classes: Sequence[str]
    letters: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A place to look at.

    Attributes:
        time_s: Where in the recording.
        text: A few characters on why.
    """

    time_s: float
    text: str


def strip(
    signal: NDArray[np.float32],
    fs_hz: float,
    leads: Sequence[str],
    *,
    task: Task,
    start_s: float = 0.0,
    annotators: Sequence[Beats] = (),
    marks: Sequence[Mark] = (),
    line_s: float = 10.0,
    title: str = "",
    note: str = "",
    name: str = "strip",
) -> str:
    """Draw a piece of a recording.

    Each lead is moved up or down as a whole, line by line, so that its median lies on the paper's
    middle line: its waves and their amplitudes are as given.

    Args:
        signal: ``(samples, leads)`` in mV; NaN where there is none.
        fs_hz: Sampling rate.
        leads: Names of the leads.
        task: Whose classes the beats are of.
        start_s: Time of the first sample in the recording.
        annotators: One row each; the trace is coloured by the first.
        marks: What to mark.
        line_s: Seconds a line.
        title: What is shown, above it.
        note: What there is to know about it, below it.
        name: Prefix of the ids, when a page shows several.

    Returns:
        SVG text, which can stand alone or in a page.
    """
    stop_s = start_s + len(signal) / fs_hz
    annotators = [_within(beats, start_s, stop_s) for beats in annotators]
    marks = [mark for mark in marks if start_s <= mark.time_s < stop_s]
    per_line = max(round(line_s * fs_hz), 1)
    pieces = [signal[first : first + per_line] for first in range(0, len(signal), per_line)]
    seconds = line_s if len(pieces) > 1 else len(signal) / fs_hz
    paper = _Paper(
        bands=tuple(_band(pieces, lead) for lead in range(len(leads))),
        width=_LEFT + 5 * math.ceil(seconds * MM_PER_S / 5 - 1e-9) + _RIGHT,
        task=task,
        levels=2 if _is_crowded(marks) else 1 if marks else 0,
        rows=len(annotators),
    )
    body = []
    for number, piece in enumerate(pieces):
        top = _HEAD + number * (paper.height + _GAP)
        at_s = start_s + number * per_line / fs_hz
        line = _Line(paper=paper, top=top, start_s=at_s, stop_s=at_s + len(piece) / fs_hz)
        body += line.draw(piece, fs_hz, leads, annotators, marks, clip=f"{name}-clip{number}")
    height = _HEAD + len(pieces) * (paper.height + _GAP) - _GAP + _FOOT
    kinds = {kind for beats in annotators for kind in beats.classes}
    label = f"{title or 'Strip'}: {', '.join(leads)} from {clock(start_s)} to {clock(stop_s)}"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{paper.width:g}mm" '
            f'height="{height:g}mm" viewBox="0 0 {paper.width:g} {height:g}" role="img" '
            f'aria-label="{escape(label, quote=True)}" {_FONT}>',
            f'<rect width="{paper.width:g}" height="{height:g}" fill="#fff"/>',
            _text(1, 5.4, title, size=4, weight="bold"),
            _text(paper.width - 1, 5.4, "25 mm/s, 10 mm/mV", anchor="end", fill=MUTED),
            *body,
            *_legend(height - 3, kinds, note, paper),
            "</svg>",
        ]
    )


def clock(seconds: float) -> str:
    """Return a time as ``m:ss``, ``h:mm:ss``, with tenths where there are some."""
    tenths = round(seconds * 10)
    whole, tenth = divmod(tenths, 10)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    text = f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"
    return f"{text}.{tenth}" if tenth else text


@dataclass(frozen=True, slots=True, kw_only=True)
class _Paper:
    """What all lines have in common: mm above and below each lead's middle, and the rows."""

    task: Task
    bands: tuple[tuple[float, float], ...]
    width: float
    levels: int
    rows: int

    @property
    def grid(self) -> float:
        """Height of the grid."""
        return sum(up + down for up, down in self.bands)

    @property
    def height(self) -> float:
        """Height of a line."""
        return self.levels * _MARK + self.grid + _TIME + self.rows * _ROW


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """One line of paper, from ``start_s`` to ``stop_s``, its upper edge at ``top``."""

    paper: _Paper
    top: float
    start_s: float
    stop_s: float

    @property
    def grid_top(self) -> float:
        return self.top + self.paper.levels * _MARK

    @property
    def grid_bottom(self) -> float:
        return self.grid_top + self.paper.grid

    def x(self, time_s: float) -> float:
        return _LEFT + (time_s - self.start_s) * MM_PER_S

    def draw(
        self,
        piece: NDArray[np.float32],
        fs_hz: float,
        leads: Sequence[str],
        annotators: Sequence[Beats],
        marks: Sequence[Mark],
        *,
        clip: str,
    ) -> list[str]:
        top, bottom, width = self.grid_top, self.grid_bottom, self.paper.width
        return [
            _lines(width, top, bottom, 1, _FINE, 0.1),
            _lines(width, top, bottom, 5, _COARSE, 0.2),
            *self._marks(marks),
            f'<clipPath id="{clip}"><rect x="0" y="{top:g}" width="{width:g}" '
            f'height="{bottom - top:g}"/></clipPath>',
            f'<g clip-path="url(#{clip})" fill="none" stroke-linejoin="round">',
            *self._traces(piece, fs_hz, annotators[:1]),
            "</g>",
            *self._names(leads),
            *self._times(),
            *self._rows(annotators),
        ]

    def _middles(self) -> list[float]:
        middles, at = [], self.grid_top
        for up, down in self.paper.bands:
            middles.append(at + up)
            at += up + down
        return middles

    def _traces(
        self, piece: NDArray[np.float32], fs_hz: float, coloured: Sequence[Beats]
    ) -> list[str]:
        drawn = []
        xs = _LEFT + np.arange(len(piece)) / fs_hz * MM_PER_S
        for lead, middle in enumerate(self._middles()):
            ys = middle - (piece[:, lead] - _middle(piece[:, lead])) * MM_PER_MV
            drawn.append(f'<path d="{_path(xs, ys)}" stroke="{INK}" stroke-width="0.25"/>')
            for beats in coloured:
                here = _within(beats, self.start_s, self.stop_s)
                for time, kind in zip(here.times_s.tolist(), here.classes, strict=True):
                    first, last = (
                        round((time - self.start_s + part) * fs_hz)
                        for part in (-_QRS_S[0], _QRS_S[1])
                    )
                    part = slice(max(first, 0), last + 1)
                    known = self.paper.task.kind(kind)
                    if known is not None and kind != self.paper.task.common:
                        drawn.append(
                            f'<path d="{_path(xs[part], ys[part])}" stroke="{known.colour}" '
                            'stroke-width="0.5"/>'
                        )
        return drawn

    def _names(self, leads: Sequence[str]) -> list[str]:
        drawn = []
        for lead, middle in zip(leads, self._middles(), strict=True):
            drawn.append(
                f'<path d="M2.5 {middle:g}h2.5v-10h5v10h2.5" fill="none" stroke="{INK}" '
                'stroke-width="0.25"/>'
            )
            drawn.append(_text(1, middle - 11, lead, size=3.2, weight="bold"))
        return drawn

    def _times(self) -> list[str]:
        drawn = []
        for second in range(math.ceil(self.start_s - 1e-6), math.floor(self.stop_s + 1e-6) + 1):
            x = self.x(second)
            drawn.append(
                f'<path d="M{x:.2f} {self.grid_bottom:g}v1.4" stroke="{MUTED}" '
                'stroke-width="0.25"/>'
            )
            drawn.append(_text(x, self.grid_bottom + 4, clock(second), anchor="middle", fill=MUTED))
        return drawn

    def _rows(self, annotators: Sequence[Beats]) -> list[str]:
        drawn = []
        for number, beats in enumerate(annotators):
            y = self.grid_bottom + _TIME + (number + 0.5) * _ROW
            # A long name is written smaller, so that it stays in the margin.
            size = min(2.8, (_LEFT - 4) / (0.62 * max(len(beats.name), 1)))
            drawn.append(_text(1, y + 1, beats.name, size=size, fill=MUTED))
            here = _within(beats, self.start_s, self.stop_s)
            drawn += [
                badge(self.x(time), y, kind, letter, self.paper.task)
                for time, kind, letter in zip(
                    here.times_s.tolist(), here.classes, here.letters, strict=True
                )
            ]
        return drawn

    def _marks(self, marks: Sequence[Mark]) -> list[str]:
        drawn = []
        here = [mark for mark in marks if self.start_s <= mark.time_s < self.stop_s]
        for number, mark in enumerate(here):
            level = number % self.paper.levels
            y = self.top + level * _MARK
            left = self.x(mark.time_s - _MARK_S)
            height = self.top + self.paper.height - y
            drawn.append(
                f'<rect x="{left:.2f}" y="{y:g}" width="{2 * _MARK_S * MM_PER_S:g}" '
                f'height="{height:g}" fill="{_AMBER}" fill-opacity="0.25" stroke="#8a6a00" '
                'stroke-width="0.2" stroke-dasharray="1 0.7"/>'
            )
            drawn.append(
                _text(self.x(mark.time_s), y + 3, mark.text, anchor="middle", weight="bold")
            )
        return drawn


def _within(beats: Beats, start_s: float, stop_s: float) -> Beats:
    inside = (beats.times_s >= start_s) & (beats.times_s < stop_s)
    places = np.flatnonzero(inside).tolist()
    return Beats(
        name=beats.name,
        times_s=beats.times_s[inside],
        classes=[beats.classes[place] for place in places],
        letters=[beats.letters[place] for place in places],
    )


def _band(pieces: Sequence[NDArray[np.float32]], lead: int) -> tuple[float, float]:
    """Return how many mm of paper a lead needs above and below its middle: whole large squares."""
    above, below = 0.0, 0.0
    for piece in pieces:
        values = piece[:, lead]
        known = values[np.isfinite(values)]
        if len(known):
            above = max(above, float(known.max()) - _middle(values))
            below = max(below, _middle(values) - float(known.min()))
    up, down = (5 * math.ceil((mv * MM_PER_MV + 2) / 5) for mv in (above, below))
    return (
        min(max(float(up), _LEAST[0]), _MOST[0]),
        min(max(float(down), _LEAST[1]), _MOST[1]),
    )


def _middle(values: NDArray[np.float32]) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else 0.0


def _is_crowded(marks: Sequence[Mark]) -> bool:
    times = sorted(mark.time_s for mark in marks)
    return any(after - before < 0.5 for before, after in pairwise(times))


def _path(xs: NDArray[np.floating[Any]], ys: NDArray[np.floating[Any]]) -> str:
    """Return a path through the points; it is broken where there is no signal."""
    parts, pen = [], "M"
    for x, y in zip(xs.tolist(), ys.tolist(), strict=True):
        if math.isfinite(y):
            parts.append(f"{pen}{x:.2f} {y:.2f}")
            pen = "L"
        else:
            pen = "M"
    return "".join(parts)


def _lines(
    width: float, top: float, bottom: float, step: int, colour: str, thickness: float
) -> str:
    upright = "".join(f"M{x:g} {top:g}V{bottom:g}" for x in np.arange(0, width + 0.5, step))
    level = "".join(f"M0 {y:g}H{width:g}" for y in np.arange(top, bottom + 0.5, step))
    return f'<path d="{upright}{level}" stroke="{colour}" stroke-width="{thickness}" fill="none"/>'


def _legend(y: float, kinds: set[str], note: str, paper: _Paper) -> list[str]:
    drawn, x = [], 3.0
    for kind in (kind for kind in paper.task.kinds if kind.letter in kinds):
        drawn.append(badge(x, y - 1, kind.letter, kind.letter, paper.task))
        drawn.append(_text(x + 3.2, y, kind.name, fill=MUTED))
        x += 3.2 + 1.75 * len(kind.name) + 6
    room = max(paper.width - x - 2, 1)
    size = min(2.8, room / (0.62 * max(len(note), 1)))
    return [*drawn, _text(paper.width - 1, y, note, anchor="end", fill=MUTED, size=size)]


def _text(
    x: float,
    y: float,
    text: str,
    *,
    size: float = 2.8,
    anchor: str = "start",
    fill: str = INK,
    weight: str = "normal",
) -> str:
    if not text:
        return ""
    return (
        f'<text x="{x:.2f}" y="{y:.2f}" font-size="{size:.3g}" text-anchor="{anchor}" '
        f'fill="{fill}" font-weight="{weight}">{escape(text)}</text>'
    )
