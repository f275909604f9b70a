"""A trained network as an ONNX graph that takes filtered windows and gives probabilities."""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from data_prep.beats.beat_spec import BeatSpec
from data_prep.beats.normalization import AMPLITUDE_FLOOR_MV

if TYPE_CHECKING:
    import onnx

OPSET = 18  # of 17 and below the exporter's version converter makes nothing
OUTPUT = "probabilities"


class DeployedNetwork(nn.Module):
    """Everything after the filtered window: scaling, reference difference, network, softmax.

    It does in torch what ``data_prep.beats.cutting.network_input`` defines in NumPy.

    Args:
        network: Trained network of a search space; copied to the CPU and set to evaluation.
        spec: How its beats were cut.
        temperature: What its outputs are divided by before the softmax.
    """

    def __init__(self, network: nn.Module, spec: BeatSpec, *, temperature: float = 1.0) -> None:
        super().__init__()
        self.spec = spec
        self.temperature = temperature
        self.network = copy.deepcopy(network).cpu().float()
        self.leads = len(spec.signal.leads)
        self.windows = spec.window_channels // self.leads
        self.eval()

    def forward(
        self,
        window: Tensor,
        context: Tensor,
        scale: Tensor | None = None,
        reference: Tensor | None = None,
    ) -> Tensor:
        """Return ``(beats, classes)`` probabilities.

        Args:
            window: ``(beats, window_channels, samples)`` filtered mV.
            context: ``(beats, features)`` rhythm features.
            scale: ``(beats, leads)`` amplitude of the record in mV; without it, that of the window.
            reference: ``(beats, leads, samples)`` median beat of the record in mV, if used.
        """
        own = window[:, : self.leads]
        amplitude = own.abs().amax(dim=2) if scale is None else scale
        amplitude = amplitude.clamp(min=AMPLITUDE_FLOOR_MV).unsqueeze(2)
        x = window / amplitude.repeat(1, self.windows, 1)
        if reference is not None:
            x = torch.cat([x, (own - reference) / amplitude], dim=1)
        return torch.softmax(self.network(x, context) / self.temperature, dim=1)


def input_shapes(spec: BeatSpec) -> dict[str, tuple[int, ...]]:
    """Return the inputs that a network of this ``spec`` needs: shapes after the beat axis."""
    leads = len(spec.signal.leads)
    shapes: dict[str, tuple[int, ...]] = {"window": (spec.window_channels, spec.samples)}
    shapes["context"] = (len(spec.context_names),)
    if spec.scale != "window":
        shapes["scale"] = (leads,)
    if spec.reference_beat:
        shapes["reference"] = (leads, spec.samples)
    return shapes


def example_inputs(
    spec: BeatSpec, rng: np.random.Generator, *, beats: int
) -> dict[str, NDArray[np.float32]]:
    """Return made-up inputs of plausible size: a spike on noise; never a recording.

    The first beat is flat, since that is where scaling could divide by zero.
    """
    time = np.arange(spec.samples) - spec.before
    arrays = {
        name: rng.normal(0, 0.1, (beats, *shape)) for name, shape in input_shapes(spec).items()
    }
    # In this order: a set would give another one, so other beats, in every process.
    for name in [name for name in ("window", "reference") if name in arrays]:
        channels = arrays[name].shape[1]
        height = rng.normal(1.0, 0.6, (beats, channels, 1))
        width = rng.uniform(1.5, 6.0, (beats, channels, 1))
        arrays[name] += height * np.exp(-((time / width) ** 2))
    if "scale" in arrays:
        arrays["scale"] = rng.uniform(0.3, 2.5, arrays["scale"].shape)
    arrays["window"][0] = 0
    return {name: values.astype(np.float32) for name, values in arrays.items()}


def run_torch(
    network: DeployedNetwork, inputs: Mapping[str, NDArray[np.float32]]
) -> NDArray[np.float32]:
    """Return the probabilities that torch computes on the CPU."""
    with torch.inference_mode():
        output = network(**{name: torch.from_numpy(values) for name, values in inputs.items()})
    return np.asarray(output.numpy(), dtype=np.float32)


def to_onnx(network: DeployedNetwork) -> onnx.ModelProto:
    """Return ``network`` as one checked ONNX model with a free beat axis.

    The same weights give the same bytes. Nothing of the machine that exported it is left inside:
    the exporter notes source paths and lines on every node.
    """
    return with_weights(to_template(network), network)


def with_weights(template: onnx.ModelProto, network: DeployedNetwork) -> onnx.ModelProto:
    """Return what ``to_onnx`` makes of ``network``, from the template of one of its kind.

    Exporting takes seconds, and networks that were trained on several folds differ in their
    weights only.

    Args:
        template: What ``to_template`` made of a network of the same architecture and temperature.
        network: Whose weights to put in.
    """
    import onnx
    from onnxscript import optimizer

    filled = onnx.ModelProto()
    filled.CopyFrom(template)
    weights = network.state_dict()
    for initializer in filled.graph.initializer:
        if initializer.name in weights:
            values = weights[initializer.name].numpy()
            initializer.CopyFrom(onnx.numpy_helper.from_array(values, initializer.name))
    # Only now: it folds normalisation into the weights before it.
    model: onnx.ModelProto = optimizer.optimize(filled)
    _strip(model)
    onnx.checker.check_model(model, full_check=True)
    return model


def to_template(network: DeployedNetwork) -> onnx.ModelProto:
    """Return ``network`` as an ONNX model whose weights still are those of the modules, by name."""
    # Three beats: the exporter takes sizes 0 and 1 for constants.
    example = example_inputs(network.spec, np.random.default_rng(0), beats=3)
    tensors = {name: torch.from_numpy(values) for name, values in example.items()}
    beats = torch.export.Dim("beats")
    with _quiet_exporter():
        program = torch.onnx.export(
            network,
            (),
            kwargs=tensors,
            dynamo=True,
            opset_version=OPSET,
            external_data=False,
            input_names=list(tensors),
            output_names=[OUTPUT],
            dynamic_shapes={name: {0: beats} for name in tensors},
            verbose=False,
            optimize=False,
        )
    if program is None:  # only its older form returns nothing
        raise RuntimeError("torch.onnx.export returned no program")
    template: onnx.ModelProto = program.model_proto
    missing = {
        name for name, values in network.state_dict().items() if values.is_floating_point()
    } - {initializer.name for initializer in template.graph.initializer}
    if missing:
        raise RuntimeError(f"torch.onnx.export left out the weights {', '.join(sorted(missing))}")
    return template


def _strip(model: Any) -> None:
    """Remove what the exporter wrote for debugging."""
    graph = model.graph
    holders = [*graph.node, *graph.input, *graph.output, *graph.initializer, graph, model]
    for holder in holders:
        holder.ClearField("metadata_props")
        holder.ClearField("doc_string")
    graph.ClearField("value_info")  # runtimes infer it
    graph.name = "ecg_nas"


@contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Hold back the exporter's notes on its own internals; failures still raise."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
