"""Random search: the method that every other must beat."""

from __future__ import annotations

from dataclasses import dataclass

from typing_extensions import override

from ecg_nas.methods.base import Method, Proposal, SearchAlgorithm


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomSearchConfig:
    """Settings of random search.

    Attributes:
        fes_max: Full trainings in all.
        n_batch: Architectures a batch; changes how many can train at once, not which are drawn.
    """

    fes_max: int = 100
    n_batch: int = 8


class RandomSearch(SearchAlgorithm[RandomSearchConfig]):
    """Draws architectures at random, each at most once."""

    @override
    def ask(self) -> list[Proposal]:
        return self._random(min(self._config.n_batch, self._left), "initial")


METHOD = Method(algorithm=RandomSearch, config=RandomSearchConfig())
