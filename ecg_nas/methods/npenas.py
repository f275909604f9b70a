"""NPENAS: evolution whose mutants a graph network chooses among."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

from typing_extensions import override

from ecg_nas import seeds
from ecg_nas.methods._guided import GuidedConfig, best_first, fitted, mutants_of_the_best
from ecg_nas.methods.base import Method, Proposal, SearchAlgorithm
from ecg_nas.predictor.npenas_gin import GinConfig
from search_spaces import Architecture


@dataclass(frozen=True, slots=True, kw_only=True)
class NpenasConfig(GuidedConfig):
    """Settings of NPENAS.

    Attributes:
        n_mutants: Candidates of an infill.
        n_parents: Most architectures that are mutated for it, the best ones trained.
        predictor: Settings of the predictor.
    """

    n_mutants: int = 100
    n_parents: int = 50
    predictor: GinConfig = field(default_factory=GinConfig)


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
        mutants = mutants_of_the_best(
            self._space,
            self._archive,
            self._config.n_mutants,
            seeds.generator(self._seed, "npenas", len(self._archive)),
            n_parents=self._config.n_parents,
            identity=self._paths,
            allowed=self._allowed,
        )
        config = self._config.predictor
        predictor = fitted("npenas-gin", config, self._space, self._archive, self._seed)
        return best_first(mutants, predictor.predict(mutants))[:count]

    def _paths(self, arch: Architecture) -> Hashable:
        graph = self._space.graph(arch)
        return frozenset(graph.paths()), graph.settings


METHOD = Method(algorithm=Npenas, config=NpenasConfig())
