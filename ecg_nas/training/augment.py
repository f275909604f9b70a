"""Augmentation on the device: a few large operations a batch, nothing a beat."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ecg_nas.training.config import AugmentConfig


class Augment:
    """Draws and applies the changes of an ``AugmentConfig``.

    Owns its generator, so its noise neither depends on nor disturbs anything else that is random.

    Args:
        config: How much of what.
        samples: Length of a window.
        device: Where the batches are.
        seed: Seed of the noise.
    """

    def __init__(
        self, config: AugmentConfig, *, samples: int, device: torch.device, seed: int
    ) -> None:
        self._config = config
        self._generator = torch.Generator(device).manual_seed(seed)
        # Shifts are drawn on the host: a slice needs its number there.
        self._host = torch.Generator().manual_seed(seed)
        # Half a period and less over the window: breathing and the electrode, never a P or T wave.
        t = torch.linspace(0, math.pi, samples, device=device)
        self._drifts = torch.stack([torch.ones_like(t), torch.cos(t), torch.sin(t)])

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
            x = _shifted(x, self._integer(-config.shift, config.shift))
        if config.context_noise:
            context = context + config.context_noise * self._normal(*context.shape)
        return x, context

    def _normal(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self._generator, device=self._generator.device)

    def _integer(self, low: int, high: int) -> int:
        return int(torch.randint(low, high + 1, (), generator=self._host))


def _shifted(x: Tensor, by: int) -> Tensor:
    """Return ``x`` moved right by ``by`` samples, its edge value repeated into the gap."""
    if by == 0:
        return x
    if by > 0:
        edge = x[..., :1].expand(*x.shape[:-1], by)
        return torch.cat([edge, x[..., :-by]], dim=-1)
    edge = x[..., -1:].expand(*x.shape[:-1], -by)
    return torch.cat([x[..., -by:], edge], dim=-1)
