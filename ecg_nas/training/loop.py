"""The hot loop: train one network, and ask it for its predictions."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ecg_nas import seeds
from ecg_nas.training import precision, recipe
from ecg_nas.training.allocator import keep_freed_memory
from ecg_nas.training.augment import Augment
from ecg_nas.training.config import TrainConfig
from ecg_nas.training.data import DeviceData, class_weights, epoch_steps, epochs, thin


class DivergedError(RuntimeError):
    """The loss became infinite or not a number."""


def check_finite(loss: float, where: str) -> None:
    """Refuse a mean loss that is not finite.

    Raises:
        DivergedError: If it is not; ``where`` goes into the message.
    """
    if not math.isfinite(loss):
        raise DivergedError(f"the loss became {loss} in {where}")


_isolating = threading.RLock()  # torch's random state is one for all threads


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one CPU thread inside: sums are then added in one order on every machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def isolated(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch and compute on one CPU thread inside; leave torch's global state as it was.

    So a training is bit-equal from run to run on a CPU. Parallelism is processes there; threads
    wait for each other here.
    """
    cuda = [device.index or 0] if device.type == "cuda" else []
    with _isolating, torch.random.fork_rng(devices=cuda), one_thread():
        torch.manual_seed(seed)
        yield


def train(
    build: Callable[[], nn.Module],
    data: DeviceData,
    rows: NDArray[np.int64],
    config: TrainConfig,
    *,
    seed: int,
    steps: int | None = None,
    bfloat16: bool = False,
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
        bfloat16: Whether convolutions and products run in that precision.
        on_epoch: Called with the number of epochs done and the mean loss of the last.

    Raises:
        DivergedError: If the loss is not finite at the end of an epoch.
    """
    keep_freed_memory()
    kept = thin(data, rows, config.keep_every)
    steps = steps or epoch_steps([kept], config.batch)
    weights = class_weights(data, rows, kept, config)
    order = torch.Generator().manual_seed(seeds.derive(seed, "order"))
    augment = Augment(
        config.augment,
        samples=data.x.shape[-1],
        leads=data.leads,
        device=data.device,
        seed=seeds.derive(seed, "augment"),
    )
    with isolated(seeds.derive(seed, "weights"), data.device):
        module = build().to(data.device)
        module.train()
        precision.prepare(module, data.device, bfloat16=bfloat16)
        optimizer = recipe.optimizer(list(module.parameters()), config)
        average = recipe.Average([*module.parameters(), *module.buffers()], config.ema)
        step, total = 0, steps * config.epochs
        for epoch, batches in enumerate(epochs(kept, config, steps, order)):
            # Summed on the device and read once an epoch: reading waits for the device.
            loss_sum = torch.zeros((), device=data.device)
            for batch in batches.to(data.device):
                x, context = augment(data.x[batch], data.context[batch])
                with precision.of_forward(data.device, bfloat16=bfloat16):
                    logits = module(x, context)
                loss = recipe.loss(logits, data.y[batch], weights, config.label_smoothing)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(module.parameters(), config.clip)
                for group in optimizer.param_groups:
                    group["lr"] = recipe.rate(step / total, config)
                optimizer.step()
                average.update()
                loss_sum += loss.detach()
                step += 1
            mean = float(loss_sum) / steps
            check_finite(mean, f"epoch {epoch + 1}")
            if on_epoch is not None:
                on_epoch(epoch + 1, mean)
        average.apply()
        precision.restore(module)
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
    with one_thread(), torch.inference_mode():
        index = torch.from_numpy(rows).to(data.device)
        outputs = torch.cat(
            [module(data.x[part], data.context[part]) for part in torch.split(index, batch)]
        )
        if not bool(torch.isfinite(outputs).all()):
            raise DivergedError("the trained network's output is not finite")
        found: NDArray[np.float32] = outputs.float().cpu().numpy()
    return found
