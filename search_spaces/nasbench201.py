"""NAS-Bench-201: cells of four nodes with one of five operations on each of their six edges.

All 15,625 cells are architectures of their own, since the benchmark trained each apart, twins
(cells that compute the same) included. An ``Architecture`` holds the cell with its operations
moved onto nodes: node ``1 + i`` carries the operation of edge ``EDGES[i]``.

References:
    Dong & Yang 2020, NAS-Bench-201, arXiv:2001.00326.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
from typing_extensions import override

from search_spaces import _graph, _json, _twins201
from search_spaces.base import Architecture, ArchitectureError, CellGraph, SearchSpace

OPS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
"""Operations in the benchmark's order: their index is the number used in its tables."""

EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
"""``(from, to)`` nodes of the benchmark's cell, in the order of its strings."""

_OUTPUT = len(EDGES) + 1
_STARTS = [(0, 1 + i) for i, (start, _) in enumerate(EDGES) if start == 0]
_STEPS = [
    (1 + i, 1 + j)
    for i, (_, middle) in enumerate(EDGES)
    for j, (start, _) in enumerate(EDGES)
    if middle == start
]
_ENDS = [(1 + i, _OUTPUT) for i, (_, end) in enumerate(EDGES) if end == 3]

NODE_EDGES: tuple[tuple[int, int], ...] = tuple(sorted([*_STARTS, *_STEPS, *_ENDS]))
"""The cell's edges once operations sit on nodes; the same for every architecture."""

_TERM = re.compile(r"([a-z0-9_]+)~([0-9])")


class NasBench201(SearchSpace):
    """The space; ``SPACE`` is its one instance."""

    name = "nasbench201"
    op_names = OPS
    max_nodes = len(EDGES) + 2
    max_paths = 4
    max_path_ops = 3
    size = len(OPS) ** len(EDGES)

    @override
    def sample(self, rng: np.random.Generator) -> Architecture:
        return from_ops([OPS[i] for i in rng.integers(len(OPS), size=len(EDGES))])

    @override
    def mutate(self, arch: Architecture, rng: np.random.Generator) -> Architecture:
        ops = list(arch.ops)
        edge = int(rng.integers(len(EDGES)))
        others = [op for op in OPS if op != ops[edge]]
        ops[edge] = others[int(rng.integers(len(others)))]
        return from_ops(ops)

    @override
    def crossover(self, a: Architecture, b: Architecture, rng: np.random.Generator) -> Architecture:
        sides = rng.integers(2, size=len(EDGES))
        return from_ops(
            [pair[side] for pair, side in zip(zip(a.ops, b.ops, strict=True), sides, strict=True)]
        )

    @override
    def check(self, arch: Architecture) -> None:
        if arch != self.from_json(arch.to_json()):
            raise ArchitectureError("a nasbench201 architecture must be in its canonical form")

    @override
    def from_json(self, data: Mapping[str, Any]) -> Architecture:
        _json.fields(data, self.name)
        ops = _json.ops(data["ops"], OPS)
        if len(ops) != len(EDGES):
            raise ArchitectureError(
                f"a nasbench201 cell must have {len(EDGES)} operations; got {len(ops)}"
            )
        if _json.edges(data["edges"], len(EDGES) + 2) != NODE_EDGES:
            raise ArchitectureError(
                f"a nasbench201 cell must have the edges {[list(e) for e in NODE_EDGES]}; "
                f"got {data['edges']!r:.80}"
            )
        _json.choices(data["macro"], {}, "macro")
        _json.choices(data["representation"], {}, "representation")
        return from_ops(ops)

    @override
    def from_text(self, text: str) -> Architecture:
        """Return the architecture that JSON or the benchmark's own notation describes."""
        return from_string(text) if text.startswith("|") else super().from_text(text)

    @override
    def graph(self, arch: Architecture) -> CellGraph:
        """Return the cell without what is dead: ``none`` edges, and what only they lead to.

        The input and the output always stay; a cell that passes nothing has no edge at all.
        """
        absent = {1 + i for i, op in enumerate(arch.ops) if op == "none"}
        edges = [edge for edge in NODE_EDGES if absent.isdisjoint(edge)]
        ops, edges_left = _graph.prune(arch.ops, edges)
        return CellGraph(ops=(0, *(2 + OPS.index(op) for op in ops), 1), edges=edges_left)

    @override
    def listed(self) -> Iterator[Architecture]:
        return all_architectures()


def from_ops(ops: Sequence[str]) -> Architecture:
    """Return the cell with these six operations, given in the order of ``EDGES``."""
    return Architecture(space=NasBench201.name, ops=tuple(ops), edges=NODE_EDGES)


def from_index(index: int) -> Architecture:
    """Return cell ``index`` of ``all_architectures``.

    Raises:
        ArchitectureError: If there is no such cell.
    """
    count = len(OPS) ** len(EDGES)
    if not 0 <= index < count:
        raise ArchitectureError(f"a nasbench201 cell's index must be 0 to {count - 1}; got {index}")
    digits = []
    for _ in EDGES:
        index, digit = divmod(index, len(OPS))
        digits.append(digit)
    return from_ops([OPS[digit] for digit in reversed(digits)])


def to_index(arch: Architecture) -> int:
    """Return the place of ``arch`` in ``all_architectures``: its operations as a base-5 number.

    (The benchmark's own numbering is a shuffled list without a formula; tables carry it.)
    """
    index = 0
    for op in arch.ops:
        index = index * len(OPS) + OPS.index(op)
    return index


def all_architectures() -> Iterator[Architecture]:
    """Yield all 15,625 cells, ordered by ``to_index``."""
    return map(from_ops, product(OPS, repeat=len(EDGES)))


def to_string(arch: Architecture) -> str:
    """Return the benchmark's own notation, such as ``|none~0|+|skip_connect~0|none~1|+…``."""
    groups: dict[int, str] = {}
    for (start, end), op in zip(EDGES, arch.ops, strict=True):
        groups[end] = groups.get(end, "|") + f"{op}~{start}|"
    return "+".join(groups.values())


def from_string(text: str) -> Architecture:
    """Return the cell that the benchmark's notation describes.

    Raises:
        ArchitectureError: If ``text`` is not in that notation.
    """
    arch = from_ops([op for op, _ in _TERM.findall(text)])
    if not set(arch.ops) <= set(OPS) or len(arch.ops) != len(EDGES) or to_string(arch) != text:
        raise ArchitectureError(
            "a nasbench201 string must read |op~0|+|op~0|op~1|+|op~0|op~1|op~2| with op one of "
            f"{', '.join(OPS)}; got {text!r:.200}"
        )
    return arch


def unique_string(arch: Architecture) -> str:
    """Return the benchmark's own class of ``arch``, of which there are 6,466.

    It writes the cell out as a tree, so it forgets which values are shared: it joins cells with
    one convolution used twice and with two convolutions, and it keeps zeros (``#``), which splits
    cells that are the same. ``twin_class`` does neither.
    """
    values = ["0"]
    for end in range(1, EDGES[-1][1] + 1):
        terms = []
        for (start, to), op in zip(EDGES, arch.ops, strict=True):
            if to != end:
                continue
            source = values[start]
            if op == "none" or source == "#":
                terms.append("#")
            else:
                terms.append(source if op == "skip_connect" else f"({source})@{op}")
        values.append("+".join(sorted(terms)))
    return values[-1]


def twin_class(arch: Architecture) -> str:
    """Return the network of ``arch`` as text; twins, and only they, share it. There are 5,234.

    Twins have the same output from the same trained weights (see ``_twins201``). So they have
    equally many weights that matter, but perhaps others that do not.
    """
    return _twins201.twin_class(arch.ops, EDGES)


SPACE = NasBench201()
