"""The methods that a benchmark can compare, by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ecg_nas.methods.bananas import Bananas, BananasConfig
from ecg_nas.methods.base import SearchAlgorithm
from ecg_nas.methods.dcl_enas import DclEnas, DclEnasConfig
from ecg_nas.methods.engine.selection import Cost
from ecg_nas.methods.local_search import LocalSearch, LocalSearchConfig
from ecg_nas.methods.npenas import Npenas, NpenasConfig
from ecg_nas.methods.nsga2 import Nsga2, Nsga2Config
from ecg_nas.methods.random import RandomSearch, RandomSearchConfig
from ecg_nas.methods.regularized_evolution import RegularizedEvolution, RegularizedEvolutionConfig
from ecg_nas.methods.weaknas import WeakNas, WeakNasConfig
from ecg_nas.predictor.config import DclConfig
from search_spaces import SearchSpace


@dataclass(frozen=True, slots=True)
class Method:
    """A search method with all its settings but the budget.

    Attributes:
        algorithm: The class; it takes a space, its settings and ``seed``.
        config: The settings, a dataclass with ``fes_max``.
        cost: What it makes of a second objective.
    """

    algorithm: Callable[..., SearchAlgorithm]
    config: Any
    cost: Literal["ignored", "taken", "needed"] = "ignored"

    def start(
        self, space: SearchSpace, budget: int, seed: int, cost: Cost | None = None
    ) -> SearchAlgorithm:
        """Return the method, fresh, with ``budget`` trainings to spend."""
        second = {"cost": cost} if cost is not None and self.cost != "ignored" else {}
        config = dataclasses.replace(self.config, fes_max=budget)
        return self.algorithm(space, config, seed=seed, **second)

    def settings(self) -> dict[str, Any]:
        """Return the settings as JSON-able values, without the budget."""
        values = dataclasses.asdict(self.config)
        del values["fes_max"]
        return values


METHODS: Mapping[str, Method] = {
    "dcl-enas": Method(DclEnas, DclEnasConfig(), cost="taken"),
    "random": Method(RandomSearch, RandomSearchConfig()),
    "regularized-evolution": Method(RegularizedEvolution, RegularizedEvolutionConfig()),
    "local-search": Method(LocalSearch, LocalSearchConfig()),
    "bananas": Method(Bananas, BananasConfig()),
    "npenas": Method(Npenas, NpenasConfig()),
    "weaknas": Method(WeakNas, WeakNasConfig()),
    # The peer where there are two objectives.
    "nsga2": Method(Nsga2, Nsga2Config(), cost="needed"),
    # Ablations: one stage left out.
    "dcl-enas:no-pretraining": Method(
        DclEnas, DclEnasConfig(predictor=DclConfig(pretraining=False)), cost="taken"
    ),
    "dcl-enas:regression": Method(
        DclEnas, DclEnasConfig(predictor=DclConfig(objective="regression")), cost="taken"
    ),
}

DEFAULT = ("dcl-enas", "regularized-evolution", "random")

DEFAULT_WITH_COST = ("dcl-enas", "nsga2", "random")
