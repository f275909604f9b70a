"""The yardstick of the engines: the plainest honest way to train a candidate's folds.

``Conv1d``, float32, one network after the other, all cores, batches indexed out of tensors in
memory; each network's recipe, order and noise are those of the engines, so that its scores are
too. Nothing here is used by a search.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from ecg_nas import seeds
from ecg_nas.training import recipe
from ecg_nas.training.augment import Augment
from ecg_nas.training.config import EngineConfig, TrainConfig
from ecg_nas.training.device_data import DeviceData, beat_weights, epochs, thin
from ecg_nas.training.engine import FoldTrainings
from ecg_nas.training.isolation import OwnRandomness


class PlainNetwork(nn.Module):
    """A network of ``ecg1d`` in ordinary 1-D layers, with the weights of the given one.

    Args:
        network: As ``SearchSpace.build`` returns it.
        threads: CPU threads of a forward pass.
    """

    def __init__(self, network: nn.Module, threads: int) -> None:
        super().__init__()
        self.threads = threads
        given = cast(_Given, network)
        self.stem = _plain(given.stem)
        self.stages = nn.ModuleList(_plain(stage) for stage in given.stages)
        self.norm_context, self.prepare, self.head = given.norm_context, given.prepare, given.head
        self.join, self.max_too = given.join, given.max_too

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """Map beats ``(beats, leads, samples)`` and rhythm features to logits."""
        with _threads(self.threads):
            side = self.prepare(self.norm_context(context)) if self.join != "none" else context
            x = self.stem(x)
            for i, stage in enumerate(self.stages):
                if self.join == "film" and i == len(self.stages) - 1:
                    scale, shift = side[:, :, None].chunk(2, dim=1)
                    x = x * (1 + scale) + shift
                x = stage(x)
            features = [x.mean(2)]
            if self.max_too:
                features.append(x.amax(2))
            if self.join in ("concat", "mlp"):
                features.append(side)
            logits: Tensor = self.head(torch.cat(features, dim=1))
            return logits


class _Given(nn.Module):
    """What ``PlainNetwork`` reads of a network."""

    stem: nn.Module
    stages: nn.ModuleList
    norm_context: nn.Module
    prepare: nn.Module
    head: nn.Module
    join: str
    max_too: bool


class _PlainGate(nn.Module):
    """Squeeze and excitation in 1-D."""

    def __init__(self, down: nn.Module, activation: nn.Module, up: nn.Module) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.AdaptiveAvgPool1d(1), down, activation, up, nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        gated: Tensor = x * self.inner(x)
        return gated


def _plain(module: nn.Module) -> nn.Module:
    """Return ``module`` with every layer on ``(beats, channels, 1, samples)`` as a 1-D one."""
    name = type(module).__name__
    if isinstance(module, nn.Conv2d):
        return _conv(module)
    if isinstance(module, nn.BatchNorm2d):
        norm = nn.BatchNorm1d(module.num_features)
        norm.load_state_dict(module.state_dict())
        return norm
    if name in ("MaxPool3", "AvgPool3"):
        return (nn.MaxPool1d if name == "MaxPool3" else nn.AvgPool1d)(3, stride=1, padding=1)
    if isinstance(module, nn.MaxPool2d):
        return nn.MaxPool1d(2)
    if isinstance(module, nn.AvgPool2d):
        return nn.AvgPool1d(2)
    parts = {part_name: _plain(part) for part_name, part in module.named_children()}
    if name == "SqueezeExcite":
        return _PlainGate(parts["down"], parts["activation"], parts["up"])
    for part_name, part in parts.items():
        setattr(module, part_name, part)  # cells and sequences add and chain, in any layout
    return module


def _conv(given: nn.Conv2d) -> nn.Conv1d:
    conv = nn.Conv1d(
        given.in_channels,
        given.out_channels,
        given.kernel_size[1],
        stride=given.stride[1],
        padding=int(given.padding[1]),
        dilation=given.dilation[1],
        groups=given.groups,
        bias=given.bias is not None,
    )
    with torch.no_grad():
        conv.weight.copy_(given.weight[:, :, 0])
        if given.bias is not None and conv.bias is not None:
            conv.bias.copy_(given.bias)
    return conv


@contextmanager
def _threads(n: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def train_plainly(
    asked: FoldTrainings, *, engine: EngineConfig, watch: None, threads: int
) -> list[nn.Module]:
    """Train a network a fold; as ``engine.train_candidate``, but plainly.

    Args:
        asked: What to train: without a moving average, from untrained networks.
        engine: Of no account.
        watch: ``None``: trainings are whole here.
        threads: CPU threads.
    """
    del engine, watch
    build, data, config, steps = asked.build, asked.data, asked.config, asked.steps
    made: list[nn.Module] = []
    for rows, seed in zip(asked.folds, asked.seeds, strict=True):
        kept = thin(data, rows, config.keep_every)
        order = torch.Generator().manual_seed(seeds.derive(seed, "order"))
        weights = beat_weights(data, rows, kept, config)
        batches = _looked_up(data, kept, weights, config, steps, order)
        network = _built(build, data, seed, threads)
        with _threads(threads):
            _loop(network, batches, data, config, steps * config.epochs, seed)
        made.append(network.eval())
    return made


def some_steps(
    build: Callable[[], nn.Module],
    data: DeviceData,
    rows: NDArray[np.int64],
    config: TrainConfig,
    *,
    steps: int,
    loader: bool,
    threads: int,
) -> int:
    """Train for some steps and return the beats that were seen.

    Args:
        build: Makes the untrained network from torch's random state.
        data: A split on its device.
        rows: Beats to train on.
        config: The recipe.
        steps: How many, or as many as there are beats for.
        loader: Whether batches come from a ``DataLoader``, as in most training scripts (a data set
            of tensors on the host, shuffled, collated beat by beat and moved to the device batch
            by batch), or are looked up where they are, as ``train_plainly`` does.
        threads: CPU threads.
    """
    kept = rows[: steps * config.batch]
    steps = -(-len(kept) // config.batch)
    once, order = replace(config, epochs=1), torch.Generator().manual_seed(0)
    weights = torch.ones(len(data.labels), device=data.device)
    batches = (
        _loaded(data, kept, weights, config.batch, order)
        if loader
        else _looked_up(data, kept, weights, once, steps, order)
    )
    network = _built(build, data, 0, threads)
    with _threads(threads):
        _loop(network, batches, data, once, steps, 0)
    if data.device.type == "cuda":
        torch.cuda.synchronize(data.device)  # whoever times this means steps that are done
    return len(kept)


def _looked_up(
    data: DeviceData,
    rows: NDArray[np.int64],
    weights: Tensor,
    config: TrainConfig,
    steps: int,
    order: torch.Generator,
) -> Iterator[tuple[Tensor, ...]]:
    for indices in epochs(rows, config, steps, order):
        for batch in indices.to(data.device):
            yield data.x, data.context, batch, data.y[batch], weights[batch]


def _loaded(
    data: DeviceData,
    rows: NDArray[np.int64],
    weights: Tensor,
    batch: int,
    order: torch.Generator,
) -> Iterator[tuple[Tensor, ...]]:
    index = torch.from_numpy(rows).to(data.device)
    parts = (data.x[index], data.context[index], data.y[index], weights[index])
    beats = TensorDataset(*(part.cpu() for part in parts))
    for loaded in DataLoader(beats, batch_size=batch, shuffle=True, generator=order):
        x, context, *rest = (part.to(data.device) for part in loaded)
        yield x, context, torch.arange(len(x), device=data.device), *rest


def _built(
    build: Callable[[], nn.Module], data: DeviceData, seed: int, threads: int
) -> PlainNetwork:
    with OwnRandomness(seeds.derive(seed, "weights"), data.device).active():
        return PlainNetwork(build(), threads).to(data.device)


def _loop(
    network: nn.Module,
    batches: Iterator[tuple[Tensor, ...]],
    data: DeviceData,
    config: TrainConfig,
    total: int,
    seed: int,
) -> None:
    augment = Augment.of(data, config.augment, seed)
    parameters = list(network.parameters())
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": config.weight_decay},
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
        ]
    )
    network.train()
    for step, (x, context, rows, y, weights) in enumerate(batches):
        logits = network(*augment(x, context, rows))
        loss = recipe.loss(logits, y, weights, config.label_smoothing)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(parameters, config.clip)
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate(step / total, config)
        optimizer.step()
