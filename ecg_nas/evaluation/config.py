"""Settings of cheaper scores, apart from them: reading them must not import torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ecg_nas.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyConfig:
    """Whether and when a training ends early.

    Attributes:
        mode: ``off``; ``watch`` only notes the curve; ``stop`` ends trainings.
        first: Epochs before the first reading, 3 or more: the curve has three unknowns.
        agree: Readings in a row that must agree.
        tolerance: Largest difference between them.
        keep_every: Of the held-out normal beats, every k-th is looked at.
    """

    mode: Literal["off", "watch", "stop"] = "off"
    first: int = 3
    agree: int = 3
    tolerance: float = 0.005
    keep_every: int = 10

    def __post_init__(self) -> None:
        for name, least in (("first", 3), ("agree", 1), ("keep_every", 1)):
            if getattr(self, name) < least:
                raise ConfigError(
                    f"early.{name} must be {least} or more; got {getattr(self, name)}"
                )
        if not 0 <= self.tolerance <= 1:
            raise ConfigError(f"early.tolerance must be from 0 to 1; got {self.tolerance}")


@dataclass(frozen=True, slots=True, kw_only=True)
class InheritConfig:
    """Whether candidates start from the weights of others.

    Attributes:
        enabled: Whether they do.
        share: Of the epochs, how many an heir trains for.
    """

    enabled: bool = False
    share: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise ConfigError(f"inherit.share must be above 0, up to 1; got {self.share}")
