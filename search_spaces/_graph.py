"""Pure helpers for small directed acyclic graphs: prune, paths, canonical form.

Nodes are numbered in topological order: 0 is the input, the last node the output, and every edge
goes from a lower to a higher node.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import permutations

Edge = tuple[int, int]


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
    ops: tuple[str, ...], edges: tuple[Edge, ...]
) -> tuple[tuple[str, ...], tuple[Edge, ...]]:
    """Return the one form that all cells isomorphic to this one share.

    It is the least ``(edges, ops)`` over all numberings of the inner nodes that keep every edge
    going upwards. Exhaustive, so only for cells of a few nodes (4 inner nodes: 24 numberings).
    """
    last = len(ops) + 1
    best: tuple[tuple[Edge, ...], tuple[str, ...]] | None = None
    for order in permutations(range(1, last)):
        number = (0, *order, last)  # old node -> new number
        renamed = tuple(sorted((number[a], number[b]) for a, b in edges))
        if any(a >= b for a, b in renamed):
            continue
        placed = [""] * len(ops)
        for node, op in enumerate(ops, start=1):
            placed[number[node] - 1] = op
        form = (renamed, tuple(placed))
        if best is None or form < best:
            best = form
    if best is None:
        raise ValueError(f"every edge must go from a lower to a higher node; got {edges}")
    return best[1], best[0]
