"""What a performance predictor is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ecg_nas.variants import Configured
from search_spaces import Architecture, SearchSpace


class Predictor(ABC):
    """Ranks architectures from few labels.

    Everything random comes from the seed given at construction and, for ``fit``, from the number
    of labels: so a predictor restored or rebuilt mid-run behaves as one that was never stopped.
    """

    def pretrain(self, archs: Sequence[Architecture]) -> None:
        """Learn from unlabelled architectures (once, before the first ``fit``), if it can."""
        del archs  # most cannot

    @abstractmethod
    def fit(self, archs: Sequence[Architecture], scores: Sequence[float]) -> None:
        """Learn to rank from labels; a later call starts again from the pre-trained state.

        Raises:
            ArchitectureError: If an architecture is of another space.
            ValueError: If there are not as many scores, or no two different ones.
        """

    @abstractmethod
    def predict(self, archs: Sequence[Architecture]) -> NDArray[np.float64]:
        """Return one score an architecture: their order matters, their scale does not.

        Raises:
            ValueError: If the predictor has not been fitted.
        """


@runtime_checkable
class Ensemble(Protocol):
    """A predictor of several members, which can be asked one by one."""

    def predict_members(self, archs: Sequence[Architecture]) -> NDArray[np.float64]:
        """Return each member's scores, ``(members, n)``; their mean is the prediction.

        Raises:
            ValueError: If the predictor has not been fitted.
        """


@runtime_checkable
class HardCoded(Protocol):
    """A predictor that encodes architectures by features, and can be asked for these."""

    def hard_codes(self, archs: Sequence[Architecture]) -> NDArray[np.float32]:
        """Return ``(n, bits)`` of 0 and 1: the features that each architecture has."""


def member_scores(predictor: Predictor, archs: Sequence[Architecture]) -> NDArray[np.float64]:
    """Return ``(members, n)`` scores; a predictor that is no ensemble is its only member."""
    if isinstance(predictor, Ensemble):
        return predictor.predict_members(archs)
    return predictor.predict(archs)[None]


def _nothing(space: SearchSpace) -> Mapping[str, Any]:
    del space
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictorSpec(Configured):
    """A predictor with its settings. A module of this folder ends with ``PREDICTOR = `` one.

    Attributes:
        make: Class or function; takes a space, settings and ``seed``.
        shared: Further arguments, from the space: what predictors of one process may share.
    """

    make: Callable[..., Predictor]
    shared: Callable[[SearchSpace], Mapping[str, Any]] = field(default=_nothing)

    def start(
        self, space: SearchSpace, seed: int, *, config: Any = None, sharing: bool = False
    ) -> Predictor:
        """Return the predictor, fresh.

        Args:
            space: Of the architectures.
            seed: Of everything random.
            config: Settings in place of the default ones.
            sharing: Whether it may hold on to what all predictors of this process use.
        """
        arguments = self.shared(space) if sharing else {}
        config = self.config if config is None else config
        return self.make(space, config, seed=seed, **arguments)


def check_labels(archs: Sequence[Architecture], scores: Sequence[float]) -> None:
    """Raise ``ValueError`` unless ``scores`` are labels of ``archs`` that can be ranked."""
    if len(archs) != len(scores) or len(set(scores)) < 2:
        raise ValueError(
            "a predictor needs one score an architecture and two different ones; got "
            f"{len(archs)} architectures, {len(scores)} scores, {len(set(scores))} different"
        )


def unfitted() -> ValueError:
    """Return what to raise when there is nothing to predict with."""
    return ValueError("a predictor must be fitted before it predicts; call fit first")
