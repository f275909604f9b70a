"""Local search: hill climbing from the best of a few random architectures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from typing_extensions import override

from ecg_nas import seeds
from ecg_nas.methods.base import (
    Allowed,
    Method,
    Outcome,
    Proposal,
    SearchAlgorithm,
    check_least,
    draw_new,
)
from search_spaces import Architecture, SearchSpace


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSearchConfig:
    """Settings of local search.

    Attributes:
        fes_max: Full trainings in all.
        n_init: Random architectures of which the best starts a climb.
        n_batch: Neighbours a batch. The paper's method is 1; more can train at once.
    """

    fes_max: int = 100
    n_init: int = 10
    n_batch: int = 1

    def __post_init__(self) -> None:
        check_least(self, fes_max=1, n_init=1, n_batch=1)


class LocalSearch(SearchAlgorithm[LocalSearchConfig]):
    """Trains neighbours of the best one in random order, and moves on at the first better one.

    When all neighbours are known the climb is over, and another one starts from new random
    architectures. Since a climb only ever moves up, it stands at the best that it has seen.

    This is the paper's variant that moves at the first improvement, with the settings of its
    authors' code. Neighbours are drawn as mutants until many draws bring no new one: all of them
    where they are few, as in NAS-Bench-201 (24).

    References:
        White, Nolen, Savani, *Exploring the Loss Landscape in Neural Architecture Search*,
        UAI 2021 (arXiv 2005.02960).
    """

    def __init__(
        self,
        space: SearchSpace,
        config: LocalSearchConfig,
        *,
        seed: int,
        allowed: Allowed | None = None,
    ) -> None:
        super().__init__(space, config, seed=seed, allowed=allowed)
        self._start = 0  # slot at which the present climb began

    @override
    def ask(self) -> list[Proposal]:
        done, config, left = len(self._archive), self._config, self._left
        missing = self._start + config.n_init - done
        if missing > 0:
            return self._random(min(missing, left), "exploration" if self._start else "initial")
        climbing = self._neighbours(min(config.n_batch, left))
        if climbing:
            return [Proposal(architecture=arch, origin="evolution") for arch in climbing]
        return self._random(min(config.n_init, left), "exploration")

    @override
    def tell(self, outcomes: Sequence[Outcome]) -> None:
        done = len(self._archive)
        if done >= self._start + self._config.n_init and not self._neighbours(1):
            self._start = done  # what is told are random ones again
        super().tell(outcomes)

    @override
    def state(self) -> dict[str, Any]:
        return {**super().state(), "start": self._start}

    @override
    def load_state(self, state: dict[str, Any]) -> None:
        super().load_state(state)
        self._start = state["start"]

    def _neighbours(self, count: int) -> list[Architecture]:
        """Return up to ``count`` allowed and new neighbours of where the climb stands."""
        scores = self._archive.scores()[self._start :]
        here = self._archive.architectures[self._start + int(np.argmax(scores))]
        rng = seeds.generator(self._seed, "local search", len(self._archive))
        found: dict[str, Architecture] = {}
        while len(found) < count:
            neighbour = draw_new(
                partial(self._space.mutate, here, rng),
                taken=lambda key: key in self._archive or key in found,
                allowed=self._allowed,
            )
            if neighbour is None:
                break
            found[neighbour.key] = neighbour
        return list(found.values())


METHOD = Method(algorithm=LocalSearch, config=LocalSearchConfig())
