"""NSGA-II: evolution on two objectives without a predictor, the peer of a two-objective search."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from typing_extensions import override

from ecg_nas import seeds
from ecg_nas.errors import ConfigError
from ecg_nas.methods.base import Allowed, Cost, Method, Proposal, SearchAlgorithm, draw_new
from ecg_nas.methods.engine import pareto
from search_spaces import Architecture, SearchSpace


@dataclass(frozen=True, slots=True, kw_only=True)
class Nsga2Config:
    """Settings of NSGA-II.

    Attributes:
        fes_max: Full trainings in all.
        population: Survivors of a generation; as many random ones start it, and as many children
            are trained in each.
        crossover: Probability that a child has two parents.
        mutation: Probability that a child of two parents is mutated too.
    """

    fes_max: int = 100
    population: int = 20
    crossover: float = 0.9
    mutation: float = 0.5

    def __post_init__(self) -> None:
        if self.population < 2:
            raise ConfigError(f"population must be at least 2; got {self.population}")


class Nsga2(SearchAlgorithm[Nsga2Config]):
    """Survival by non-domination and crowding, parents by binary tournament.

    Sorting is pymoo's; crossover and mutation are the search space's.

    References:
        Deb, Pratap, Agarwal, Meyarivan, *A Fast and Elitist Multiobjective Genetic Algorithm:
        NSGA-II*, IEEE Trans. Evol. Comput. 2002, doi:10.1109/4235.996017.
    """

    def __init__(
        self,
        space: SearchSpace,
        config: Nsga2Config,
        *,
        seed: int,
        allowed: Allowed | None = None,
        cost: Cost,
    ) -> None:
        super().__init__(space, config, seed=seed, allowed=allowed)
        self._cost = cost

    @override
    def ask(self) -> list[Proposal]:
        done, config, left = len(self._archive), self._config, self._left
        if done < config.population:
            return self._random(min(config.population - done, left), "initial")
        parents = self._survivors()
        batch: dict[str, Architecture] = {}
        for slot in range(done, done + min(config.population, left)):
            rng = seeds.generator(self._seed, "nsga2", slot)
            child = draw_new(
                partial(self._child, parents, rng),
                taken=lambda key: key in self._archive or key in batch,
                allowed=self._allowed,
            )
            if child is None:  # all that the parents can beget is known
                break
            batch[child.key] = child
        proposals = [Proposal(architecture=arch, origin="evolution") for arch in batch.values()]
        return proposals or self._random(min(1, left), "exploration")

    def _survivors(self) -> list[Architecture]:
        """Return the population, best first; the archive holds all of its history."""
        size = self._config.population
        archs = self._archive.architectures
        scores = np.array(self._archive.scores())
        costs = np.log([self._cost(arch) for arch in archs])  # as every two-objective search here
        alive = np.arange(min(size, len(archs)))
        for start in range(size, len(archs), size):
            alive = np.concatenate([alive, np.arange(start, min(start + size, len(archs)))])
            alive = alive[pareto.front_order(scores[alive], costs[alive])[:size]]
        if len(archs) == size:
            alive = alive[pareto.front_order(scores, costs)]
        return [archs[i] for i in alive]

    def _child(self, parents: list[Architecture], rng: np.random.Generator) -> Architecture:
        # Of two drawn, the better one is that which stands further ahead.
        first, second = (int(rng.integers(len(parents), size=2).min()) for _ in range(2))
        if rng.random() >= self._config.crossover:
            return self._space.mutate(parents[first], rng)
        child = self._space.crossover(parents[first], parents[second], rng)
        if rng.random() < self._config.mutation or child.key in self._archive:
            child = self._space.mutate(child, rng)
        return child


METHOD = Method(algorithm=Nsga2, config=Nsga2Config(), cost="needed")
