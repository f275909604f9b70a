"""Pure helpers for small directed acyclic graphs: prune, paths, canonical form, crossover.

Nodes are numbered in topological order: 0 is the input, the last node the output, and every edge
goes from a lower to a higher node.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import combinations
from typing import Any

import numpy as np

Edge = tuple[int, int]
Cell = tuple[Sequence[str], Sequence[Edge]]


def live_nodes(n_nodes: int, edges: Iterable[Edge]) -> tuple[int, ...]:
    """Return the nodes on some way from node 0 to the last, in order; empty if there is no way."""
    edges = sorted(edges)
    reached = {0}
    for start, end in edges:  # sorted by start, so a start's fate is settled before it is asked
        if start in reached:
            reached.add(end)
    useful = {n_nodes - 1}
    for start, end in reversed(edges):
        if end in useful:
            useful.add(start)
    alive = reached & useful
    return tuple(sorted(alive)) if {0, n_nodes - 1} <= alive else ()


def prune(ops: Sequence[str], edges: Iterable[Edge]) -> tuple[tuple[str, ...], tuple[Edge, ...]]:
    """Return the cell without its dead nodes, renumbered; ``((), ())`` if nothing is alive.

    Args:
        ops: Operation of each inner node, nodes ``1..len(ops)``.
        edges: ``(from, to)`` pairs over nodes ``0..len(ops) + 1``.
    """
    edges = list(edges)
    alive = live_nodes(len(ops) + 2, edges)
    number = {node: i for i, node in enumerate(alive)}
    return (
        tuple(ops[node - 1] for node in alive[1:-1]),
        tuple(sorted({(number[a], number[b]) for a, b in edges if a in number and b in number})),
    )


def paths(n_nodes: int, edges: Iterable[Edge]) -> Iterator[tuple[int, ...]]:
    """Yield the inner nodes of every way from node 0 to the last, in lexicographic order."""
    following: dict[int, list[int]] = {node: [] for node in range(n_nodes)}
    for start, end in sorted(edges):
        following[start].append(end)

    def walk(node: int, trail: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        for end in following[node]:
            if end == n_nodes - 1:
                yield trail
            else:
                yield from walk(end, (*trail, end))

    yield from walk(0, ())


@lru_cache(maxsize=65536)
def canonical(
    ops: tuple[str, ...],
    edges: tuple[Edge, ...],
    rank: Callable[[tuple[str, ...], tuple[Edge, ...]], Any] | None = None,
) -> tuple[tuple[str, ...], tuple[Edge, ...]]:
    """Return the one form that all cells isomorphic to this one share.

    It is the least one over all numberings of the inner nodes that keep every edge going
    upwards. Exhaustive, so only for cells of a few nodes.

    Args:
        ops: Operation of each inner node.
        edges: ``(from, to)`` pairs, sorted.
        rank: What is to be least, of ``ops`` and ``edges``, and different for different ones; by
            default the edges, then the operations.

    Raises:
        ValueError: If an edge does not go from a lower to a higher node.
    """
    if any(a >= b for a, b in edges):
        raise ValueError(f"every edge must go from a lower to a higher node; got {edges}")
    last = len(ops) + 1
    forms = []
    for order in upward_orders(last, edges):
        number = {0: 0, last: last, **{node: i for i, node in enumerate(order, start=1)}}
        renamed = tuple(sorted((number[a], number[b]) for a, b in edges))
        forms.append((tuple(ops[node - 1] for node in order), renamed))
    return min(forms, key=lambda form: rank(*form) if rank else (form[1], form[0]))


def upward_orders(last: int, edges: Sequence[Edge]) -> Iterator[tuple[int, ...]]:
    """Yield the orders of the inner nodes in which each comes after those with an edge to it."""
    before = [{a for a, b in edges if b == node and a} for node in range(last)]

    def extend(order: tuple[int, ...], left: frozenset[int]) -> Iterator[tuple[int, ...]]:
        if not left:
            yield order
        for node in sorted(left):
            if not before[node] & left:
                yield from extend((*order, node), left - {node})

    yield from extend((), frozenset(range(1, last)))


def cross(
    cells: tuple[Cell, Cell], max_inner: int, spare: str, rng: np.random.Generator
) -> tuple[tuple[str, ...], tuple[Edge, ...]]:
    """Return a cell whose every operation and edge slot is taken from one of two, pruned.

    Args:
        cells: ``(ops, edges)`` of each, of at most ``max_inner`` operations.
        max_inner: Inner nodes of the frame into which both are laid, their outputs on one node.
        spare: Any operation, for a node that neither has (and so without edges).
        rng: Decides each choice, edges first.
    """
    shapes = []
    for cell_ops, cell_edges in cells:
        place = {len(cell_ops) + 1: max_inner + 1}
        shapes.append({(place.get(a, a), place.get(b, b)) for a, b in cell_edges})
    slots = combinations(range(max_inner + 2), 2)
    edges = [slot for slot in slots if slot in shapes[int(rng.integers(2))]]
    ops = []
    for node in range(max_inner):
        found = [cell_ops[node] for cell_ops, _ in cells if node < len(cell_ops)]
        ops.append(found[int(rng.integers(len(found)))] if found else spare)
    return prune(ops, edges)
