"""Reference methods behind the same ask/tell as DCL-ENAS, for honest comparison."""

from __future__ import annotations

from ecg_nas.baselines.bananas import Bananas, BananasConfig
from ecg_nas.baselines.local_search import LocalSearch, LocalSearchConfig
from ecg_nas.baselines.npenas import Npenas, NpenasConfig
from ecg_nas.baselines.nsga2 import Nsga2, Nsga2Config
from ecg_nas.baselines.random_search import RandomSearch, RandomSearchConfig
from ecg_nas.baselines.regularized_evolution import RegularizedEvolution, RegularizedEvolutionConfig
from ecg_nas.baselines.weaknas import WeakNas, WeakNasConfig

__all__ = [
    "Bananas",
    "BananasConfig",
    "LocalSearch",
    "LocalSearchConfig",
    "Npenas",
    "NpenasConfig",
    "Nsga2",
    "Nsga2Config",
    "RandomSearch",
    "RandomSearchConfig",
    "RegularizedEvolution",
    "RegularizedEvolutionConfig",
    "WeakNas",
    "WeakNasConfig",
]
