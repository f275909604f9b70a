"""The one training recipe, as settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ecg_nas.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentConfig:
    """Changes that a heartbeat survives: what electrodes, breathing and R-peak marks do to it.

    Amplitudes are relative to the record's R wave, which scaling has brought to about 1.

    Attributes:
        gain: Standard deviation of the logarithm of one gain a beat, all channels alike.
        wander: Standard deviation of the coefficients of a slow drift, one a channel and beat.
        noise: Standard deviation of white noise.
        shift: Largest shift in samples, either way; one shift a batch.
        context_noise: Standard deviation of noise on the rhythm features.
        lead_dropout: Share of the beats that are shown without one of their leads, if there are
            several.
    """

    gain: float = 0.1
    wander: float = 0.05
    noise: float = 0.02
    shift: int = 1
    context_noise: float = 0.02
    lead_dropout: float = 0.0

    def __post_init__(self) -> None:
        for name in ("gain", "wander", "noise", "shift", "context_noise"):
            _require(getattr(self, name) >= 0, f"augment.{name}", "0 or more", getattr(self, name))
        _require(
            0 <= self.lead_dropout < 1, "augment.lead_dropout", "in 0 ≤ x < 1", self.lead_dropout
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """How one network is trained: AdamW, a warm-up and a cosine, weighted cross entropy.

    Attributes:
        epochs: Passes over the thinned training side.
        batch: Beats a step.
        learning_rate: Peak of the schedule.
        warmup: Share of the steps in which the rate rises from zero.
        weight_decay: AdamW's, on matrices and kernels only.
        label_smoothing: Share of the target given to all classes alike.
        keep_every: Of the normal beats, every k-th is trained on; of the others, all.
        class_mass: A class with n beats weighs n ** class_mass in the loss as a whole; 1 leaves
            the classes as frequent as they are, 0 makes them equal. n counts the beats before
            thinning, so that thinning changes the cost and not the operating point.
        patient_mass: Within a class, a patient with n beats of it weighs n ** patient_mass; 1
            leaves patients with as many beats as they have, 0 makes them equal.
        max_weight: Largest weight of one beat, relative to the mean: eight Q beats must not rule.
        clip: Largest norm of a step's gradient.
        ema: Decay a step of the averaged weights that are kept at the end; 0 keeps the last.
        augment: What is done to the beats.
    """

    epochs: int = 6
    batch: int = 128
    learning_rate: float = 3e-3
    warmup: float = 0.2
    weight_decay: float = 0.05
    label_smoothing: float = 0.05
    keep_every: int = 4
    class_mass: float = 0.5
    patient_mass: float = 0.5
    max_weight: float = 10.0
    clip: float = 2.0
    ema: float = 0.0
    augment: AugmentConfig = field(default_factory=AugmentConfig)

    def __post_init__(self) -> None:
        for name in ("epochs", "batch", "keep_every"):
            _require(getattr(self, name) >= 1, name, "1 or more", getattr(self, name))
        for name in ("learning_rate", "max_weight", "clip"):
            _require(getattr(self, name) > 0, name, "above 0", getattr(self, name))
        for name in ("warmup", "label_smoothing", "ema"):
            _require(0 <= getattr(self, name) < 1, name, "in 0 ≤ x < 1", getattr(self, name))
        for name in ("weight_decay", "class_mass", "patient_mass"):
            _require(getattr(self, name) >= 0, name, "0 or more", getattr(self, name))


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """How the trainings of a recipe are carried out.

    It changes no meaning, but rounding, so a run keeps what ``auto`` stood for when it began.

    Attributes:
        folds: ``together`` trains the folds of a candidate as one batched model, ``alone`` one
            after the other; ``auto`` takes ``together`` on CUDA.
        precision: ``bfloat16`` of convolutions and products, the rest and all weights staying
            float32; ``auto`` takes it where the device has matrix units for it.
    """

    folds: Literal["auto", "alone", "together"] = "auto"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"


def _require(holds: bool, name: str, what: str, value: object) -> None:
    if not holds:
        raise ConfigError(f"training setting {name} must be {what}; got {value}")
