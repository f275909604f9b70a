"""Settings of the predictor, apart from it: reading them must not import torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


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
        top: Share of the labels that counts as the top (see ``_losses.ranking_pairs``).
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
