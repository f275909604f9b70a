"""The methods that a benchmark can compare, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ecg_nas.algorithm import SearchAlgorithm
from ecg_nas.baselines import (
    RandomSearch,
    RandomSearchConfig,
    RegularizedEvolution,
    RegularizedEvolutionConfig,
)
from search_spaces import SearchSpace

Factory = Callable[[SearchSpace, int, int], SearchAlgorithm]
"""Makes a method from the space, the budget and the seed."""


def _dcl_enas(**predictor: Any) -> Factory:
    def make(space: SearchSpace, budget: int, seed: int) -> SearchAlgorithm:
        from ecg_nas.dcl_enas import DclEnas, DclEnasConfig  # takes seconds to import
        from ecg_nas.predictor.config import DclConfig

        config = DclEnasConfig(fes_max=budget, predictor=DclConfig(**predictor))
        return DclEnas(space, config, seed=seed)

    return make


def _random(space: SearchSpace, budget: int, seed: int) -> SearchAlgorithm:
    return RandomSearch(space, RandomSearchConfig(fes_max=budget), seed=seed)


def _regularized_evolution(space: SearchSpace, budget: int, seed: int) -> SearchAlgorithm:
    return RegularizedEvolution(space, RegularizedEvolutionConfig(fes_max=budget), seed=seed)


METHODS: Mapping[str, Factory] = {
    "dcl-enas": _dcl_enas(),
    "random": _random,
    "regularized-evolution": _regularized_evolution,
    # Ablations: one stage left out.
    "dcl-enas:no-pretraining": _dcl_enas(pretraining=False),
    "dcl-enas:regression": _dcl_enas(objective="regression"),
}

DEFAULT = ("dcl-enas", "regularized-evolution", "random")
