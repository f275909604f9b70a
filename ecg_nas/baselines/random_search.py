"""Random search: the method that every other must beat."""

from __future__ import annotations

from dataclasses import dataclass

from typing_extensions import override

from ecg_nas.algorithm import Allowed, Proposal, SearchAlgorithm
from search_spaces import SearchSpace


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomSearchConfig:
    """Settings of random search.

    Attributes:
        fes_max: Full trainings in all.
        n_batch: Architectures a batch; changes how many can train at once, not which are drawn.
    """

    fes_max: int = 100
    n_batch: int = 8


class RandomSearch(SearchAlgorithm):
    """Draws architectures at random, each at most once."""

    def __init__(
        self,
        space: SearchSpace,
        config: RandomSearchConfig,
        *,
        seed: int,
        allowed: Allowed | None = None,
    ) -> None:
        super().__init__(space, seed=seed, allowed=allowed)
        self._config = config

    @override
    def ask(self) -> list[Proposal]:
        left = max(self._config.fes_max - len(self._archive), 0)
        return self._random(min(self._config.n_batch, left), "initial")
