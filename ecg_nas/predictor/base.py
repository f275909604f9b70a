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

    @abstractmethod
    def pretrain(self, archs: Sequence[Architecture]) -> None:
        """Learn from unlabelled architectures (once, before the first ``fit``)."""

    @abstractmethod
    def fit(self, archs: Sequence[Architecture], scores: Sequence[float]) -> None:
        """Learn to rank from labels; a later call starts again from the pre-trained state."""

    @abstractmethod
    def predict(self, archs: Sequence[Architecture]) -> NDArray[np.float64]:
        """Return one score an architecture: their order matters, their scale does not."""
