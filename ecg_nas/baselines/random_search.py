"""Random search: the method that every other must beat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from typing_extensions import override

from ecg_nas.algorithm import Allowed, Archive, Proposal, SearchAlgorithm, Told, draw_at_random
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
        self._space = space
        self._config = config
        self._seed = seed
        self._allowed = allowed
        self._archive = Archive()

    @override
    def ask(self) -> list[Proposal]:
        left = max(self._config.fes_max - len(self._archive), 0)
        return draw_at_random(
            self._space,
            self._archive,
            min(self._config.n_batch, left),
            seed=self._seed,
            origin="initial",
            allowed=self._allowed,
        )

    @override
    def tell(self, outcomes: Sequence[Told]) -> None:
        self._archive.add(outcomes)

    @override
    def state(self) -> dict[str, Any]:
        return {"archive": self._archive.to_json()}

    @override
    def load_state(self, state: dict[str, Any]) -> None:
        self._archive = Archive.from_json(state["archive"], self._space)
