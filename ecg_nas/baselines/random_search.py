"""Random search: the method that every other must beat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from typing_extensions import override

from ecg_nas import seeds
from ecg_nas.algorithm import Allowed, Archive, Proposal, SearchAlgorithm, Told, sample_new
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
        done = len(self._archive)
        batch: dict[str, Proposal] = {}
        proposals = []
        for slot in range(done, min(done + self._config.n_batch, self._config.fes_max)):
            arch = sample_new(
                self._space,
                seeds.generator(self._seed, "random search", slot),
                taken=lambda key: key in self._archive or key in batch,
                allowed=self._allowed,
            )
            batch[arch.key] = Proposal(architecture=arch, origin="initial")
            proposals.append(batch[arch.key])
        return proposals

    @override
    def tell(self, outcomes: Sequence[Told]) -> None:
        self._archive.add(outcomes)

    @override
    def state(self) -> dict[str, Any]:
        return {"archive": self._archive.to_json()}

    @override
    def load_state(self, state: dict[str, Any]) -> None:
        self._archive = Archive.from_json(state["archive"], self._space)
