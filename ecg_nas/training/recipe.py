"""The parts of the one training recipe, for networks trained alone and for folds in one batch."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ecg_nas.training.config import TrainConfig


def loss(logits: Tensor, y: Tensor, weights: Tensor, smoothing: float) -> Tensor:
    """Return the cross entropy of a batch of weighted beats.

    Unlike ``nn.CrossEntropyLoss`` the smoothed share is not weighted (a rare class would
    be pushed up on every beat), and the sum is divided by the beats, not by their weights (else a
    batch that happens to hold a rare beat would count less in all its others).

    Args:
        logits: ``(beats, classes)``.
        y: ``(beats,)`` int64.
        weights: ``(beats,)``.
        smoothing: Share of the target given to all classes alike.
    """
    log_p = torch.log_softmax(logits.float(), dim=1)
    hit = log_p.gather(1, y[:, None])[:, 0]
    per_beat = -(1 - smoothing) * hit - smoothing * log_p.mean(dim=1)
    return (weights * per_beat).mean()


def optimizer(
    parameters: Sequence[Tensor], config: TrainConfig, *, rate: Tensor | None = None
) -> torch.optim.AdamW:
    """Return AdamW on ``parameters``.

    Decay shrinks what multiplies the signal; biases and normalisation have no scale to shrink.

    Args:
        parameters: Those of one network or, with ``rate``, of several: their first axis counts
            networks then.
        config: The recipe.
        rate: The learning rate on the device, where a recorded step reads it.
    """
    scale = 1 if rate is None else 2  # axes of a parameter that only scales or shifts channels
    learned = [p for p in parameters if p.requires_grad]
    groups = [
        {"params": [p for p in learned if p.ndim > scale], "weight_decay": config.weight_decay},
        {"params": [p for p in learned if p.ndim <= scale], "weight_decay": 0.0},
    ]
    on_gpu = learned[0].device.type == "cuda"
    return torch.optim.AdamW(
        groups,
        lr=config.learning_rate if rate is None else rate,
        fused=True,
        capturable=rate is not None and on_gpu,
    )


def rate(progress: float, config: TrainConfig) -> float:
    """Return the learning rate at ``progress`` (0..1): a linear rise, then half a cosine to 0."""
    if progress < config.warmup:
        return config.learning_rate * max(progress / config.warmup, 0.01)
    down = (progress - config.warmup) / (1 - config.warmup)
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * down))


def clip_folds(gradients: Sequence[Tensor], limit: float) -> None:
    """Scale each network's gradient down to a norm of ``limit``, in place.

    As ``nn.utils.clip_grad_norm_``, but for several networks at once.

    Args:
        gradients: The first axis counts networks.
        limit: Largest norm.
    """
    rows = [[g[network] for g in gradients] for network in range(len(gradients[0]))]
    # A few operations for all tensors of all networks: one for each would be a third of a step.
    norms = torch.stack(torch._foreach_norm([g for row in rows for g in row])).view(len(rows), -1)
    factors = (limit / (torch.linalg.vector_norm(norms, dim=1) + 1e-6)).clamp(max=1)
    for row, factor in zip(rows, factors, strict=True):
        torch._foreach_mul_(row, factor)


class Average:
    """Moving average of a network's weights and of its normalisation statistics.

    Args:
        tensors: Parameters and buffers; integers among them are left alone.
        decay: A step; 0 for no average.
    """

    def __init__(self, tensors: Sequence[Tensor], decay: float) -> None:
        self._decay = decay
        self._live = [t.detach() for t in tensors if t.is_floating_point()] if decay else []
        self._mean = [t.clone() for t in self._live]
        self._updates = 0

    def update(self) -> None:
        """Take in the tensors as they are now."""
        if self._live:
            # Early on, forget faster: the initial weights are no part of the answer.
            self._updates += 1
            decay = min(self._decay, self._updates / (self._updates + 9))
            torch._foreach_lerp_(self._mean, self._live, 1 - decay)

    def apply(self) -> None:
        """Put the average in the tensors' place."""
        if self._live:
            torch._foreach_copy_(self._live, self._mean)
