"""The hot loop: train one network, and ask it for its predictions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ecg_nas import seeds
from ecg_nas.training import precision, recipe
from ecg_nas.training.allocator import keep_freed_memory
from ecg_nas.training.augment import Augment
from ecg_nas.training.config import TrainConfig
from ecg_nas.training.device_data import DeviceData, beat_weights, epoch_steps, epochs, thin
from ecg_nas.training.isolation import OwnRandomness, one_thread

Start: TypeAlias = Callable[[nn.Module], None]
"""Changes an untrained network, in place."""


class DivergedError(RuntimeError):
    """The loss became infinite or not a number."""


def check_finite(loss: float, where: str) -> None:
    """Refuse a mean loss that is not finite.

    Raises:
        DivergedError: If it is not; ``where`` goes into the message.
    """
    if not math.isfinite(loss):
        raise DivergedError(f"the loss became {loss} in {where}")


class Training:
    """One network under training, an epoch at a time.

    The result depends on the arguments only (bit-equal on a CPU), also when other trainings go on
    in between; torch's global state is left alone.

    Args:
        build: Makes the untrained network from torch's random state.
        data: A split on its device.
        rows: ``(n,)`` beats to train on, before thinning.
        config: The recipe.
        seed: Seed of the initial weights, order, dropout and augmentation.
        steps: Steps of an epoch; by default enough to visit every kept beat.
        bfloat16: Whether convolutions and products run in that precision.
        start: Changes the untrained network: the weights it starts from.
    """

    def __init__(
        self,
        build: Callable[[], nn.Module],
        data: DeviceData,
        rows: NDArray[np.int64],
        config: TrainConfig,
        *,
        seed: int,
        steps: int | None = None,
        bfloat16: bool = False,
        start: Start | None = None,
    ) -> None:
        keep_freed_memory()
        kept = thin(data, rows, config.keep_every)
        self._data, self._config, self._bfloat16 = data, config, bfloat16
        self._steps = steps or epoch_steps([kept], config.batch)
        self._weights = beat_weights(data, rows, kept, config)
        order = torch.Generator().manual_seed(seeds.derive(seed, "order"))
        self._epochs = epochs(kept, config, self._steps, order)
        self._augment = Augment.of(data, config.augment, seed)
        self._randomness = OwnRandomness(seeds.derive(seed, "weights"), data.device)
        with self._randomness.active():
            self.module = build()
            if start is not None:
                start(self.module)
            self.module.to(data.device)
        precision.prepare(self.module, data.device, bfloat16=bfloat16)
        self._optimizer = recipe.optimizer(list(self.module.parameters()), config)
        state = [*self.module.parameters(), *self.module.buffers()]
        self._average = recipe.Average(state, config.ema)
        self._done = 0  # steps

    def epoch(self) -> float:
        """Train for one epoch and return its mean loss.

        Raises:
            DivergedError: If that is not finite.
        """
        config, data = self._config, self._data
        self.module.train()
        # Summed on the device and read once an epoch: reading waits for the device.
        loss_sum = torch.zeros((), device=data.device)
        with self._randomness.active():
            for batch in next(self._epochs).to(data.device):
                x, context = self._augment(data.x, data.context, batch)
                with precision.of_forward(data.device, bfloat16=self._bfloat16):
                    logits = self.module(x, context)
                loss = recipe.loss(
                    logits, data.y[batch], self._weights[batch], config.label_smoothing
                )
                self._optimizer.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(self.module.parameters(), config.clip)
                for group in self._optimizer.param_groups:
                    group["lr"] = recipe.rate(self._done / (self._steps * config.epochs), config)
                self._optimizer.step()
                self._average.update()
                loss_sum += loss.detach()
                self._done += 1
        mean = float(loss_sum) / self._steps
        check_finite(mean, f"epoch {self._done // self._steps}")
        return mean

    def finish(self) -> nn.Module:
        """Return the network as it is to be used, in evaluation mode."""
        self._average.apply()
        precision.restore(self.module)
        return self.module.eval()


def train(
    build: Callable[[], nn.Module],
    data: DeviceData,
    rows: NDArray[np.int64],
    config: TrainConfig,
    *,
    seed: int,
    steps: int | None = None,
    bfloat16: bool = False,
    on_epoch: Callable[[int, float], None] = lambda done, loss: None,
) -> nn.Module:
    """Train a network to the end and return it in evaluation mode; see ``Training``.

    Args:
        build: Makes the untrained network from torch's random state.
        data: A split on its device.
        rows: ``(n,)`` beats to train on, before thinning.
        config: The recipe.
        seed: Of everything random.
        steps: Steps of an epoch.
        bfloat16: Whether convolutions and products run in that precision.
        on_epoch: Called with the number of epochs done and the mean loss of the last.

    Raises:
        DivergedError: If the loss is not finite at the end of an epoch.
    """
    training = Training(build, data, rows, config, seed=seed, steps=steps, bfloat16=bfloat16)
    for done in range(1, config.epochs + 1):
        on_epoch(done, training.epoch())
    return training.finish()


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
