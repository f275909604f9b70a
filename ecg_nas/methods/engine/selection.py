"""Who survives a generation and who is worth training: by score, or by score and cost."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from ecg_nas.methods.base import Cost
from ecg_nas.methods.engine import pareto
from search_spaces import Architecture


class Candidate(NamedTuple):
    """An architecture that evolution met, with what each member of the ensemble says of it."""

    architecture: Architecture
    members: NDArray[np.float64]
    mean: float


class Selection(ABC):
    """Compares candidates by what a predictor says of them."""

    @abstractmethod
    def ranked(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Return ``candidates`` from best to worst, each by its ensemble's mean."""

    @abstractmethod
    def best(
        self,
        candidates: Mapping[str, Candidate],
        known: Sequence[Candidate],
        *,
        member: int | None = None,
    ) -> str:
        """Return the key of the candidate that promises most beside what is ``known``.

        Args:
            candidates: By key; not empty.
            known: What has been trained, or will be.
            member: The member of the ensemble to believe; ``None`` for their mean.
        """


class ByScore(Selection):
    """One objective: the highest predicted score."""

    @override
    def ranked(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        return sorted(candidates, key=lambda c: c.mean, reverse=True)

    @override
    def best(
        self,
        candidates: Mapping[str, Candidate],
        known: Sequence[Candidate],
        *,
        member: int | None = None,
    ) -> str:
        return max(candidates, key=lambda key: _score(candidates[key], member))


class ByFront(Selection):
    """Two objectives: the predicted score against a cost that is known.

    Generations survive by front and crowding, as in NSGA-II; an infill takes what enlarges the
    area under the front of all that is known most. Costs are compared by their logarithm: a
    microsecond more is worth more on a fast network than on a slow one.
    """

    def __init__(self, cost: Cost) -> None:
        self._cost = cost
        self._log_costs: dict[str, float] = {}

    @override
    def ranked(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        order = pareto.front_order(_scores(candidates, None), self._costs(candidates))
        return [candidates[i] for i in order]

    @override
    def best(
        self,
        candidates: Mapping[str, Candidate],
        known: Sequence[Candidate],
        *,
        member: int | None = None,
    ) -> str:
        new = list(candidates.values())
        scores = _scores(new, member)
        gains = pareto.improvements(
            scores,
            self._costs(new),
            known_scores=_scores(known, member),
            known_costs=self._costs(known),
        )
        # Where nothing enlarges it, what scores highest.
        return list(candidates)[int(np.lexsort((scores, gains))[-1])]

    def _costs(self, candidates: Sequence[Candidate]) -> NDArray[np.float64]:
        for candidate in candidates:
            key = candidate.architecture.key
            if key not in self._log_costs:
                cost = self._cost(candidate.architecture)
                self._log_costs[key] = float(np.log(max(cost, 1e-12)))
        return np.array([self._log_costs[c.architecture.key] for c in candidates])


def _score(candidate: Candidate, member: int | None) -> float:
    return candidate.mean if member is None else float(candidate.members[member])


def _scores(candidates: Sequence[Candidate], member: int | None) -> NDArray[np.float64]:
    return np.array([_score(candidate, member) for candidate in candidates], dtype=np.float64)
