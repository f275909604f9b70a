"""The structure of a cell: its operations as boxes, from input to output."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ecg_nas.figures._svg import BLUE, INK, MUTED, render, shortened

Edge = tuple[int, int]

_BOX_H, _GAP_X, _GAP_Y, _CHAR = 0.36, 0.55, 0.62, 0.082  # inches; a character of 9 pt text


def layers(n_nodes: int, edges: Sequence[Edge]) -> list[int]:
    """Return the layer of each node: the length of the longest path from the input.

    Args:
        n_nodes: Number of nodes; every edge goes from a lower to a higher one.
        edges: ``(from, to)`` pairs.
    """
    depth = [0] * n_nodes
    for tail, head in sorted(edges):
        depth[head] = max(depth[head], depth[tail] + 1)
    if n_nodes:
        depth[-1] = max(depth)  # the output stands last, even when nothing reaches it
    return depth


def cell(ops: Sequence[str], edges: Sequence[Edge]) -> str:
    """Draw a cell.

    Args:
        ops: Operation of each inner node; node 0 is the input, node ``len(ops) + 1`` the output.
        edges: ``(from, to)`` pairs, from lower to higher nodes.

    Returns:
        SVG text.
    """
    names = ["input", *(shortened(op) for op in ops), "output"]
    depth = layers(len(names), edges)
    rows, routes = _arrange(depth, edges)
    widths = [max(len(name) * _CHAR + 0.3, 0.8) for name in names]
    columns = max(depth) + 1
    column_width = [
        max((widths[node] for node, at in enumerate(depth) if at == column), default=0.8)
        for column in range(columns)
    ]
    middle = np.cumsum(column_width) - np.array(column_width) / 2 + _GAP_X * np.arange(columns)
    height_of = {node: -row * _GAP_Y for node, row in rows.items()}

    def draw(figure: Any) -> None:
        from matplotlib.patches import FancyBboxPatch

        figure.set_layout_engine("none")  # coordinates below are inches of the whole figure
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        for (tail, head), via in zip(edges, routes, strict=True):
            points = [(middle[depth[tail]] + widths[tail] / 2, height_of[tail])]
            for dummy in via:
                column = depth[tail] + 1 + via.index(dummy)
                half = column_width[column] / 2
                points += [
                    (middle[column] - half, height_of[dummy]),
                    (middle[column] + half, height_of[dummy]),
                ]
            points.append((middle[depth[head]] - widths[head] / 2 - 0.04, height_of[head]))
            _arrow(axes, points)
        for node, name in enumerate(names):
            ends = node in (0, len(names) - 1)
            left = middle[depth[node]] - widths[node] / 2
            axes.add_patch(
                FancyBboxPatch(
                    (left, height_of[node] - _BOX_H / 2), widths[node], _BOX_H, zorder=3,
                    boxstyle="round,pad=0,rounding_size=0.07", linewidth=1.1,
                    facecolor="#eef1f4" if ends else "#e6eff8", edgecolor=MUTED if ends else BLUE,
                )
            )  # fmt: skip
            axes.text(
                middle[depth[node]], height_of[node], name, ha="center", va="center", zorder=4,
                color=INK, fontsize=9, family="sans-serif",
            )  # fmt: skip
        axes.set_xlim(-0.1, middle[-1] + column_width[-1] / 2 + 0.1)
        axes.set_ylim(min(height_of.values()) - 0.3, max(height_of.values()) + 0.3)

    spread = max(height_of.values()) - min(height_of.values())
    return render(
        draw,
        name="cell",
        label=f"Cell of {len(ops)} operations ({', '.join(names[1:-1])}) and "
        f"{len(edges)} connections",
        width_in=float(middle[-1] + column_width[-1] / 2 + 0.2),
        height_in=float(spread + 0.6),
    )


def _arrange(
    depth: Sequence[int], edges: Sequence[Edge]
) -> tuple[dict[Any, float], list[list[Any]]]:
    """Place nodes, and a dummy where an edge passes a layer, so that edges cross little.

    The layered drawing of Sugiyama et al. 1981 (doi:10.1109/TSMC.1981.4308636) with the
    barycentre rule, in a fixed number of sweeps.

    Returns:
        Row of each node and dummy (0 at the top, in steps of 1, centred by layer), and the
        dummies of each edge.
    """
    routes: list[list[Any]] = []
    links: list[tuple[Any, Any]] = []
    members: list[list[Any]] = [[] for _ in range(max(depth) + 1)]
    for node, at in enumerate(depth):
        members[at].append(node)
    for number, (tail, head) in enumerate(edges):
        via = [(number, at) for at in range(depth[tail] + 1, depth[head])]
        for dummy in via:
            members[dummy[1]].append(dummy)
        routes.append(via)
        chain = [tail, *via, head]
        links += pairwise(chain)
    rows = {item: float(place) for layer in members for place, item in enumerate(layer)}
    for sweep in range(8):
        forward = sweep % 2 == 0
        for layer in members if forward else members[::-1]:
            pull = {}
            for item in layer:
                near = [
                    rows[a] if forward else rows[b]
                    for a, b in links
                    if (b if forward else a) == item
                ]
                pull[item] = float(np.mean(near)) if near else rows[item]
            layer.sort(key=lambda item: pull[item])
            for place, item in enumerate(layer):
                rows[item] = place - (len(layer) - 1) / 2
    return rows, routes


def _arrow(axes: Any, points: Sequence[tuple[float, float]]) -> None:
    """Draw a smooth arrow through ``points``: level at each, so that it enters boxes squarely."""
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    vertices, codes = [points[0]], [Path.MOVETO]
    for (x0, y0), (x1, y1) in pairwise(points):
        bend = (x1 - x0) / 2
        vertices += [(x0 + bend, y0), (x1 - bend, y1), (x1, y1)]
        codes += [Path.CURVE4] * 3
    axes.add_patch(
        FancyArrowPatch(
            path=Path(vertices, codes), arrowstyle="-|>", mutation_scale=9, linewidth=1.1,
            color=MUTED, zorder=2, shrinkA=0, shrinkB=0,
        )
    )  # fmt: skip
