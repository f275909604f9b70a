"""What a performance predictor is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from search_spaces import Architecture


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
