"""BANANAS's predictor: settings here, the ensemble in ``networks.path_mlp``."""

from __future__ import annotations

from dataclasses import dataclass

from ecg_nas.predictor.base import Predictor, PredictorSpec
from search_spaces import SearchSpace


@dataclass(frozen=True, slots=True, kw_only=True)
class PathMlpConfig:
    """Settings of BANANAS's predictor, as in its paper and its authors' code.

    Attributes:
        members: Networks of the ensemble.
        layers: Hidden layers of each.
        width: Of the hidden layers.
        epochs: Passes over the labels.
        batch: Architectures a step.
        rate: Adam's learning rate.
        max_codes: Most paths that the encoding tells apart, the shortest first.
    """

    members: int = 5
    layers: int = 10
    width: int = 20
    epochs: int = 150
    batch: int = 32
    rate: float = 1e-2
    max_codes: int = 1000


def _make(space: SearchSpace, config: PathMlpConfig, *, seed: int) -> Predictor:
    from ecg_nas.predictor.networks.path_mlp import (
        PathMlpPredictor,  # torch takes seconds to import
    )

    return PathMlpPredictor(space, config, seed=seed)


PREDICTOR = PredictorSpec(make=_make, config=PathMlpConfig())
