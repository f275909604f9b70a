"""WeakNAS's predictor: settings here, the network in ``networks.adjacency_mlp``."""

from __future__ import annotations

from dataclasses import dataclass

from ecg_nas.predictor.base import Predictor, PredictorSpec
from search_spaces import SearchSpace


@dataclass(frozen=True, slots=True, kw_only=True)
class WeakMlpConfig:
    """Settings of WeakNAS's predictor, as in its paper and its authors' code.

    Attributes:
        layers: Hidden layers.
        width: Of the hidden layers.
        epochs: Most passes over the labels.
        batch: Architectures a step.
        rate: Adam's learning rate.
        patience: Passes without progress after which training ends.
        tolerance: Least fall of the squared error (of standardised labels) that is progress.
    """

    layers: int = 4
    width: int = 1000
    epochs: int = 100
    batch: int = 200
    rate: float = 1e-3
    patience: int = 10
    tolerance: float = 2e-4


def _make(space: SearchSpace, config: WeakMlpConfig, *, seed: int) -> Predictor:
    from ecg_nas.predictor.networks.adjacency_mlp import (
        WeakMlpPredictor,  # torch takes seconds to import
    )

    return WeakMlpPredictor(space, config, seed=seed)


PREDICTOR = PredictorSpec(make=_make, config=WeakMlpConfig())
