"""NAS-Bench-101: cells of up to seven nodes and nine edges, with operations on the nodes.

Isomorphic cells are one architecture, of which there are 423,624. Its form is the one in the
benchmark's files, which is the first that an enumeration of all graphs meets.

References:
    Ying, Klein, Christiansen, Real, Murphy, Hutter, *NAS-Bench-101: Towards Reproducible Neural
    Architecture Search*, ICML 2019 (arXiv 1902.09635).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from typing_extensions import override

from search_spaces import _graph, _json
from search_spaces.base import Architecture, ArchitectureError, CellGraph, SearchSpace

OPS = ("conv3x3", "conv1x1", "maxpool3x3")
"""Operations in the benchmark's order: their index is the number used in its tables."""

MAX_INNER = 5
MAX_EDGES = 9
N_CELLS = 423_624

_SLOTS = tuple(combinations(range(MAX_INNER + 2), 2))
_EDGE_FLIP = 1 / (MAX_INNER + 2)  # as in the benchmark's own searches: one a node,
_OP_CHANGE = 1 / MAX_INNER  # and one operation, are expected to change


class NasBench101(SearchSpace):
    """The space; ``SPACE`` is its one instance."""

    name = "nasbench101"
    op_names = OPS
    max_nodes = MAX_INNER + 2
    max_paths = 8  # which 729 cells have; 364 different paths are possible
    max_path_ops = MAX_INNER
    size = N_CELLS

    @override
    def sample(self, rng: np.random.Generator) -> Architecture:
        """Return the cell of a random graph of seven nodes, as in the benchmark's random search.

        Half of all edges are drawn; graphs whose live part is illegal are drawn again. That
        favours small cells: 0.3 % of the draws keep seven nodes, as 85 % of the space do.
        """
        while True:
            there = rng.random(len(_SLOTS)) < 0.5
            edges = [slot for slot, drawn in zip(_SLOTS, there, strict=True) if drawn]
            arch = _make([_random_op(rng) for _ in range(MAX_INNER)], edges)
            if _fault(arch) is None:
                return arch

    @override
    def mutate(self, arch: Architecture, rng: np.random.Generator) -> Architecture:
        """Flip each edge with probability 1/7 and change each operation with 1/5, until it differs.

        A smaller cell is first laid into a graph of seven nodes, at random places in its order.

        References:
            Ying et al. 2019, the regularised evolution of its comparison.
        """
        while True:
            ops, edges = _spread(arch, rng)
            flips = rng.random(len(_SLOTS)) < _EDGE_FLIP
            edges ^= {slot for slot, flip in zip(_SLOTS, flips, strict=True) if flip}
            for node in np.flatnonzero(rng.random(MAX_INNER) < _OP_CHANGE):
                others = [op for op in OPS if op != ops[node]]
                ops[node] = others[int(rng.integers(len(others)))]
            mutant = _make(ops, edges)
            if mutant != arch and _fault(mutant) is None:
                return mutant

    @override
    def crossover(self, a: Architecture, b: Architecture, rng: np.random.Generator) -> Architecture:
        for _ in range(32):
            cells = (a.ops, a.edges), (b.ops, b.edges)
            child = _make(*_graph.cross(cells, MAX_INNER, OPS[0], rng))
            if _fault(child) is None:
                return child
        return (a, b)[int(rng.integers(2))]

    @override
    def check(self, arch: Architecture) -> None:
        if arch != self.from_json(arch.to_json()):
            raise ArchitectureError(
                "a nasbench101 architecture must be in canonical form (read it with from_json); "
                f"got ops {list(arch.ops)}, edges {[list(e) for e in arch.edges]}"
            )

    @override
    def from_json(self, data: Mapping[str, Any]) -> Architecture:
        _json.fields(data, self.name)
        ops = _json.ops(data["ops"], OPS)
        if not ops and data["edges"] != [[0, 1]]:
            raise ArchitectureError(
                "a nasbench101 cell without operations must have the edges [[0, 1]]; "
                f"got {data['edges']!r:.80}"
            )
        edges = _json.edges(data["edges"], len(ops) + 2)
        _json.choices(data["macro"], {}, "macro")
        _json.choices(data["representation"], {}, "representation")
        return from_cell(ops, edges)

    @override
    def graph(self, arch: Architecture) -> CellGraph:
        inner = (2 + OPS.index(op) for op in arch.ops)
        return CellGraph(ops=(0, *inner, 1), edges=arch.edges)


def from_cell(ops: Sequence[str], edges: Sequence[_graph.Edge]) -> Architecture:
    """Return the architecture of a cell, given with dead nodes or without.

    Args:
        ops: Operation of each inner node.
        edges: ``(from, to)`` pairs; 0 is the input, ``len(ops) + 1`` the output.

    Raises:
        ArchitectureError: If the cell is not legal.
    """
    if len(ops) > MAX_INNER:
        raise ArchitectureError(
            f"a nasbench101 cell must have at most {MAX_INNER} operations; got {len(ops)}"
        )
    arch = _make(ops, edges)
    fault = _fault(arch)
    if fault is not None:
        raise ArchitectureError(fault)
    return arch


def from_bits(edge_bits: int, ops: str) -> Architecture:
    """Return the cell of a row of the compact tables.

    Args:
        edge_bits: Upper triangle of the adjacency matrix, row by row, least significant bit first.
        ops: Index of each inner node's operation, a digit each.

    Raises:
        ArchitectureError: If they do not describe a legal cell.
    """
    slots = list(combinations(range(len(ops) + 2), 2))
    if not set(ops) <= {str(i) for i in range(len(OPS))} or not 0 < edge_bits < 1 << len(slots):
        raise ArchitectureError(
            f"a nasbench101 row must give operations as digits 0 to {len(OPS) - 1} and edges as "
            f"bits of their slots; got operations {ops!r:.20}, edges {edge_bits}"
        )
    edges = [slot for i, slot in enumerate(slots) if edge_bits >> i & 1]
    return from_cell([OPS[int(digit)] for digit in ops], edges)


def to_bits(arch: Architecture) -> tuple[int, str]:
    """Return edges and operations of ``arch`` as ``from_bits`` reads them."""
    return _bits(arch.edges, len(arch.ops) + 2), "".join(str(OPS.index(op)) for op in arch.ops)


def graph_hash(arch: Architecture) -> str:
    """Return the benchmark's own hash of ``arch``, 32 hex digits.

    Each node starts from its degrees and its operation; then, as often as there are nodes, it
    takes in the sorted hashes of those before and after it.

    References:
        Ying et al. 2019, on isomorphism and graph hashing.
    """
    last = len(arch.ops) + 1
    sources = [[a for a, b in arch.edges if b == node] for node in range(last + 1)]
    targets = [[b for a, b in arch.edges if a == node] for node in range(last + 1)]
    labels = (-1, *(OPS.index(op) for op in arch.ops), -2)
    degrees = zip(map(len, targets), map(len, sources), labels, strict=True)
    hashes = [_md5(str(start)) for start in degrees]
    for _ in range(last + 1):
        around = [
            ["".join(sorted(hashes[i] for i in nodes)) for nodes in (sources[v], targets[v])]
            for v in range(last + 1)
        ]
        hashes = [_md5("|".join([*around[v], hashes[v]])) for v in range(last + 1)]
    return _md5(str(sorted(hashes)))


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _make(ops: Sequence[str], edges: Iterable[_graph.Edge]) -> Architecture:
    """Return the canonical architecture; it may still break a limit (see ``_fault``)."""
    live_ops, live_edges = _graph.prune(ops, edges)
    if len(live_edges) <= MAX_EDGES:  # or it is refused anyway
        live_ops, live_edges = _graph.canonical(live_ops, live_edges, _rank)
    return Architecture(space=NasBench101.name, ops=live_ops, edges=live_edges)


def _rank(ops: tuple[str, ...], edges: tuple[_graph.Edge, ...]) -> tuple[int, list[int]]:
    """Return when the benchmark's enumeration comes to a cell: by edges, then last operation."""
    return _bits(edges, len(ops) + 2), [OPS.index(op) for op in reversed(ops)]


def _bits(edges: Iterable[_graph.Edge], n_nodes: int) -> int:
    """Return the upper triangle of the adjacency matrix as in the compact tables."""
    # Row a starts after the rows above it, of n_nodes - 1, n_nodes - 2, … slots.
    return sum(1 << (a * (2 * n_nodes - a - 1) // 2 + b - a - 1) for a, b in edges)


def _fault(arch: Architecture) -> str | None:
    """Return the limit that ``arch`` breaks, in words; ``None`` for a legal one."""
    if not arch.edges:
        return "a nasbench101 cell must have a way from its input to its output"
    if len(arch.edges) > MAX_EDGES:
        return f"a nasbench101 cell must have at most {MAX_EDGES} edges; got {len(arch.edges)}"
    return None


def _random_op(rng: np.random.Generator) -> str:
    return OPS[int(rng.integers(len(OPS)))]


def _spread(arch: Architecture, rng: np.random.Generator) -> tuple[list[str], set[_graph.Edge]]:
    """Return the cell in a graph of seven nodes, where it leaves random ones without edges."""
    places = 1 + np.sort(rng.choice(MAX_INNER, size=len(arch.ops), replace=False))
    number = [0, *places.tolist(), MAX_INNER + 1]
    ops = [_random_op(rng) for _ in range(MAX_INNER)]
    for place, op in zip(places, arch.ops, strict=True):
        ops[place - 1] = op
    return ops, {(number[a], number[b]) for a, b in arch.edges}


SPACE = NasBench101()
