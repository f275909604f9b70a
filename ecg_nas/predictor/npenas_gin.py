"""NPENAS's predictor: settings here, the network in ``networks.gin``."""

from __future__ import annotations

from dataclasses import dataclass

from ecg_nas.predictor.base import Predictor, PredictorSpec
from ecg_nas.predictor.encodings.paths import HardEncoder, shared_encoder
from search_spaces import SearchSpace


@dataclass(frozen=True, slots=True, kw_only=True)
class GinConfig:
    """Settings of NPENAS's predictor, as in its paper and its authors' code.

    Attributes:
        layers: Graph layers.
        width: Of the graph layers' node vectors.
        head_width: Of the hidden layer behind them.
        dropout: Before the last layer.
        epochs: Passes over the labels.
        batch: Architectures a step.
        rate: Adam's first learning rate, let down to 0 along a cosine; biases learn twice as fast.
        weight_decay: Of all weights but biases.
    """

    layers: int = 3
    width: int = 32
    head_width: int = 16
    dropout: float = 0.1
    epochs: int = 300
    batch: int = 16
    rate: float = 5e-3
    weight_decay: float = 1e-4


def _make(
    space: SearchSpace, config: GinConfig, *, seed: int, encoder: HardEncoder | None = None
) -> Predictor:
    from ecg_nas.predictor.networks.gin import GinPredictor  # torch takes seconds to import

    return GinPredictor(space, config, seed=seed, encoder=encoder)


PREDICTOR = PredictorSpec(
    make=_make,
    config=GinConfig(),
    shared=lambda space: {"encoder": shared_encoder(space)},
)
