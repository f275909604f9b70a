"""Write a bundle: model, manifest, golden vectors and a card, whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data_prep.beats import BeatSpec
from ecg_nas.deploy.bundle import (
    FORMAT,
    FORMAT_VERSION,
    GOLDEN,
    MANIFEST,
    MODEL,
    NOTICE,
    FileEntry,
    Manifest,
    Tensor,
    entry,
    load,
    without_names,
)
from ecg_nas.deploy.place import placed
from ecg_nas.deploy.verify import TOLERANCE, metadata_of, verify
from ecg_nas.errors import BundleError
from ecg_nas.export import card, onnx
from ecg_nas.seeds import generator
from search_spaces import Architecture
from search_spaces._cost import count

if TYPE_CHECKING:
    from torch import nn

_GOLDEN_BEATS = 16
_LIBRARIES = ("ecg-nas", "numpy", "onnx", "onnxruntime", "onnxscript", "torch")
_MEANINGS = {
    "window": ("mV", "filtered leads of the beat, then of its neighbours; the R peak in place"),
    "context": ("", "rhythm features, in the order of `context_names`"),
    "scale": ("mV", "amplitude of each lead of the recording"),
    "reference": ("mV", "median beat of the recording, cut as the window"),
}


def write_bundle(
    out: Path,
    *,
    module: nn.Module,
    architecture: Architecture,
    spec: BeatSpec,
    training: Mapping[str, Any],
    classes: Sequence[str],
    temperature: float = 1.0,
) -> Manifest:
    """Export ``module`` into the folder ``out``, verified against torch before it is put there.

    The same weights and arguments give the same bytes.

    Args:
        out: New or empty folder, or an earlier bundle, which is replaced.
        module: The trained network, as ``SearchSpace.build`` made it.
        architecture: Its architecture.
        spec: How its beats were cut.
        training: JSON-able facts on the training; never figures of test patients. ``evaluate``
            and the card read ``source``, ``split``, ``fingerprint``, ``fold_score``, ``folds``
            (the metrics of the search's evaluation), ``held_out`` (see
            :func:`ecg_nas.export.held_out.facts_of`), ``method``, ``space`` and ``seeds``. Lists
            of ``patients`` are written as their number.
        classes: Names of the network's outputs, in order.
        temperature: What the outputs are divided by before the softmax.

    Returns:
        The manifest that was written.

    Raises:
        BundleError: If ``out`` holds something else, ``training`` is no JSON, or the exported
            model does not give what torch gives.
    """
    if tuple(classes) != tuple(spec.signal.classes):
        raise BundleError(
            f"the outputs must be the classes of the data {', '.join(spec.signal.classes)}; "
            f"got {', '.join(classes)}"
        )
    try:
        json.dumps(training, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise BundleError(f"the facts on the training must be JSON: {error}") from error
    with placed(out) as part:
        return _fill(part, module, architecture, spec, without_names(training), temperature)


def _fill(
    folder: Path,
    module: nn.Module,
    architecture: Architecture,
    spec: BeatSpec,
    training: Mapping[str, Any],
    temperature: float,
) -> Manifest:
    network = onnx.DeployedNetwork(module, spec, temperature=temperature)
    model = onnx.to_onnx(network, spec)
    golden = onnx.example_inputs(spec, generator("golden", architecture.key), beats=_GOLDEN_BEATS)
    expected = onnx.run_torch(network, golden)
    cost = count(
        network.network, leads=spec.channels, samples=spec.samples, context=len(spec.context_names)
    )

    def manifest(files: dict[str, FileEntry]) -> Manifest:
        return Manifest(
            format=FORMAT,
            format_version=FORMAT_VERSION,
            notice=NOTICE,
            classes=list(spec.signal.classes),
            mapping=spec.signal.mapping,
            spec=spec.to_json(),
            context_names=list(spec.context_names),
            inputs=[
                _tensor(name, shape) for name, shape in onnx.input_shapes(spec).items()
            ],
            output=Tensor(
                name=onnx.OUTPUT, shape=[len(spec.signal.classes)], unit="",
                meaning="probability of each class, in the order of `classes`",
            ),
            params=cost.params,
            macs=cost.macs,
            opset=onnx.OPSET,
            ir_version=int(model.ir_version),
            architecture={"key": architecture.key, **architecture.to_json()},
            temperature=temperature,
            training=dict(training),
            versions={name: version(name) for name in _LIBRARIES},
            files=files,
        )  # fmt: skip

    plain = manifest({})
    _add_metadata(model, plain)
    (folder / MODEL).write_bytes(model.SerializeToString(deterministic=True))
    # NumPy writes no time into the file: the same arrays are the same bytes.
    arrays: dict[str, Any] = {**golden, onnx.OUTPUT: expected}
    np.savez(folder / GOLDEN, **arrays)
    (folder / "MODEL_CARD.md").write_text(card.model_card(plain), encoding="utf-8")
    (folder / "README.md").write_text(card.readme(plain), encoding="utf-8")
    whole = manifest({path.name: entry(path) for path in sorted(folder.iterdir())})
    (folder / MANIFEST).write_text(whole.to_text(), encoding="utf-8")
    verify(folder)
    _check_parity(folder, network, spec)
    return whole


def _tensor(name: str, shape: tuple[int, ...]) -> Tensor:
    unit, meaning = _MEANINGS[name]
    return Tensor(name=name, shape=list(shape), unit=unit, meaning=meaning)


def _add_metadata(model: Any, manifest: Manifest) -> None:
    model.producer_name, model.producer_version = "ecg-nas", version("ecg-nas")
    for key, value in metadata_of(manifest).items():
        model.metadata_props.add(key=key, value=value)


def _check_parity(folder: Path, network: onnx.DeployedNetwork, spec: BeatSpec) -> None:
    """Compare onnxruntime with torch on further beats, one at a time and many."""
    from ecg_nas.deploy.classify import Classifier

    classifier = Classifier(load(folder))
    for beats in (1, 2, 300):
        inputs = onnx.example_inputs(spec, generator("parity", beats), beats=beats)
        difference = _largest_difference(classifier.run(inputs), onnx.run_torch(network, inputs))
        if not difference <= TOLERANCE:
            raise BundleError(
                f"an exported model must equal torch to {TOLERANCE:g}; for {beats} beats it "
                f"differs by {difference:.2g}: check the versions of torch and onnxruntime"
            )


def _largest_difference(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    return float(np.abs(a - b).max()) if a.shape == b.shape else float("inf")
