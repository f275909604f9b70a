"""How a beat's class looks: a colour, a shape and its letter, so that none has to be relied on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape

from ecg_nas.figures._svg import INK

# Okabe & Ito's palette, told apart with every common colour blindness.
COLOUR: Mapping[str, str] = {
    "N": INK,
    "S": "#0072b2",
    "V": "#c44e00",
    "F": "#8a3d86",
    "Q": "#5f6b76",
}
NAME: Mapping[str, str] = {
    "N": "normal or bundle branch block",
    "S": "supraventricular",
    "V": "ventricular",
    "F": "fusion",
    "Q": "unclassifiable or paced",
}
SHAPE: Mapping[str, str] = {"S": "circle", "V": "square", "F": "diamond", "Q": "hexagon"}
OTHER = "#5f6b76"

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


def badge(x: float, y: float, kind: str, letter: str) -> str:
    """Return a beat's mark around the point ``(x, y)``, in mm.

    Args:
        x: Its middle.
        y: Its middle.
        kind: Its class; a normal beat is a letter alone, so that the others stand out.
        letter: What is written in it.
    """
    if kind not in SHAPE:
        return _letter(x, y, letter, f'fill="{COLOUR.get(kind, OTHER)}"')
    shape = f'{_DRAWN[SHAPE[kind]](x, y)} fill="{COLOUR[kind]}"/>'
    return shape + _letter(x, y, letter, 'fill="#fff" font-weight="bold"')


def _letter(x: float, y: float, letter: str, style: str) -> str:
    return (
        f'<text x="{x:.2f}" y="{y + 1.05:.2f}" text-anchor="middle" font-size="3" {style}>'
        f"{escape(letter)}</text>"
    )
