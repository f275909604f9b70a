"""WeakNAS: predictors that need only be right about an ever better part of the space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

from typing_extensions import override

from ecg_nas import seeds
from ecg_nas.methods._guided import GuidedConfig, best_first, fitted
from ecg_nas.methods.base import Allowed, Method, Proposal, SearchAlgorithm
from ecg_nas.predictor.weaknas_mlp import WeakMlpConfig
from search_spaces import Architecture, SearchSpace


@dataclass(frozen=True, slots=True, kw_only=True)
class WeakNasConfig(GuidedConfig):
    """Settings of WeakNAS.

    Attributes:
        n_top: Architectures that the predictor puts first, among which an infill is drawn.
        n_pool: Most architectures that are ranked: all of the space if they are no more and it
            can list them, random ones otherwise.
        predictor: Settings of the predictor.
    """

    n_top: int = 100
    n_pool: int = 20_000
    predictor: WeakMlpConfig = field(default_factory=WeakMlpConfig)


class WeakNas(SearchAlgorithm[WeakNasConfig]):
    """Ranks the space with its predictor and trains random ones of the best predicted.

    The part of the space that labels come from shrinks and moves as the predictors learn. The
    settings are those of the paper and of its authors' code for NAS-Bench-201. Our own: the
    initial design, which all methods share; a random pool where the space is too large to rank
    all of it; and what ``WeakMlpPredictor`` says of itself.

    References:
        Wu, Dai, Chen, Chen, Liu, Yu, Wang, Liu, Chen, Yuan, *Stronger NAS with Weaker
        Predictors*, NeurIPS 2021 (arXiv 2102.10490).
    """

    def __init__(
        self,
        space: SearchSpace,
        config: WeakNasConfig,
        *,
        seed: int,
        allowed: Allowed | None = None,
    ) -> None:
        super().__init__(space, config, seed=seed, allowed=allowed)
        self._pool: Sequence[Architecture] | None = None  # drawn from the seed, not in the state

    @override
    def ask(self) -> list[Proposal]:
        return self._by_infill(self._infill, self._config)

    def _infill(self, count: int) -> list[Architecture]:
        if self._pool is None:
            self._pool = self._drawn()
        config = self._config.predictor
        predictor = fitted("weaknas-mlp", config, self._space, self._archive, self._seed)
        ranked = filter(self._allowed, best_first(self._pool, predictor.predict(self._pool)))
        top = islice(ranked, self._config.n_top)
        new = [arch for arch in top if arch.key not in self._archive]
        if len(new) < count:  # then the next best ones, as in the authors' code
            further = (arch for arch in ranked if arch.key not in self._archive)
            return [*new, *islice(further, count - len(new))]
        rng = seeds.generator(self._seed, "weaknas", len(self._archive))
        return [new[i] for i in rng.permutation(len(new))[:count]]

    def _drawn(self) -> list[Architecture]:
        n_pool = self._config.n_pool
        listed = list(islice(self._space.listed() or (), n_pool + 1))
        if 0 < len(listed) <= n_pool:
            return listed
        rng = seeds.generator(self._seed, "pool")
        drawn = (self._space.sample(rng) for _ in range(n_pool))
        return list({arch.key: arch for arch in drawn}.values())


METHOD = Method(algorithm=WeakNas, config=WeakNasConfig())
