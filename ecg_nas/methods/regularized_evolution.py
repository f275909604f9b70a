"""Regularised evolution: ageing evolution without a predictor."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from typing_extensions import override

from ecg_nas import seeds
from ecg_nas.errors import ConfigError
from ecg_nas.methods.base import Method, Proposal, SearchAlgorithm, draw_new
from search_spaces import Architecture


@dataclass(frozen=True, slots=True, kw_only=True)
class RegularizedEvolutionConfig:
    """Settings of regularised evolution.

    Attributes:
        fes_max: Full trainings in all.
        population: Architectures alive at a time; as many random ones start it.
        tournament: Architectures drawn from the population, of which the best is the parent.
        n_batch: Children a batch. The paper's method is 1; more can train at once.
    """

    fes_max: int = 100
    population: int = 20
    tournament: int = 5
    n_batch: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.tournament <= self.population:
            raise ConfigError(
                "tournament must be between 1 and population; got "
                f"tournament {self.tournament}, population {self.population}"
            )


class RegularizedEvolution(SearchAlgorithm[RegularizedEvolutionConfig]):
    """Mutates the best of a random tournament; the oldest of the population dies.

    Since every outcome enters the population and the oldest leaves it, the population is the
    last ``population`` outcomes told.

    References:
        Real, Aggarwal, Huang, Le, *Regularized Evolution for Image Classifier Architecture
        Search*, AAAI 2019, doi:10.1609/aaai.v33i01.33014780.
    """

    @override
    def ask(self) -> list[Proposal]:
        done, config, left = len(self._archive), self._config, self._left
        if done < config.population:
            return self._random(min(config.population - done, left), "initial")
        batch: dict[str, Proposal] = {}
        for slot in range(done, done + min(config.n_batch, left)):
            rng = seeds.generator(self._seed, "regularised evolution", slot)
            parent = self._parent(rng)
            child = draw_new(
                partial(self._space.mutate, parent, rng),
                taken=lambda key: key in self._archive or key in batch,
                allowed=self._allowed,
            )
            if child is None:  # all neighbours of the parent are known
                return [*batch.values(), *self._random(1, "exploration")]
            batch[child.key] = Proposal(architecture=child, origin="evolution")
        return list(batch.values())

    def _parent(self, rng: np.random.Generator) -> Architecture:
        n_alive = self._config.population
        scores = self._archive.scores()[-n_alive:]
        alive = self._archive.architectures[-n_alive:]
        drawn = rng.choice(n_alive, size=self._config.tournament, replace=False)
        best: int = max(drawn.tolist(), key=lambda i: scores[i])
        return alive[best]


METHOD = Method(algorithm=RegularizedEvolution, config=RegularizedEvolutionConfig())
