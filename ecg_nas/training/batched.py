"""Train the folds of one candidate as one batched model.

Small networks leave a GPU idle: most of a step is the launching of kernels. The folds of a
candidate have the same shapes, so ``torch.func`` runs them in the same kernels (grouped
convolutions, batched products), and the whole step, from looking up the beats to the new weights,
is recorded once as a CUDA graph and replayed. But for the recording nothing waits for the device
within an epoch.

Every fold keeps its own initial weights, order, noise, beat weights and gradient norm: but for
rounding it is the training that ``loop.train`` gives it alone.

References:
    Wang, Yang, Zheng, *Horizontally Fused Training Array*, MLSys 2021 (arXiv 2102.02344), for the
    fusing of networks of one shape.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from ecg_nas import seeds
from ecg_nas.training import gpu, norms, precision, recipe
from ecg_nas.training.augment import Augment
from ecg_nas.training.config import TrainConfig
from ecg_nas.training.device_data import DeviceData, beat_weights, epochs, thin
from ecg_nas.training.isolation import OwnRandomness, one_thread
from ecg_nas.training.loop import Start, check_finite

_EAGER_STEPS = 3  # before a step is recorded: libraries choose and allocate in the first ones


class FoldBatch:
    """Networks of one shape behind one call.

    Args:
        modules: At least one, on the device; their weights are copied.
    """

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        self.parameters: dict[str, Tensor]
        self.buffers: dict[str, Tensor]
        self.parameters, self.buffers = stack_module_state(list(modules))
        self._modules = modules
        self._shape = deepcopy(modules[0]).to("meta")
        norms.side_by_side(self._shape)

    def losses(
        self, x: Tensor, context: Tensor, y: Tensor, weights: Tensor, smoothing: float
    ) -> Tensor:
        """Return the loss of each network on its own beats, ``(folds,)``; folds come first."""

        def one(
            parameters: dict[str, Tensor], buffers: dict[str, Tensor], *batch: Tensor
        ) -> Tensor:
            logits = functional_call(self._shape, (parameters, buffers), batch[:2])
            return recipe.loss(logits, batch[2], batch[3], smoothing)

        found: Tensor = vmap(one)(self.parameters, self.buffers, x, context, y, weights)
        return found

    def modules(self) -> list[nn.Module]:
        """Return the networks, each with its weights and statistics of now."""
        with torch.no_grad():
            for fold, module in enumerate(self._modules):
                own = dict(module.named_parameters()) | dict(module.named_buffers())
                for name, stacked in (self.parameters | self.buffers).items():
                    own[name].copy_(stacked[fold])
        return list(self._modules)


class FoldsTraining:
    """Networks of one architecture under training, a fold each, an epoch at a time.

    Args:
        build: Makes the untrained network from torch's random state.
        data: A split on its device.
        folds: Beats to train on, before thinning, one array a fold.
        config: The recipe.
        fold_seeds: Seed of each fold's initial weights, order and augmentation.
        steps: Steps of an epoch, the same for all folds.
        bfloat16: Whether convolutions and products run in that precision.
        starts: For each fold, what changes the untrained network: the weights it starts from.
    """

    def __init__(
        self,
        build: Callable[[], nn.Module],
        data: DeviceData,
        folds: Sequence[NDArray[np.int64]],
        config: TrainConfig,
        *,
        fold_seeds: Sequence[int],
        steps: int,
        bfloat16: bool = False,
        starts: Sequence[Start] | None = None,
    ) -> None:
        kept = [thin(data, rows, config.keep_every) for rows in folds]
        self._config, self._device, self._steps = config, data.device, steps
        modules = [
            _built(build, data.device, seed, starts[fold] if starts else None)
            for fold, seed in enumerate(fold_seeds)
        ]
        self._step = _Step(modules, data, config, fold_seeds, bfloat16=bfloat16)
        self._step.weights = torch.stack(
            [beat_weights(data, r, k, config) for r, k in zip(folds, kept, strict=True)]
        )
        self._orders = [
            epochs(rows, config, steps, torch.Generator().manual_seed(seeds.derive(seed, "order")))
            for rows, seed in zip(kept, fold_seeds, strict=True)
        ]
        self._run = _Graphed(self._step) if data.device.type == "cuda" else self._step
        self._done = 0  # steps

    def epoch(self) -> list[float]:
        """Train for one epoch and return each fold's mean loss.

        Raises:
            DivergedError: If one is not finite.
        """
        step, total = self._step, self._steps * self._config.epochs
        batches = _together([next(order) for order in self._orders]).to(self._device)
        step.loss_sum.zero_()
        with one_thread():
            for batch in batches:  # (folds, beats)
                step.take(batch)
                step.rate.fill_(recipe.rate(self._done / total, self._config))
                self._run()
                step.average.update()
                self._done += 1
        means: list[float] = (step.loss_sum / self._steps).tolist()
        for fold, mean in enumerate(means):
            check_finite(mean, f"epoch {self._done // self._steps} of fold {fold + 1}")
        return means

    def networks(self) -> list[nn.Module]:
        """Return the networks as they are now, in evaluation mode."""
        return [module.eval() for module in self._step.model.modules()]

    def finish(self) -> list[nn.Module]:
        """Return the networks as they are to be used, in evaluation mode."""
        self._step.average.apply()
        return self.networks()


def peak_bytes(
    build: Callable[[], nn.Module], data: DeviceData, config: TrainConfig, *, folds: int
) -> int:
    """Return about how much device memory ``FoldsTraining`` takes beside the data, without trying.

    A step of one fold is played on tensors without content. What its backward pass keeps is
    counted, and as much again for what it makes.
    """
    with torch.device("meta"):
        model = FoldBatch([build().train()])

    def like(tensor: Tensor) -> Tensor:
        shape = (1, config.batch, *tensor.shape[1:])
        return torch.empty(shape, dtype=tensor.dtype, device="meta")

    x, context, y = like(data.x), like(data.context), like(data.y)
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage._cdata] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        weights = torch.empty((1, config.batch), device="meta")
        losses = model.losses(x, context, y, weights, config.label_smoothing)
    del losses
    state = sum(value.nbytes for value in model.parameters.values())
    # Weights, gradients, both moments of AdamW and the average; the libraries' working space.
    return folds * (2 * sum(kept.values()) + 5 * state + 2 * x.nbytes) + 2**26


def _built(
    build: Callable[[], nn.Module], device: torch.device, seed: int, start: Start | None
) -> nn.Module:
    with OwnRandomness(seeds.derive(seed, "weights"), device).active():
        module = build()
    if start is not None:
        start(module)
    return module.to(device).train()


def _together(parts: Sequence[Tensor]) -> Tensor:
    """Return the folds' ``(steps, beats)`` side by side, as many beats as the smallest fold has."""
    beats = min(part.shape[1] for part in parts)
    return torch.stack([part[:, :beats] for part in parts], dim=1)


class _Step:
    """One step of all folds on tensors that stay where they are, as a graph needs them."""

    weights: Tensor  # (folds, all beats)
    batch: Tensor | None = None  # (folds, beats) rows of the data

    def __init__(
        self,
        modules: Sequence[nn.Module],
        data: DeviceData,
        config: TrainConfig,
        fold_seeds: Sequence[int],
        *,
        bfloat16: bool,
    ) -> None:
        self.data, self.config = data, config
        self.bfloat16 = bfloat16
        self.model = FoldBatch(modules)
        self.augments = [Augment.of(data, config.augment, seed) for seed in fold_seeds]
        self.rate = torch.zeros((), device=data.device)
        self.loss_sum = torch.zeros(len(modules), device=data.device)
        parameters = list(self.model.parameters.values())
        self.optimizer = recipe.optimizer(parameters, config, rate=self.rate)
        buffers = list(self.model.buffers.values())
        self.average = recipe.Average([*parameters, *buffers], config.ema)

    def take(self, batch: Tensor) -> None:
        """Make ``batch`` the rows of the next step."""
        if self.batch is None:
            self.batch = batch.clone()
        else:
            self.batch.copy_(batch)

    def __call__(self) -> None:
        config, data = self.config, self.data
        assert self.batch is not None
        changed = [
            augment(data.x, data.context, rows)
            for augment, rows in zip(self.augments, self.batch, strict=True)
        ]
        x, context = (torch.stack(parts) for parts in zip(*changed, strict=True))
        with precision.of_forward(data.device, bfloat16=self.bfloat16):
            weights = self.weights.gather(1, self.batch)
            losses = self.model.losses(
                x, context, data.y[self.batch], weights, config.label_smoothing
            )
        self.optimizer.zero_grad(set_to_none=True)
        losses.sum().backward()  # type: ignore[no-untyped-call]
        gradients = [p.grad for p in self.model.parameters.values() if p.grad is not None]
        recipe.clip_folds(gradients, config.clip)
        self.optimizer.step()
        self.loss_sum += losses.detach()


class _Graphed:
    """A step that is run as it is at first, then recorded, then replayed."""

    def __init__(self, step: _Step) -> None:
        self._step = step
        self._stream = gpu.own_stream(step.data.device)
        self._graph: torch.cuda.CUDAGraph | None = None
        self._eager = 0

    def __call__(self) -> None:
        if self._graph is not None:
            self._graph.replay()
        elif self._eager < _EAGER_STEPS:
            self._eager += 1
            self._stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self._stream):
                self._step()
            torch.cuda.current_stream().wait_stream(self._stream)
        else:
            self._record()
            self()

    def _record(self) -> None:
        graph = torch.cuda.CUDAGraph()
        for augment in self._step.augments:
            graph.register_generator_state(augment.generator)
        self._step.optimizer.zero_grad(set_to_none=True)  # the recorded gradients are the graph's
        with gpu.recording(graph, self._step.data.device):
            self._step()
        self._graph = graph
