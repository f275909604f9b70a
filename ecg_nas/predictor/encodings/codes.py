"""Plain encodings of architectures, those that rivals of the hard code use."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, combinations

import numpy as np
from numpy.typing import NDArray

from ecg_nas.predictor.encodings.paths import Path, check_space, sorted_paths
from search_spaces import Architecture, SearchSpace

Floats = NDArray[np.float32]


def path_presence(space: SearchSpace, archs: Sequence[Architecture], *, limit: int) -> Floats:
    """Return which of a space's possible paths each architecture has: the path encoding.

    Args:
        space: The space of ``archs``.
        archs: One or more architectures.
        limit: Most paths that are told apart, the shortest first: the truncated encoding. A cell
            whose paths are all beyond it, such as a long chain, is told by which operations its
            paths have at which positions instead; to the encoding as published it would be blank.

    Returns:
        ``(n, paths + settings)`` 0/1, the one-hot choices outside the cell behind the paths.

    Raises:
        ArchitectureError: If an architecture is of another space.
    """
    n_ops = len(space.op_names)
    # In Python's numbers, which do not overflow.
    first = [0, *accumulate(n_ops**length for length in range(space.max_path_ops + 1))]
    n_paths = min(first[-1], max(limit, n_ops * space.max_path_ops))
    rows = []
    for arch in archs:
        check_space(space, arch)
        graph = space.graph(arch)
        paths = sorted_paths(graph)
        numbers = (_number(path, n_ops, first) for path in paths)
        known = [number for number in numbers if number < min(n_paths, limit)]
        present = np.zeros(n_paths, np.float32)
        # Counted from the end, where the longest paths stand, which few cells have.
        present[known or [-1 - bit for bit in _positions(paths, n_ops)]] = 1
        rows.append(np.concatenate([present, np.array(graph.settings, np.float32)]))
    return np.stack(rows)


def _number(path: Path, n_ops: int, first: Sequence[int]) -> int:
    """Return the place of ``path`` among all, the shortest first."""
    number = first[len(path)]
    for place, op in enumerate(reversed(path)):
        number += op * n_ops**place
    return number


def _positions(paths: Sequence[Path], n_ops: int) -> set[int]:
    """Return for each operation of each path a number of it and its position."""
    return {place * n_ops + op for path in paths for place, op in enumerate(path)}


def adjacency_code(space: SearchSpace, archs: Sequence[Architecture]) -> Floats:
    """Return operations and edges as they are written down: the one-hot adjacency encoding.

    Returns:
        ``(n, nodes * operations + slots + settings)`` 0/1 for one or more ``archs``: the operation
        of each inner node, all zero where there is none; which pairs of nodes an edge joins; the
        choices outside the cell.

    Raises:
        ArchitectureError: If an architecture is of another space.
    """
    n_inner = space.max_nodes - 2
    op_at = {name: index for index, name in enumerate(space.op_names)}
    slot_at = {pair: index for index, pair in enumerate(combinations(range(n_inner + 2), 2))}
    n_ops, n_bits = len(op_at), n_inner * len(op_at)
    for arch in archs:
        check_space(space, arch)
    # The graph costs more than all the rest, and a space without choices has none in it.
    chosen = [space.graph(a).settings if a.macro or a.representation else () for a in archs]
    code = np.zeros((len(archs), n_bits + len(slot_at) + len(chosen[0])), np.float32)
    for row, arch in enumerate(archs):
        code[row, [node * n_ops + op_at[op] for node, op in enumerate(arch.ops)]] = 1
        output = len(arch.ops) + 1  # laid onto the last node, so that every cell has it there
        pairs = [(a, n_inner + 1 if b == output else b) for a, b in arch.edges]
        code[row, [n_bits + slot_at[pair] for pair in pairs]] = 1
        code[row, code.shape[1] - len(chosen[row]) :] = chosen[row]
    return code
