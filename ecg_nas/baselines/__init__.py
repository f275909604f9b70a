"""Reference methods behind the same ask/tell as DCL-ENAS, for honest comparison."""

from __future__ import annotations

from ecg_nas.baselines.nsga2 import Nsga2, Nsga2Config
from ecg_nas.baselines.random_search import RandomSearch, RandomSearchConfig
from ecg_nas.baselines.regularized_evolution import (
    RegularizedEvolution,
    RegularizedEvolutionConfig,
)

__all__ = [
    "Nsga2",
    "Nsga2Config",
    "RandomSearch",
    "RandomSearchConfig",
    "RegularizedEvolution",
    "RegularizedEvolutionConfig",
]
