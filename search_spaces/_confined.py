"""A search space cut down to some of its architectures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from search_spaces import _graph
from search_spaces.base import Architecture, ArchitectureError, CellGraph, Cost, SearchSpace

if TYPE_CHECKING:
    from torch import nn

NEAREST = 10
"""Mutants of a cell are at least this many cells, the nearest ones."""

_WORD = 64  # bits of a code that are held in one number
_PART = 16
_ONES: NDArray[np.int64] = np.array([part.bit_count() for part in range(1 << _PART)], np.int64)

_Words = NDArray[np.uint64]


class ConfinedSpace(SearchSpace):
    """The cells of a space that a table has measured, with moves that stay among them.

    Few of a cell's mutants are measured, so moves of the whole space would rarely be legal. Here
    a mutant is one of the nearest measured cells, and a child the one nearest to what the whole
    space would make. Near is what differs in few edges and operations: an edge or a node that
    only one of two cells has counts one, another operation two, when the nodes of one are
    numbered to fit best (among the numberings that keep its edges going upwards). Another choice
    outside the cell (macro or representation), in the spaces that have them, counts two as well.

    Samples are uniform over the measured cells, whatever the whole space draws more often. So
    what a predictor is pre-trained on, random architectures without labels, are measured ones
    too.
    """

    def __init__(self, space: SearchSpace, cells: Sequence[Architecture]) -> None:
        """Confine ``space``.

        Args:
            space: The whole space.
            cells: The architectures to keep, each once; more than one.
        """
        if len(cells) < 2 or len(set(cells)) < len(cells):
            raise ValueError(
                "a confined space must have two or more different cells; got "
                f"{len(cells)}, {len(set(cells))} different"
            )
        self.name = space.name
        self.op_names = space.op_names
        self.max_nodes = space.max_nodes
        self.max_paths = space.max_paths
        self.max_path_ops = space.max_path_ops
        self.trains = space.trains
        self.size = len(cells)
        self._space = space
        self._cells = tuple(cells)
        self._place = {cell: place for place, cell in enumerate(cells)}
        self._codes = _words([next(_frames(cell, space)) for cell in cells])
        self._settings = _words([_settings(cell, space) for cell in cells])
        self._far = 1 + _WORD * (self._codes.shape[1] + self._settings.shape[1])
        self._neighbours: dict[int, NDArray[np.intp]] = {}

    def __len__(self) -> int:
        return len(self._cells)

    @override
    def sample(self, rng: np.random.Generator) -> Architecture:
        return self._cells[int(rng.integers(len(self._cells)))]

    @override
    def mutate(self, arch: Architecture, rng: np.random.Generator) -> Architecture:
        """Return one of the nearest cells: ten, or more where the tenth is as near as others."""
        place = self._where(arch)
        if place not in self._neighbours:
            distances = self.distances(arch)
            distances[place] = self._far
            last = min(NEAREST, len(self._cells) - 1) - 1
            within = np.partition(distances, last)[last]
            self._neighbours[place] = np.flatnonzero(distances <= within)
        return self._cells[int(rng.choice(self._neighbours[place]))]

    @override
    def crossover(self, a: Architecture, b: Architecture, rng: np.random.Generator) -> Architecture:
        """Return the cell nearest to a child in the whole space; a parent only if that is it."""
        places = self._where(a), self._where(b)
        child = self._space.crossover(a, b, rng)
        if child in self._place:
            return child
        distances = self.distances(child)
        if len(self._cells) > len(set(places)):
            distances[list(places)] = self._far
        return self._cells[int(rng.choice(np.flatnonzero(distances == distances.min())))]

    def distances(self, arch: Architecture) -> NDArray[np.int64]:
        """Return how far each cell is from ``arch``, any of the whole space."""
        distances = np.full(len(self._cells), self._far, np.int64)
        for frame in set(_frames(arch, self._space)):
            np.minimum(distances, _differing_bits(self._codes, frame), out=distances)
        return distances + _differing_bits(self._settings, _settings(arch, self._space))

    @override
    def check(self, arch: Architecture) -> None:
        self._space.check(arch)
        self._where(arch)

    @override
    def from_json(self, data: Mapping[str, Any]) -> Architecture:
        arch = self._space.from_json(data)
        self._where(arch)
        return arch

    @override
    def graph(self, arch: Architecture) -> CellGraph:
        return self._space.graph(arch)

    @override
    def listed(self) -> Iterator[Architecture]:
        return iter(self._cells)

    @override
    def cost(
        self, arch: Architecture, *, leads: int, samples: int, context: int, classes: int
    ) -> Cost:
        return self._space.cost(
            arch, leads=leads, samples=samples, context=context, classes=classes
        )

    @override
    def build(
        self, arch: Architecture, *, leads: int, samples: int, context: int, classes: int
    ) -> nn.Module:
        return self._space.build(
            arch, leads=leads, samples=samples, context=context, classes=classes
        )

    def _where(self, arch: Architecture) -> int:
        if arch not in self._place:
            raise ArchitectureError(
                f"the cell must be one of the {len(self._cells)} measured ones of {self.name}; "
                f"got {arch.to_json()}"
            )
        return self._place[arch]


def _frames(arch: Architecture, space: SearchSpace) -> Iterator[int]:
    """Yield the cell's code for every numbering of its nodes that keeps edges upwards."""
    for order in _graph.upward_orders(len(arch.ops) + 1, arch.edges):
        for places in combinations(range(1, space.max_nodes - 1), len(arch.ops)):
            number = dict(zip(order, places, strict=True))
            yield _code(arch, [number[node] for node in sorted(order)], space)


def _code(arch: Architecture, places: Sequence[int], space: SearchSpace) -> int:
    """Return edges and one-hot operations as bits, the inner nodes on ``places`` of a frame."""
    number = [0, *places, space.max_nodes - 1]
    slots = list(combinations(range(space.max_nodes), 2))
    bits = [slots.index((number[a], number[b])) for a, b in arch.edges]
    bits += [
        len(slots) + (place - 1) * len(space.op_names) + space.op_names.index(op)
        for place, op in zip(places, arch.ops, strict=True)
    ]
    return sum(1 << bit for bit in bits)


def _settings(arch: Architecture, space: SearchSpace) -> int:
    """Return the one-hot choices outside the cell as bits; 0 in a space without any."""
    chosen = space.graph(arch).settings
    return sum(1 << bit for bit, there in enumerate(chosen) if there)


def _words(codes: Sequence[int]) -> _Words:
    """Return codes of any length as rows of as many 64-bit numbers as the longest needs."""
    n_words = max(1, -(-max(code.bit_length() for code in codes) // _WORD))
    return np.array([_split(code, n_words) for code in codes], np.uint64)


def _split(code: int, n_words: int) -> list[int]:
    return [code >> _WORD * word & (1 << _WORD) - 1 for word in range(n_words)]


def _differing_bits(codes: _Words, code: int) -> NDArray[np.int64]:
    """Return in how many bits each row of ``codes`` differs from ``code``."""
    n_words = codes.shape[1]
    beyond = (code >> _WORD * n_words).bit_count()  # bits that no row has
    counts = np.full(len(codes), beyond, np.int64)
    for word, part in enumerate(_split(code, n_words)):
        counts += _ones(codes[:, word] ^ np.uint64(part))
    return counts


def _ones(words: _Words) -> NDArray[np.integer[Any]]:
    """Return how many bits of each number are 1."""
    counts: NDArray[np.integer[Any]]
    if hasattr(np, "bitwise_count"):  # from NumPy 2 on, many times as fast
        counts = np.bitwise_count(words)
    else:
        parts = (words >> np.uint64(shift) for shift in range(0, _WORD, _PART))
        counts = np.sum([_ONES[part & np.uint64((1 << _PART) - 1)] for part in parts], axis=0)
    return counts
