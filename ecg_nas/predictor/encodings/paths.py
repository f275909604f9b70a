"""The hard encoder: what is known of an architecture from its paths alone, without learning.

A cell is the collection of its paths from input to output. A path is a template of
``max_path_ops`` positions, each the one-hot of its operation; positions beyond its end are zero.
The paths are sorted by number of operations, then by path id (the operations as digits), and
padded with empty ones to ``max_paths``. The L1 distance between two such codes measures how
much two architectures differ in structure. The code is not injective: it forgets where
paths share nodes, which is why the predictor sees the graph too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from search_spaces import Architecture, ArchitectureError, CellGraph, SearchSpace

Floats = NDArray[np.float32]
Path = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """A batch of architectures as arrays, ``n`` rows each.

    Attributes:
        hard: ``(n, max_paths * max_path_ops * operations + settings)`` 0/1: the hard code.
        summary: ``(n, figures)`` counts over the paths (see ``path_summary``).
        settings: ``(n, settings)`` one-hot choices outside the cell.
        nodes: ``(n, max_nodes, 2 + operations)`` one-hot operation of each node; all zero for
            padding. The output is always the last node, so that it needs no look-up.
        adjacency: ``(n, max_nodes, max_nodes)`` 1 where an edge leads from row to column.
    """

    hard: Floats
    summary: Floats
    settings: Floats
    nodes: Floats
    adjacency: Floats

    def __len__(self) -> int:
        return len(self.hard)


class _Row(NamedTuple):
    hard: Floats
    summary: Floats
    settings: Floats
    nodes: Floats
    adjacency: Floats


class HardEncoder:
    """Encodes the architectures of one space; each only once."""

    def __init__(self, space: SearchSpace) -> None:
        self._space = space
        self._rows: dict[str, _Row] = {}

    def encode(self, archs: Sequence[Architecture]) -> Encoded:
        """Return the codes of ``archs``, in their order.

        Raises:
            ArchitectureError: If an architecture is of another space, or has more paths, nodes or
                operations on a path than its space says it can have.
            ValueError: If ``archs`` is empty.
        """
        if not archs:
            raise ValueError("there must be at least one architecture to encode; got none")
        rows = [self._row(arch) for arch in archs]
        return Encoded(
            **{name: np.stack([getattr(row, name) for row in rows]) for name in _Row._fields}
        )

    def hard_codes(self, archs: Sequence[Architecture]) -> Floats:
        """Return the hard codes of ``archs``, ``(n, bits)`` of 0 and 1."""
        return self.encode(archs).hard

    def _row(self, arch: Architecture) -> _Row:
        key = arch.key
        if key not in self._rows:
            check_space(self._space, arch)
            self._rows[key] = self._encode(self._space.graph(arch))
        return self._rows[key]

    def _encode(self, graph: CellGraph) -> _Row:
        space = self._space
        n_ops = len(space.op_names)
        paths = sorted_paths(graph)
        _check_limits(space, graph, paths)
        code = np.zeros((space.max_paths, space.max_path_ops, n_ops), np.float32)
        for number, path in enumerate(paths):
            code[number, range(len(path)), path] = 1
        settings = np.array(graph.settings, np.float32)
        nodes, adjacency = _dense(graph, space.max_nodes, 2 + n_ops)
        return _Row(
            hard=np.concatenate([code.ravel(), settings]),
            summary=path_summary(graph, paths, n_ops),
            settings=settings,
            nodes=nodes,
            adjacency=adjacency,
        )


@lru_cache(maxsize=1)
def shared_encoder(space: SearchSpace) -> HardEncoder:
    """Return the encoder that predictors of one process may share: each cell is encoded once."""
    return HardEncoder(space)


def check_space(space: SearchSpace, arch: Architecture) -> None:
    """Raise ``ArchitectureError`` unless ``arch`` is of ``space``."""
    if arch.space != space.name:
        raise ArchitectureError(
            f"architectures must be of space {space.name}; got one of {arch.space}"
        )


def sorted_paths(graph: CellGraph) -> list[Path]:
    """Return the operations (from 0) along every input-to-output path, sorted as in the code."""
    last = len(graph.ops) - 1
    after: list[list[int]] = [[] for _ in graph.ops]
    for start, end in graph.edges:
        after[start].append(end)
    found: list[Path] = []
    open_paths: list[tuple[int, Path]] = [(0, ())]
    while open_paths:
        node, path = open_paths.pop()
        for following in after[node]:
            if following == last:
                found.append(path)
            else:
                open_paths.append((following, (*path, graph.ops[following] - 2)))
    return sorted(found, key=lambda path: (len(path), path))


def path_summary(graph: CellGraph, paths: Sequence[Path], n_ops: int) -> Floats:
    """Return counts over ``paths`` that do not depend on their order.

    The code above places a path by its rank, so one more path moves all longer ones; these
    figures do not move, and with few labels that is worth more than the details.

    Returns:
        ``(5 + 7 * n_ops,)``: number of paths, fewest, most and mean operations on one, number of
        edges; then for each operation: nodes that carry it, its most, fewest, mean and
        standard deviation of uses on a path, paths with it, and paths of nothing else.
    """
    uses = np.array([[path.count(op) for op in range(n_ops)] for path in paths], np.float32)
    uses = uses.reshape(-1, n_ops) if len(paths) else np.zeros((1, n_ops), np.float32)
    lengths = uses.sum(axis=1, keepdims=True)
    nodes = np.bincount(np.array(graph.ops), minlength=2 + n_ops)[2:]
    whole = [len(paths), lengths.min(), lengths.max(), lengths.mean(), len(graph.edges)]
    each = [
        nodes,
        uses.max(axis=0),
        uses.min(axis=0),
        uses.mean(axis=0),
        uses.std(axis=0),
        (uses > 0).sum(axis=0),
        ((uses > 0) & (uses == lengths)).sum(axis=0),
    ]
    return np.concatenate([whole, *each]).astype(np.float32)


def distance(a: Floats, b: Floats) -> Floats:
    """Return the L1 distances ``(n, m)`` between 0/1 codes ``a (n, bits)`` and ``b (m, bits)``."""
    squares: Floats = a.sum(axis=1)[:, None] + b.sum(axis=1)[None] - 2 * (a @ b.T)
    return squares  # of 0/1 values, so the squared differences are the absolute ones


def _dense(graph: CellGraph, max_nodes: int, n_kinds: int) -> tuple[Floats, Floats]:
    place = [*range(len(graph.ops) - 1), max_nodes - 1]
    nodes = np.zeros((max_nodes, n_kinds), np.float32)
    nodes[place, list(graph.ops)] = 1
    adjacency = np.zeros((max_nodes, max_nodes), np.float32)
    for start, end in graph.edges:
        adjacency[place[start], place[end]] = 1
    return nodes, adjacency


def _check_limits(space: SearchSpace, graph: CellGraph, paths: Sequence[Path]) -> None:
    for what, found, limit in (
        ("nodes", len(graph.ops), space.max_nodes),
        ("paths", len(paths), space.max_paths),
        ("operations on a path", max(map(len, paths), default=0), space.max_path_ops),
    ):
        if found > limit:
            raise ArchitectureError(
                f"a cell of {space.name} must have at most {limit} {what}; got {found}"
            )
