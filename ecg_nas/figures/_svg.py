"""From a matplotlib figure to SVG text that is the same on every run and can share a page."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from html import escape
from typing import Any

INK = "#1f2933"
"""Text and marks."""
MUTED = "#6b7785"
"""Axes and secondary text."""
FAINT = "#dfe4ea"
"""Grid lines."""
BLUE, ORANGE, GREEN, PURPLE, RED = "#2f6db3", "#d9772b", "#2f8f6b", "#8560a8", "#b8433f"
"""Told apart in print and with the common colour blindnesses; never the only difference."""

_STYLE: Any = {  # matplotlib types a dictionary of settings key by key
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Arial", "Helvetica", "sans-serif"],
    "font.size": 9.0,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "text.parse_math": False,  # names with a $ are names, no formulas
    "svg.fonttype": "none",  # text stays text: it can be searched, copied and read aloud
}

_NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}


def shortened(name: str, most: int = 32) -> str:
    """Return a name that comes from a file, cut where it would push a drawing off its paper."""
    return name if len(name) <= most else f"{name[: most - 1]}…"


def render(
    draw: Callable[[Any], None], *, name: str, label: str, width_in: float, height_in: float
) -> str:
    """Return the SVG element of what ``draw`` puts on an empty figure.

    Args:
        draw: Called with a ``matplotlib.figure.Figure``.
        name: Prefix of the element ids, so that several figures can share one HTML page.
        label: What the figure shows, for readers who do not see it.
        width_in: Width in inches (of 96 px on a page).
        height_in: Height in inches.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with mpl.rc_context():
        mpl.rcdefaults()  # not what a user's matplotlibrc says
        mpl.rcParams.update(_STYLE | {"svg.hashsalt": name})
        figure = Figure(figsize=(width_in, height_in), layout="constrained")
        FigureCanvasSVG(figure)
        draw(figure)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata=_NO_METADATA)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'href="#', f'href="#{name}-', text)
    text = re.sub(r"url\(#", f"url(#{name}-", text)
    return text.replace("<svg", f'<svg role="img" aria-label="{escape(label, quote=True)}"', 1)
