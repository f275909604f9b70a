"""Write a bundle: model, manifest, golden vectors and a card, whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ecg_nas.bundle.atomic_folder import placed
from ecg_nas.bundle.manifest import (
    FORMAT,
    FORMAT_VERSION,
    GOLDEN,
    MODEL,
    MODEL_INT8,
    NOTICE,
    SBOM,
    Int8,
    Manifest,
    Tensor,
    load,
    without_names,
)
from ecg_nas.errors import BundleError
from ecg_nas.export import onnx
from ecg_nas.export.bundle_texts import finish
from ecg_nas.export.quantize import quantize
from ecg_nas.export.sbom import bill_of_materials
from ecg_nas.inference.classifier import session
from ecg_nas.inference.verify import (
    GOLDEN_INT8,
    INT8_TOLERANCE,
    TOLERANCE,
    compare,
    metadata_of,
    verify,
)
from ecg_nas.seeds import generator
from search_spaces import Architecture, measured_cost

if TYPE_CHECKING:
    from onnx import ModelProto

_GOLDEN_BEATS = 16
_NO_INT8 = Int8(refused="", gate={}, golden_difference=None, promised_difference=None)
_LIBRARIES = ("ecg-nas", "numpy", "onnx", "onnxruntime", "onnxscript", "torch")
_MEANINGS = {
    "window": ("mV", "filtered leads of the beat, then of its neighbours; the R peak in place"),
    "context": ("", "rhythm features, in the order of `context_names`"),
    "scale": ("mV", "amplitude of each lead of the recording"),
    "reference": ("mV", "median beat of the recording, cut as the window"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Int8Plan:
    """How the INT8 model of a bundle is made.

    Attributes:
        verdict: What :func:`ecg_nas.export.quantize.gate` said of such models.
        calibration: The model's inputs for some beats of training patients; not looked at where
            the verdict refuses.
        model: What to quantise; ``None`` for the bundle's own float32 model.
    """

    verdict: Mapping[str, Any]
    calibration: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    model: ModelProto | None = None


def write_bundle(
    out: Path,
    network: onnx.DeployedNetwork,
    architecture: Architecture,
    *,
    training: Mapping[str, Any],
    int8: Int8Plan | None = None,
    template: ModelProto | None = None,
    robustness: Sequence[Mapping[str, Any]] | None = None,
    usual_qrs: NDArray[np.float64] | None = None,
) -> Manifest:
    """Export ``network`` into the folder ``out``, verified against torch before it is put there.

    The same weights and arguments give the same bytes.

    Args:
        out: New or empty folder, or an earlier bundle, which is replaced.
        network: The trained network, with how its beats were cut and its temperature.
        architecture: Its architecture.
        training: JSON-able facts on the training; never figures of test patients. ``evaluate``
            and the card read ``source``, ``split``, ``fingerprint``, ``fold_score``, ``folds``
            (the metrics of the search's evaluation), ``held_out`` (see
            :func:`ecg_nas.metrics.out_of_fold.facts_of`), ``method``, ``space`` and ``seeds``.
            Lists of ``patients`` are written as their number.
        int8: How to make the INT8 model; ``None`` for none.
        template: What :func:`ecg_nas.export.onnx.to_template` made of ``network``; made anew if
            not given, in some seconds.
        robustness: What noise, altered leads and other rates do to held-out training patients.
        usual_qrs: What :func:`data_prep.beats.polarity.usual_qrs_of` made of the training
            patients.

    Returns:
        The manifest that was written.

    Raises:
        BundleError: If ``out`` holds something else, ``training`` is no JSON, the network's
            outputs are not the classes of its data, or the exported model does not give what
            torch gives.
    """
    try:
        json.dumps(training, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise BundleError(f"the facts on the training must be JSON: {error}") from error
    plan = int8 or Int8Plan(verdict={"refused": "it was not asked for"})
    facts = {
        "training": without_names(training),
        "robustness": None if robustness is None else [dict(one) for one in robustness],
        "usual_qrs": None if usual_qrs is None else usual_qrs.round(4).tolist(),
    }
    with placed(out) as part:
        return _fill(part, network, architecture, facts, plan, template)


def _fill(
    folder: Path,
    network: onnx.DeployedNetwork,
    architecture: Architecture,
    facts: Mapping[str, Any],
    plan: Int8Plan,
    template: ModelProto | None,
) -> Manifest:
    spec = network.spec
    golden = onnx.example_inputs(spec, generator("golden", architecture.key), beats=_GOLDEN_BEATS)
    expected = onnx.run_torch(network, golden)
    _refuse_other_outputs(expected.shape[1], spec.signal.classes)
    model = onnx.with_weights(template or onnx.to_template(network), network)
    cost = measured_cost(
        network.network, leads=spec.channels, samples=spec.samples, context=len(spec.context_names)
    )

    bare = Manifest(
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
        temperature=network.temperature,
        int8=_NO_INT8,
        **facts,
        versions={name: version(name) for name in _LIBRARIES},
        files={},
    )  # fmt: skip
    metadata = metadata_of(bare)
    _write_model(folder / MODEL, model, metadata)
    int8 = _write_int8(folder, model, metadata, plan, golden, expected)
    # NumPy writes no time into the file: the same arrays are the same bytes.
    arrays: dict[str, Any] = {**golden, onnx.OUTPUT: expected}
    if (folder / MODEL_INT8).exists():
        (arrays[GOLDEN_INT8],) = session(folder / MODEL_INT8).run(None, golden)
    np.savez(folder / GOLDEN, **arrays)
    (folder / SBOM).write_text(bill_of_materials(), encoding="utf-8")
    whole = finish(folder, replace(bare, int8=int8))
    verify(folder)
    _check_parity(folder, network)
    return whole


def _refuse_other_outputs(n_outputs: int, classes: Sequence[str]) -> None:
    if n_outputs != len(classes):
        raise BundleError(
            f"the outputs must be the classes of the data, {', '.join(classes)}; the network has "
            f"{n_outputs}: build it for these data"
        )


def _tensor(name: str, shape: tuple[int, ...]) -> Tensor:
    unit, meaning = _MEANINGS[name]
    return Tensor(name=name, shape=list(shape), unit=unit, meaning=meaning)


def _write_model(path: Path, model: ModelProto, metadata: Mapping[str, str]) -> None:
    model.producer_name, model.producer_version = "ecg-nas", version("ecg-nas")
    model.ClearField("metadata_props")
    for key, value in metadata.items():
        model.metadata_props.add(key=key, value=value)
    path.write_bytes(model.SerializeToString(deterministic=True))


def _write_int8(
    folder: Path,
    model: ModelProto,
    metadata: Mapping[str, str],
    plan: Int8Plan,
    golden: dict[str, NDArray[np.float32]],
    expected: NDArray[np.float32],
) -> Int8:
    """Write the INT8 model beside ``model``, if it may be used."""
    refused = plan.verdict["refused"]
    if refused is not None:
        return replace(_NO_INT8, refused=refused, gate=_without_refusal(plan))
    quantized = quantize(plan.model or model, plan.calibration)
    _write_model(folder / MODEL_INT8, quantized, metadata)
    difference, _ = compare(folder / MODEL_INT8, golden, expected)
    return Int8(
        refused=None,
        gate=_without_refusal(plan),
        golden_difference=difference,
        promised_difference=round(difference + INT8_TOLERANCE, 4),
    )


def _without_refusal(plan: Int8Plan) -> dict[str, Any]:
    return {name: value for name, value in plan.verdict.items() if name != "refused"}


def _check_parity(folder: Path, network: onnx.DeployedNetwork) -> None:
    """Compare onnxruntime with torch on further beats, one at a time and many."""
    from ecg_nas.inference.classifier import Classifier

    classifier = Classifier(load(folder))
    for beats in (1, 2, 300):
        inputs = onnx.example_inputs(network.spec, generator("parity", beats), beats=beats)
        difference = _largest_difference(classifier.run(inputs), onnx.run_torch(network, inputs))
        if not difference <= TOLERANCE:
            raise BundleError(
                f"an exported model must equal torch to {TOLERANCE:g}; for {beats} beats it "
                f"differs by {difference:.2g}: check the versions of torch and onnxruntime"
            )


def _largest_difference(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    return float(np.abs(a - b).max()) if a.shape == b.shape else float("inf")
