"""The hot loop: train one network, and ask it for its predictions."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ecg_nas import seeds
from ecg_nas.training.augment import Augment
from ecg_nas.training.config import TrainConfig
from ecg_nas.training.data import DeviceData, class_weights, epoch_steps, epochs, thin


class DivergedError(RuntimeError):
    """The loss became infinite or not a number."""


@contextmanager
def isolated(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch and train on one CPU thread inside; leave torch's global state as it was.

    One thread: sums are then added in one order on every machine, so a training is bit-equal from
    run to run. Parallelism is processes.
    """
    threads = torch.get_num_threads()
    cuda = [device.index or 0] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


def train(
    build: Callable[[], nn.Module],
    data: DeviceData,
    rows: NDArray[np.int64],
    config: TrainConfig,
    *,
    seed: int,
    steps: int | None = None,
    on_epoch: Callable[[int, float], None] | None = None,
) -> nn.Module:
    """Train a network on the beats ``rows`` of ``data`` and return it in evaluation mode.

    The result depends on the arguments only (bit-equal on a CPU); torch's global state is left
    alone.

    Args:
        build: Makes the untrained network from torch's random state.
        data: A split on its device.
        rows: ``(n,)`` beats to train on, before thinning.
        config: The recipe.
        seed: Seed of the initial weights, order, dropout and augmentation.
        steps: Steps of an epoch; by default enough to visit every kept beat.
        on_epoch: Called with the number of epochs done and the mean loss of the last.

    Raises:
        DivergedError: If the loss is not finite at the end of an epoch.
    """
    kept = thin(data, rows, config.keep_every)
    steps = steps or epoch_steps([kept], config.batch)
    weights = class_weights(data, rows, kept, config)
    order = torch.Generator().manual_seed(seeds.derive(seed, "order"))
    augment = Augment(
        config.augment,
        samples=data.x.shape[-1],
        device=data.device,
        seed=seeds.derive(seed, "augment"),
    )
    with isolated(seeds.derive(seed, "weights"), data.device):
        module = build().to(data.device)
        module.train()
        optimizer = _optimizer(module, config)
        average = _Average(module, config.ema)
        step, total = 0, steps * config.epochs
        for epoch, batches in enumerate(epochs(kept, config, steps, order)):
            # Summed on the device and read once an epoch: reading waits for the device.
            loss_sum = torch.zeros((), device=data.device)
            for batch in batches.to(data.device):
                x, context = augment(data.x[batch], data.context[batch])
                loss = _loss(module(x, context), data.y[batch], weights, config.label_smoothing)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(module.parameters(), config.clip)
                for group in optimizer.param_groups:
                    group["lr"] = _rate(step / total, config)
                optimizer.step()
                average.update()
                loss_sum += loss.detach()
                step += 1
            mean = float(loss_sum) / steps
            if not math.isfinite(mean):
                raise DivergedError(f"the loss became {mean} in epoch {epoch + 1}")
            if on_epoch is not None:
                on_epoch(epoch + 1, mean)
        average.apply()
    return module.eval()


def predict(
    module: nn.Module, data: DeviceData, rows: NDArray[np.int64], batch: int = 1024
) -> NDArray[np.int64]:
    """Return the class that ``module`` gives each of the beats ``rows``: ``(n,)`` int64.

    Raises:
        DivergedError: If an output is not finite.
    """
    predicted: NDArray[np.int64] = logits(module, data, rows, batch).argmax(axis=1)
    return predicted


def logits(
    module: nn.Module, data: DeviceData, rows: NDArray[np.int64], batch: int = 1024
) -> NDArray[np.float32]:
    """Return the outputs of ``module`` for the beats ``rows``: ``(n, classes)`` float32.

    Raises:
        DivergedError: If an output is not finite.
    """
    module.eval()
    with isolated(0, data.device), torch.inference_mode():
        index = torch.from_numpy(rows).to(data.device)
        outputs = torch.cat(
            [module(data.x[part], data.context[part]) for part in torch.split(index, batch)]
        )
        if not bool(torch.isfinite(outputs).all()):
            raise DivergedError("the trained network's output is not finite")
        found: NDArray[np.float32] = outputs.float().cpu().numpy()
    return found


def _loss(logits: Tensor, y: Tensor, weights: Tensor, smoothing: float) -> Tensor:
    """Cross entropy, weighted by the class of the beat.

    Unlike ``nn.CrossEntropyLoss`` the smoothed share is not weighted by class (a rare class would
    be pushed up on every beat), and the sum is divided by the beats, not by their weights (else a
    batch that happens to hold a rare beat would count less in all its others).
    """
    log_p = torch.log_softmax(logits, dim=1)
    hit = log_p.gather(1, y[:, None])[:, 0]
    per_beat = -(1 - smoothing) * hit - smoothing * log_p.mean(dim=1)
    return (weights[y] * per_beat).mean()


def _optimizer(module: nn.Module, config: TrainConfig) -> torch.optim.AdamW:
    # Decay shrinks what multiplies the signal; biases and normalisation have no scale to shrink.
    parameters = [p for p in module.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate, fused=True)


def _rate(progress: float, config: TrainConfig) -> float:
    """Learning rate at ``progress`` (0..1): a linear rise, then half a cosine to zero."""
    if progress < config.warmup:
        return config.learning_rate * max(progress / config.warmup, 0.01)
    down = (progress - config.warmup) / (1 - config.warmup)
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * down))


class _Average:
    """Moving average of a network's weights and of its normalisation statistics."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self._decay = decay
        tensors = [*module.parameters(), *module.buffers()] if decay else []
        self._live = [t.detach() for t in tensors if t.is_floating_point()]
        self._mean = [t.clone() for t in self._live]
        self._updates = 0

    def update(self) -> None:
        if self._live:
            # Early on, forget faster: the initial weights are no part of the answer.
            self._updates += 1
            decay = min(self._decay, self._updates / (self._updates + 9))
            torch._foreach_lerp_(self._mean, self._live, 1 - decay)

    def apply(self) -> None:
        if self._live:
            torch._foreach_copy_(self._live, self._mean)
