"""What a search algorithm is: it proposes architectures and is told how they did."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from search_spaces import Architecture


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """An architecture to evaluate, and where the idea came from.

    Attributes:
        architecture: What to evaluate next.
        origin: ``initial`` (random design), ``predictor`` (chosen by the predictor),
            ``exploration`` (random on purpose), ``evolution`` (mutated without a predictor).
    """

    architecture: Architecture
    origin: Literal["initial", "predictor", "exploration", "evolution"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A proposal with its outcome; ``score`` is ``None`` for a failure."""

    architecture: Architecture
    score: float | None


class SearchAlgorithm(ABC):
    """Ask/tell. Sees no file, console or device name; never evaluates anything itself.

    ``ask`` is a pure function of the state: asked again from the same state (after a crash, say)
    it proposes the same. ``tell`` gets the outcomes of one ``ask``, in its order. An algorithm
    never proposes an architecture twice unless its space is exhausted.
    """

    @abstractmethod
    def ask(self) -> list[Proposal]:
        """Return the next batch of proposals; empty only when the budget is spent."""

    @abstractmethod
    def tell(self, outcomes: Sequence[Told]) -> None:
        """Take in the outcomes of the last ``ask``."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Return a JSON-able state from which ``load_state`` continues exactly."""

    @abstractmethod
    def load_state(self, state: dict[str, Any]) -> None:
        """Continue from a state that ``state`` returned."""

    def diagnostics(self) -> dict[str, float | None]:
        """Return figures to show the user (``kendall_tau`` of the predictor, seconds …)."""
        return {}
