"""Augmentation on the device: a few large operations a batch, nothing a beat."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ecg_nas import seeds
from ecg_nas.training.config import AugmentConfig
from ecg_nas.training.device_data import DeviceData


@dataclass(frozen=True, slots=True, kw_only=True)
class _Room:
    """The tensors that a batch is made in."""

    x: Tensor
    noise: Tensor
    moved: Tensor
    context: Tensor


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
        self._kept: _Room | None = None

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

    def __call__(self, x: Tensor, context: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return changed copies of the beats ``rows`` of ``x`` and of ``context``.

        They are good until the next call: nothing large is allocated in a step.

        Args:
            x: ``(all beats, channels, samples)``.
            context: ``(all beats, features)``.
            rows: ``(beats,)`` int64.
        """
        config = self._config
        room = self._room(len(rows), x, context)
        x = torch.index_select(x, 0, rows, out=room.x)
        context = torch.index_select(context, 0, rows, out=room.context)
        beats, channels, _ = x.shape
        if config.gain:
            x.mul_(torch.exp(config.gain * self._normal(beats, 1, 1)))
        if config.wander:
            slow = config.wander * self._normal(beats, channels, 3)
            x.add_(torch.matmul(slow, self._drifts, out=room.noise))
        if config.noise:
            x.add_(room.noise.normal_(generator=self.generator).mul_(config.noise))
        if config.shift:
            x = self._shifted(x, room.moved)
        if config.lead_dropout and self._leads > 1:
            x.masked_fill_(self._lost(beats, channels), 0.0)
        if config.context_noise:
            context.add_(config.context_noise * self._normal(*context.shape))
        return x, context

    def _room(self, beats: int, x: Tensor, context: Tensor) -> _Room:
        if self._kept is None or len(self._kept.x) != beats:
            shape = (beats, *x.shape[1:])
            self._kept = _Room(
                x=x.new_empty(shape),
                noise=x.new_empty(shape),
                moved=x.new_empty(shape),
                context=context.new_empty((beats, *context.shape[1:])),
            )
        return self._kept

    def _shifted(self, x: Tensor, moved: Tensor) -> Tensor:
        """Return ``x`` moved by one number of samples, its edge value repeated into the gap."""
        most = self._config.shift
        by = torch.randint(-most, most + 1, (1,), **self._drawn)
        if x.device.type != "cpu":  # where reading the number would wait for the device
            places = (self._places - by).clamp(0, len(self._places) - 1)
            return torch.index_select(x, -1, places, out=moved)
        n = int(by)
        if n > 0:
            moved[..., n:] = x[..., :-n]
            moved[..., :n] = x[..., :1]
        elif n < 0:
            moved[..., :n] = x[..., -n:]
            moved[..., n:] = x[..., -1:]
        return moved if n else x

    def _lost(self, beats: int, channels: int) -> Tensor:
        """Return which channels of which beats belong to a lead that is off: ``(…, …, 1)``.

        A lead that is off throughout has a flat median beat too, so the difference to it is 0.
        """
        lost = torch.rand((beats, 1, 1), **self._drawn) < self._config.lead_dropout
        lead = torch.randint(self._leads, (beats, 1, 1), **self._drawn)
        of_channel = torch.arange(channels, device=lead.device)[:, None] % self._leads
        return lost & (of_channel == lead)

    def _normal(self, *shape: int) -> Tensor:
        return torch.randn(shape, **self._drawn)

    @property
    def _drawn(self) -> dict[str, Any]:
        return {"generator": self.generator, "device": self.generator.device}
