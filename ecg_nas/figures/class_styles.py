"""How a beat's class looks: a colour, a shape and its letter, so that none has to be relied on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape

from data_prep.tasks import Task

OTHER = "#5f6b76"
"""Colour of what is no class of the task."""

_Shape = Callable[[float, float], str]


def _circle(x: float, y: float) -> str:
    return f'<circle cx="{x:.2f}" cy="{y:.2f}" r="2.2"'


def _square(x: float, y: float) -> str:
    return f'<rect x="{x - 2:.2f}" y="{y - 2:.2f}" width="4" height="4"'


def _diamond(x: float, y: float) -> str:
    return f'<path d="M{x:.2f} {y - 2.6:.2f}l2.6 2.6l-2.6 2.6l-2.6 -2.6z"'


def _hexagon(x: float, y: float) -> str:
    return f'<path d="M{x - 1.2:.2f} {y - 2.1:.2f}h2.4l1.2 2.1l-1.2 2.1h-2.4l-1.2 -2.1z"'


_DRAWN: Mapping[str, _Shape] = {
    "circle": _circle,
    "square": _square,
    "diamond": _diamond,
    "hexagon": _hexagon,
}


def colour(kind: str, task: Task, other: str = OTHER) -> str:
    """Return the colour of the class called ``kind``; ``other`` if the task has none of it."""
    known = task.kind(kind)
    return other if known is None else known.colour


def name_of(kind: str, task: Task) -> str:
    """Return a few words for the class called ``kind``; ``kind`` if the task has none of it."""
    known = task.kind(kind)
    return kind if known is None else known.name


def badge(x: float, y: float, kind: str, letter: str, task: Task) -> str:
    """Return a beat's mark around the point ``(x, y)``, in mm.

    Args:
        x: Its middle.
        y: Its middle.
        kind: Its class; one without a shape is a letter alone, so that the others stand out.
        letter: What is written in it.
        task: Whose classes there are.
    """
    known = task.kind(kind)
    if known is None or known.shape is None:
        return _letter(x, y, letter, f'fill="{colour(kind, task)}"')
    shape = f'{_DRAWN[known.shape](x, y)} fill="{known.colour}"/>'
    return shape + _letter(x, y, letter, 'fill="#fff" font-weight="bold"')


def _letter(x: float, y: float, letter: str, style: str) -> str:
    return (
        f'<text x="{x:.2f}" y="{y + 1.05:.2f}" text-anchor="middle" font-size="3" {style}>'
        f"{escape(letter)}</text>"
    )
