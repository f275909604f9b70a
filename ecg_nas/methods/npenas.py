"""NPENAS: evolution whose mutants a graph network chooses among."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

import numpy as np
from typing_extensions import override

from ecg_nas import seeds
from ecg_nas.methods._mutants import mutants_of_the_best
from ecg_nas.methods.base import Proposal, SearchAlgorithm, check_least
from ecg_nas.predictor.config import GinConfig
from search_spaces import Architecture


@dataclass(frozen=True, slots=True, kw_only=True)
class NpenasConfig:
    """Settings of NPENAS.

    Attributes:
        fes_max: Full trainings in all.
        n_init: Random architectures trained before the predictor is first used.
        n_infill: Architectures trained between two fits of the predictor.
        n_mutants: Candidates of an infill.
        n_parents: Most architectures that are mutated for it, the best ones trained.
        predictor: Settings of the predictor.
    """

    fes_max: int = 100
    n_init: int = 10
    n_infill: int = 10
    n_mutants: int = 100
    n_parents: int = 50
    predictor: GinConfig = field(default_factory=GinConfig)

    def __post_init__(self) -> None:
        check_least(self, fes_max=1, n_init=2, n_infill=1, n_mutants=1, n_parents=1)


class Npenas(SearchAlgorithm[NpenasConfig]):
    """Mutates the best ones trained and trains the mutants that its predictor puts first.

    This is NPENAS-NP with the settings of the paper and of its authors' code, where two cells of
    the same paths also count as one. Our own: the initial design, which all methods share, and
    what ``GinPredictor`` says of itself.

    References:
        Wei, Niu, Tang, Wang, Hu, Liang, *NPENAS: Neural Predictor Guided Evolution for Neural
        Architecture Search*, IEEE Transactions on Neural Networks and Learning Systems 2022,
        doi:10.1109/TNNLS.2022.3151160 (arXiv 2003.12857).
    """

    @override
    def ask(self) -> list[Proposal]:
        return self._by_infill(self._infill, self._config)

    def _infill(self, count: int) -> list[Architecture]:
        from ecg_nas.predictor.npenas_gin import GinPredictor  # torch_geometric takes seconds

        mutants = mutants_of_the_best(
            self._space,
            self._archive,
            self._config.n_mutants,
            seeds.generator(self._seed, "npenas", len(self._archive)),
            n_parents=self._config.n_parents,
            identity=self._paths,
            allowed=self._allowed,
        )
        predictor = GinPredictor(self._space, self._config.predictor, seed=self._seed)
        predictor.fit(self._archive.architectures, self._archive.scores())
        order = np.argsort(-predictor.predict(mutants), kind="stable")
        return [mutants[i] for i in order[:count]]

    def _paths(self, arch: Architecture) -> Hashable:
        graph = self._space.graph(arch)
        return frozenset(graph.paths()), graph.settings
