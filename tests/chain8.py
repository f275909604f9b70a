"""A search space as a user would write it: one file, chains of eight operations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise, product
from typing import Any

import numpy as np

from search_spaces import Architecture, ArchitectureError, CellGraph, SearchSpace

OPS = ("conv", "pool", "skip")
LENGTH = 8
EDGES = tuple(pairwise(range(LENGTH + 2)))


class Chain8(SearchSpace):
    name = "chain8"
    op_names = OPS
    max_nodes = LENGTH + 2
    max_paths = 1
    max_path_ops = LENGTH

    def sample(self, rng: np.random.Generator) -> Architecture:
        return _chain(OPS[i] for i in rng.integers(len(OPS), size=LENGTH))

    def mutate(self, arch: Architecture, rng: np.random.Generator) -> Architecture:
        ops = list(arch.ops)
        place = int(rng.integers(LENGTH))
        ops[place] = rng.choice([op for op in OPS if op != ops[place]]).item()
        return _chain(ops)

    def crossover(self, a: Architecture, b: Architecture, rng: np.random.Generator) -> Architecture:
        cut = int(rng.integers(LENGTH + 1))
        return _chain(a.ops[:cut] + b.ops[cut:])

    def check(self, arch: Architecture) -> None:
        self.from_json(arch.to_json())

    def from_json(self, data: Mapping[str, Any]) -> Architecture:
        if not set(data["ops"]) <= set(OPS) or len(data["ops"]) != LENGTH:
            raise ArchitectureError(f"a chain must have {LENGTH} operations; got {data['ops']}")
        return _chain(data["ops"])

    def graph(self, arch: Architecture) -> CellGraph:
        return CellGraph(ops=(0, *(2 + OPS.index(op) for op in arch.ops), 1), edges=EDGES)

    def listed(self) -> Iterator[Architecture]:
        return map(_chain, product(OPS, repeat=LENGTH))


def _chain(ops: Any) -> Architecture:
    return Architecture(space="chain8", ops=tuple(ops), edges=EDGES)


SPACE = Chain8()
