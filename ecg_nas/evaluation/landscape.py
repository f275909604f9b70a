"""A made-up landscape over any space: quick scores with structure, for tests and demonstrations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from typing_extensions import override

from ecg_nas import seeds
from ecg_nas.evaluation.base import Candidate, Evaluation, Evaluator
from search_spaces import Architecture, SearchSpace


class SyntheticEvaluator(Evaluator):
    """Scores an architecture by a fixed, seeded function of its graph; nothing is trained.

    The function rewards some operations and some pairs of neighbouring ones, prefers a depth, and
    adds a part for every setting outside the cell; then it is squashed into 0..1. It is smooth
    enough to be learnt and rough enough to have several peaks.
    """

    def __init__(
        self, space: SearchSpace, *, seed: int = 0, noise: float = 0.0, failing: float = 0.0
    ) -> None:
        """Draw the landscape.

        Args:
            space: The space whose architectures are scored.
            seed: Of the landscape.
            noise: Standard deviation added to a score, drawn from the candidate's seed.
            failing: Share of the architectures that fail, always the same ones.
        """
        self._space = space
        self._seed = seed
        self._noise = noise
        self._failing = failing
        kinds = 2 + len(space.op_names)
        rng = seeds.generator("synthetic landscape", space.name, seed)
        self._node_gain = rng.normal(size=kinds)
        self._edge_gain = rng.normal(scale=0.5, size=(kinds, kinds))
        self._best_depth = 1 + rng.integers(space.max_path_ops)

    def value(self, arch: Architecture) -> float:
        """Return the noise-free score of ``arch``, in 0..1."""
        graph = self._space.graph(arch)
        depth = [0] * len(graph.ops)  # most steps from the input
        total = 0.0
        for start, end in sorted(graph.edges, key=lambda edge: edge[1]):
            depth[end] = max(depth[end], depth[start] + 1)
            total += self._edge_gain[graph.ops[start], graph.ops[end]]
        total += float(self._node_gain[list(graph.ops[1:-1])].sum())
        total -= 0.5 * (depth[-1] - 1 - self._best_depth) ** 2
        rng = seeds.generator("synthetic settings", self._space.name, self._seed)
        total += float(np.dot(rng.normal(size=len(graph.settings)), graph.settings))
        return float(1 / (1 + np.exp(-total / 4)))

    @override
    def evaluate(self, candidates: Sequence[Candidate]) -> Iterator[Evaluation]:
        for candidate in candidates:
            arch = candidate.architecture
            luck = seeds.generator("synthetic failure", self._seed, arch.key).random()
            if luck < self._failing:
                yield Evaluation(
                    slot=candidate.slot,
                    score=None,
                    failure="this architecture fails in the synthetic landscape",
                )
                continue
            noise = self._noise * seeds.generator("synthetic noise", candidate.seed).normal()
            yield Evaluation(
                slot=candidate.slot,
                score=self.value(arch) + noise,
                metrics={"noise_free": self.value(arch)},
            )
