"""Augmentation on the device: a few large operations a batch, nothing a beat."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from ecg_nas import seeds
from ecg_nas.training.config import AugmentConfig
from ecg_nas.training.data import DeviceData


class Augment:
    """Draws and applies the changes of an ``AugmentConfig``.

    Owns its generator, so its noise neither depends on nor disturbs anything else that is random.

    Nothing is read back from the device, so that a step can be recorded as a graph.

    Args:
        config: How much of what.
        samples: Length of a window.
        leads: Leads of a recording; channel *c* shows lead *c* modulo ``leads``.
        device: Where the batches are.
        seed: Seed of the noise.
    """

    def __init__(
        self,
        config: AugmentConfig,
        *,
        samples: int,
        leads: int,
        device: torch.device,
        seed: int,
    ) -> None:
        self._config = config
        self._leads = leads
        self.generator = torch.Generator(device).manual_seed(seed)
        self._places = torch.arange(samples, device=device)
        # Half a period and less over the window: breathing and the electrode, never a P or T wave.
        t = torch.linspace(0, math.pi, samples, device=device)
        self._drifts = torch.stack([torch.ones_like(t), torch.cos(t), torch.sin(t)])

    @classmethod
    def of(cls, data: DeviceData, config: AugmentConfig, seed: int) -> Augment:
        """Return what changes the beats of ``data`` in the training with ``seed``."""
        return cls(
            config,
            samples=data.x.shape[-1],
            leads=data.leads,
            device=data.device,
            seed=seeds.derive(seed, "augment"),
        )

    def __call__(self, x: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """Return changed copies of ``x (beats, channels, samples)`` and ``context``."""
        config, (beats, channels, _) = self._config, x.shape
        if config.gain:
            x = x * torch.exp(config.gain * self._normal(beats, 1, 1))
        if config.wander:
            x = x + config.wander * self._normal(beats, channels, 3) @ self._drifts
        if config.noise:
            x = x + config.noise * self._normal(*x.shape)
        if config.shift:
            x = self._shifted(x)
        if config.lead_dropout and self._leads > 1:
            x = self._without_a_lead(x)
        if config.context_noise:
            context = context + config.context_noise * self._normal(*context.shape)
        return x, context

    def _shifted(self, x: Tensor) -> Tensor:
        """Return ``x`` moved by one number of samples, its edge value repeated into the gap."""
        most = self._config.shift
        by = torch.randint(-most, most + 1, (1,), **self._drawn)
        return x.index_select(-1, (self._places - by).clamp(0, len(self._places) - 1))

    def _without_a_lead(self, x: Tensor) -> Tensor:
        """Return ``x`` with all channels of one lead at 0 in some beats.

        A lead that is off throughout has a flat median beat too, so the difference to it is 0.
        """
        beats, channels, _ = x.shape
        lost = torch.rand((beats, 1, 1), **self._drawn) < self._config.lead_dropout
        lead = torch.randint(self._leads, (beats, 1, 1), **self._drawn)
        of_channel = torch.arange(channels, device=x.device)[:, None] % self._leads
        return torch.where(lost & (of_channel == lead), 0.0, x)

    def _normal(self, *shape: int) -> Tensor:
        return torch.randn(shape, **self._drawn)

    @property
    def _drawn(self) -> dict[str, Any]:
        return {"generator": self.generator, "device": self.generator.device}
