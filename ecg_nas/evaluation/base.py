"""What it is to evaluate a candidate: one interface for training, tables, pools and clusters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from search_spaces import Architecture


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One architecture to evaluate.

    Attributes:
        slot: Its place in the run, from 0; a run has one evaluation a slot.
        architecture: What to train or look up.
        seed: Seed of everything random in this evaluation, derived from run seed and slot.
        parent: Slot of the trained candidate whose weights it starts from; ``None`` for its own.
    """

    slot: int
    architecture: Architecture
    seed: int
    parent: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What came of a candidate.

    Attributes:
        slot: The candidate's slot.
        score: Higher is better; ``None`` when it failed.
        metrics: JSON-able details (fold scores, per-class figures, params, macs …).
        seconds: Wall time spent.
        failure: One line on why there is no score; ``None`` when there is one.
    """

    slot: int
    score: float | None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    failure: str | None = None


class Evaluator(ABC):
    """Evaluates candidates: a batch in, results streamed in any order.

    Every candidate gets exactly one result. A candidate's result depends on its architecture,
    its seed, its parent and the evaluator's settings only: not on the batch, the order or the
    worker. A candidate that cannot be trained (out of memory, NaN) gets one with a ``failure``.
    """

    @abstractmethod
    def evaluate(self, candidates: Sequence[Candidate]) -> Iterator[Evaluation]:
        """Yield one evaluation a candidate, as they finish."""

    def close(self) -> None:  # noqa: B027  (most evaluators hold nothing)
        """Release processes and devices; the evaluator is not used afterwards."""
