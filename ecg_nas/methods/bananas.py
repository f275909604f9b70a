"""BANANAS: Bayesian optimisation with an ensemble of neural networks as the model."""

from __future__ import annotations

from dataclasses import dataclass, field

from typing_extensions import override

from ecg_nas import seeds
from ecg_nas.methods._guided import GuidedConfig, best_first, fitted, mutants_of_the_best
from ecg_nas.methods.base import Method, Proposal, SearchAlgorithm
from ecg_nas.predictor.bananas_mlp import PathMlpConfig
from ecg_nas.predictor.base import member_scores
from search_spaces import Architecture


@dataclass(frozen=True, slots=True, kw_only=True)
class BananasConfig(GuidedConfig):
    """Settings of BANANAS.

    Attributes:
        n_mutants: Candidates of an infill.
        n_parents: Most architectures that are mutated for it, the best ones trained.
        predictor: Settings of the predictor.
    """

    n_mutants: int = 100
    n_parents: int = 5
    predictor: PathMlpConfig = field(default_factory=PathMlpConfig)


class Bananas(SearchAlgorithm[BananasConfig]):
    """Mutates the best ones trained and trains those that independent Thompson sampling chooses.

    The sample of a candidate is drawn from a normal distribution with the mean and the standard
    deviation of the ensemble's predictions.

    The settings are those of the paper and of its authors' code. Our own: the initial design,
    which all methods share, and what ``PathMlpPredictor`` says of itself.

    References:
        White, Neiswanger, Savani, *BANANAS: Bayesian Optimization with Neural Architectures for
        Neural Architecture Search*, AAAI 2021, doi:10.1609/aaai.v35i12.17233 (arXiv 1910.11858).
    """

    @override
    def ask(self) -> list[Proposal]:
        return self._by_infill(self._infill, self._config)

    def _infill(self, count: int) -> list[Architecture]:
        rng = seeds.generator(self._seed, "bananas", len(self._archive))
        mutants = mutants_of_the_best(
            self._space,
            self._archive,
            self._config.n_mutants,
            rng,
            n_parents=self._config.n_parents,
            identity=lambda arch: arch.key,
            allowed=self._allowed,
        )
        config = self._config.predictor
        predictor = fitted("bananas-mlp", config, self._space, self._archive, self._seed)
        predicted = member_scores(predictor, mutants)
        sample = rng.normal(predicted.mean(axis=0), predicted.std(axis=0))
        return best_first(mutants, sample)[:count]


METHOD = Method(algorithm=Bananas, config=BananasConfig())
