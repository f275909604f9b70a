"""The dual contrastive predictor: settings here, networks in ``networks.contrastive``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ecg_nas.predictor.base import Predictor, PredictorSpec
from ecg_nas.predictor.encodings.paths import HardEncoder, shared_encoder
from search_spaces import SearchSpace


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderConfig:
    """Shape of the predictor's network.

    Attributes:
        members: Networks of the ensemble.
        width: Of the graph layers' node vectors.
        layers: Graph layers in each direction.
        head_width: Of the ranking head's hidden layers.
        projection: Length of the vectors that contrastive pre-training compares.
    """

    members: int = 5
    width: int = 32
    layers: int = 3
    head_width: int = 64
    projection: int = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class DclConfig:
    """Settings of the predictor.

    Attributes:
        encoder: Shape of the network.
        pretraining: Whether stage 1 runs; without it the encoder starts from random weights.
        objective: ``ranking`` (stage 2) or ``regression``, its ablation.
        pretrain_steps: Batches of stage 1.
        pretrain_batch: Architectures a batch; positives are the closest within it.
        pretrain_rate: Learning rate of stage 1.
        temperature: Of the logits of stage 1.
        epochs: Passes over all pairs of labels in stage 2.
        rate: Peak learning rate of stage 2, reached early and let down to 0.
        encoder_rate: Factor on ``rate`` for the pre-trained encoder.
        weight_decay: AdamW's.
        top: Share of the labels that counts as the top (see ``networks._losses.ranking_pairs``).
    """

    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    pretraining: bool = True
    objective: Literal["ranking", "regression"] = "ranking"
    pretrain_steps: int = 100
    pretrain_batch: int = 128
    pretrain_rate: float = 2e-3
    temperature: float = 0.07
    epochs: int = 120
    rate: float = 5e-3
    encoder_rate: float = 1.0
    weight_decay: float = 1e-2
    top: float = 0.25


def _make(
    space: SearchSpace, config: DclConfig, *, seed: int, encoder: HardEncoder | None = None
) -> Predictor:
    from ecg_nas.predictor.networks.contrastive import DclPredictor  # torch takes seconds to import

    return DclPredictor(space, config, seed=seed, encoder=encoder)


PREDICTOR = PredictorSpec(
    make=_make,
    config=DclConfig(),
    shared=lambda space: {"encoder": shared_encoder(space)},
    # Ablations: one stage left out.
    variants={
        "no-pretraining": {"pretraining": False},
        "regression": {"objective": "regression"},
    },
)
