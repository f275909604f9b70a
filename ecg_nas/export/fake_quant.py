"""Train a network as its INT8 file will compute: rounded in the forward pass, not in the backward.

References:
    Jacob et al. 2018, doi:10.1109/CVPR.2018.00286 (simulated quantisation, folded normalisation);
    Bengio, Léonard & Courville 2013, arXiv:1308.3432 (the straight-through estimator).
"""

from __future__ import annotations

import copy
import dataclasses
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, fx, nn
from torch.func import functional_call
from torch.nn.utils.fusion import fuse_conv_bn_eval
from typing_extensions import override

from ecg_nas.export.quantize import PERCENTILE
from ecg_nas.training.config import TrainConfig
from ecg_nas.training.device_data import DeviceData
from ecg_nas.training.loop import train

EPOCHS = 2
_SLOWER = 0.1
"""Share of the recipe's learning rate: the network is trained, and only moves between the steps."""

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
_MULTIPLIERS = (*_CONVOLUTIONS, nn.Linear)
_WEIGHT_STEPS = 64  # 7 bits, as onnxruntime counts them: -64 to 64
_SIGNAL_STEPS = 255
_BINS = 2048


def folded(network: nn.Module) -> fx.GraphModule:
    """Return a copy of ``network``, normalisation folded into the convolutions before it.

    Args:
        network: A trained network; it must be traceable by ``torch.fx``.
    """
    traced = fx.symbolic_trace(copy.deepcopy(network).eval())
    modules = dict(traced.named_modules())
    for node in list(traced.graph.nodes):
        norm = modules.get(str(node.target)) if node.op == "call_module" else None
        if not isinstance(norm, _NORMS):
            continue
        before = node.args[0]
        convolution = modules.get(str(before.target)) if before.op == "call_module" else None
        if not isinstance(convolution, _CONVOLUTIONS) or len(before.users) > 1:
            continue  # it normalises a sum, or the rhythm features
        traced.set_submodule(str(before.target), fuse_conv_bn_eval(convolution, norm))
        node.replace_all_uses_with(before)
        traced.graph.erase_node(node)
    traced.graph.lint()
    traced.delete_all_unused_submodules()
    traced.recompile()
    return traced.eval()


class FakeQuantized(nn.Module):
    """A folded network with its weights and signals rounded as in its INT8 file.

    Signals are rounded where ``ecg_nas.export.quantize`` has them quantised: before each
    convolution and linear layer, and behind each convolution (and the Relu on it).

    Args:
        network: What ``folded`` returned; its own weights stay float32 and are what is trained.
        x: ``(beats, channels, samples)`` calibration beats.
        context: ``(beats, features)`` their rhythm features.
    """

    def __init__(self, network: fx.GraphModule, x: Tensor, context: Tensor) -> None:
        super().__init__()
        self.network = network
        watched = _Watching(network, _quantised(network))
        with torch.no_grad():
            watched.run(x, context)
        self.steps = watched.steps

    @override
    def train(self, mode: bool = True) -> FakeQuantized:
        # Normalisation that could not be folded keeps its statistics, as those folded do.
        return super().train(False)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """Map beats to logits as the INT8 file does; gradients pass the rounding unchanged."""
        found: Tensor = _Rounding(self.network, self.steps).run(x, context)
        return found


class _Watching(fx.Interpreter):
    """Runs a network and finds the step and zero point of each signal that is quantised."""

    def __init__(self, network: fx.GraphModule, names: set[str]) -> None:
        super().__init__(network)
        self.steps: dict[str, tuple[float, int]] = {}
        self._names = names

    @override
    def run_node(self, n: fx.Node) -> Any:
        found = super().run_node(n)
        if n.name in self._names:
            self.steps[n.name] = _steps(found.numpy())
        return found


class _Rounding(fx.Interpreter):
    def __init__(self, network: fx.GraphModule, steps: dict[str, tuple[float, int]]) -> None:
        super().__init__(network)
        self._steps = steps

    @override
    def run_node(self, n: fx.Node) -> Any:
        found = super().run_node(n)
        if n.name not in self._steps:
            return found
        step, zero = self._steps[n.name]
        return torch.fake_quantize_per_tensor_affine(found, step, zero, 0, _SIGNAL_STEPS)

    @override
    def call_module(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        module = self.fetch_attr(target)
        if not isinstance(module, _MULTIPLIERS):
            return module(*args, **kwargs)
        return functional_call(module, {"weight": _rounded(module.weight)}, args, kwargs)


def fine_tune(
    network: nn.Module,
    calibration: NDArray[np.int64],
    data: DeviceData,
    rows: NDArray[np.int64],
    recipe: TrainConfig,
    *,
    seed: int,
) -> nn.Module:
    """Return ``network`` folded, and trained on while it is rounded as its INT8 file will be.

    Args:
        network: A trained network.
        calibration: ``(n,)`` beats that set the ranges of its signals.
        data: A split, on the CPU.
        rows: ``(m,)`` beats to train on.
        recipe: What it was trained by; followed for ``EPOCHS`` passes at a lower rate.
        seed: Seed of order and augmentation.

    Raises:
        DivergedError: If the training diverges.
    """
    slow = dataclasses.replace(recipe, epochs=EPOCHS, learning_rate=_SLOWER * recipe.learning_rate)
    chosen = torch.from_numpy(calibration)

    def build() -> nn.Module:
        return FakeQuantized(folded(network), data.x[chosen], data.context[chosen])

    return cast(FakeQuantized, train(build, data, rows, slow, seed=seed)).network


def _quantised(network: fx.GraphModule) -> set[str]:
    """Return the names of the signals that are quantised."""
    modules = dict(network.named_modules())
    names = set()
    for node in network.graph.nodes:
        module = modules.get(str(node.target)) if node.op == "call_module" else None
        if isinstance(module, _MULTIPLIERS):
            names.add(node.args[0].name)
        if isinstance(module, _CONVOLUTIONS):
            users = list(node.users)
            relu = len(users) == 1 and isinstance(modules.get(str(users[0].target)), nn.ReLU)
            names.add(users[0].name if relu else node.name)
    return names


def _steps(values: NDArray[np.float32]) -> tuple[float, int]:
    """Return step and zero point for a signal's values, the largest magnitudes cut off.

    As onnxruntime finds them, to the bin of its histogram: with other steps, other values would
    be rounded up.
    """
    counts, edges = np.histogram(np.abs(values), _BINS)
    below = np.cumsum(counts / counts.sum())
    largest = float(edges[np.searchsorted(below, PERCENTILE / 100)])
    low = min(max(float(values.min()), -largest), 0.0)
    high = max(min(float(values.max()), largest), 0.0)
    step = (high - low) / _SIGNAL_STEPS or 1.0
    return step, round(-low / step)


def _rounded(weight: Tensor) -> Tensor:
    """Return the weights of each output channel on their 7-bit steps."""
    largest = weight.detach().abs().flatten(1).amax(dim=1)
    step = (largest / _WEIGHT_STEPS).clamp(min=torch.finfo(torch.float32).tiny)
    zeros = torch.zeros_like(step, dtype=torch.int32)
    return torch.fake_quantize_per_channel_affine(
        weight, step, zeros, 0, -_WEIGHT_STEPS, _WEIGHT_STEPS
    )
