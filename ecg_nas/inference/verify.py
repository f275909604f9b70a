"""Check that a bundle is whole and still computes what it computed when it was made."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data_prep.errors import DataError
from data_prep.io.npz import read_npz
from ecg_nas.bundle.manifest import GOLDEN, MOST_BYTES, NOTICE, Bundle, Manifest, load
from ecg_nas.errors import BundleError
from ecg_nas.inference._onnx_file import read_header
from ecg_nas.inference.classifier import Classifier, session

TOLERANCE = 1e-5
INT8_TOLERANCE = 0.01
"""Processors round float32 sums differently, which may move a quantised value by a step."""
GOLDEN_INT8 = "probabilities_int8"


def verify(folder: Path) -> dict[str, float | int | str | None]:
    """Check files, schema, the model's inputs and metadata, and its golden vectors.

    Returns:
        What was found: ``files`` (their number), ``format_version``, ``opset``, ``ir_version``,
        ``golden_beats``, ``golden_difference`` (largest absolute difference of a probability),
        ``bytes`` (of the model) and ``sha256`` (of the model); of the INT8 model, ``None`` where
        there is none, ``int8_bytes``, ``int8_golden_difference`` and ``int8_golden_agreement``
        (share of the golden beats that get the same class).

    Raises:
        BundleError: At the first thing that is not as it must be; it names the file.
    """
    bundle = load(folder)
    for file in (bundle.model, bundle.int8):
        if file is not None:
            check_model(file, bundle.manifest)
    inputs, expected = read_golden(bundle)
    found = Classifier(bundle).run(inputs)
    if found.shape != expected.shape:
        raise BundleError(
            f"{bundle.model} must give {expected.shape} probabilities for {GOLDEN}; "
            f"it gives {found.shape}"
        )
    difference = float(np.abs(found - expected).max())
    if not difference <= TOLERANCE:  # also when it is NaN
        raise BundleError(
            f"{bundle.model} must reproduce {GOLDEN} to {TOLERANCE:g}; it differs by "
            f"{difference:.2g}; check the version of onnxruntime"
        )
    model = bundle.manifest.files[bundle.model.name]
    return {
        **_check_int8(bundle, inputs, expected),
        "files": len(bundle.manifest.files) + 1,
        "format_version": bundle.manifest.format_version,
        "opset": bundle.manifest.opset,
        "ir_version": bundle.manifest.ir_version,
        "golden_beats": len(expected),
        "golden_difference": difference,
        "bytes": model.bytes,
        "sha256": model.sha256,
    }


def _check_int8(
    bundle: Bundle, inputs: dict[str, NDArray[np.float32]], expected: NDArray[np.float32]
) -> dict[str, float | int | None]:
    """Check the INT8 model's answers against its own when it was made, and the float32 model's."""
    if bundle.int8 is None:
        names = ("int8_bytes", "int8_golden_difference", "int8_golden_agreement")
        return dict.fromkeys(names)
    difference, agreement = compare(bundle.int8, inputs, expected)
    promised = bundle.manifest.int8.promised_difference
    if promised is None or not difference <= promised:
        raise BundleError(
            f"{bundle.int8} must agree with {GOLDEN} to the {promised} that the manifest promises; "
            f"it differs by {difference:.2g}: check the version of onnxruntime"
        )
    own, _ = compare(bundle.int8, inputs, read_golden(bundle, GOLDEN_INT8)[1])
    if not own <= INT8_TOLERANCE:
        raise BundleError(
            f"{bundle.int8} must reproduce {GOLDEN} to {INT8_TOLERANCE:g}; it differs by "
            f"{own:.2g}; check the version of onnxruntime"
        )
    return {
        "int8_bytes": bundle.manifest.files[bundle.int8.name].bytes,
        "int8_golden_difference": difference,
        "int8_golden_agreement": agreement,
    }


def compare(
    model: Path, inputs: dict[str, NDArray[np.float32]], expected: NDArray[np.float32]
) -> tuple[float, float]:
    """Return how far a model is from ``expected``, and how often it chooses the same class.

    Raises:
        BundleError: If the model does not run, or gives another number of probabilities.
    """
    (found,) = session(model).run(None, dict(inputs))
    if found.shape != expected.shape:
        raise BundleError(
            f"{model} must give {expected.shape} probabilities for {GOLDEN}; it gives {found.shape}"
        )
    same = found.argmax(axis=1) == expected.argmax(axis=1)
    return float(np.abs(found - expected).max()), float(same.mean())


def check_model(model: Path, manifest: Manifest) -> None:
    """Check that the model's inputs, output, versions and metadata are as the manifest states.

    Raises:
        BundleError: If they differ.
    """
    opened = session(model)
    _check_versions(model, manifest)
    try:
        inputs = {node.name: list(node.shape)[1:] for node in opened.get_inputs()}
        outputs = {node.name: list(node.shape)[1:] for node in opened.get_outputs()}
        metadata = opened.get_modelmeta().custom_metadata_map
    except UnicodeDecodeError as error:  # onnxruntime runs such a model
        raise BundleError(f"the names in {model} must be UTF-8: {error}") from error
    stated = {tensor.name: tensor.shape for tensor in manifest.inputs}
    if inputs != stated:
        raise BundleError(f"{model} must take the inputs of its manifest {stated}; got {inputs}")
    if outputs != {manifest.output.name: manifest.output.shape}:
        raise BundleError(
            f"{model} must give the output of its manifest {manifest.output.name} "
            f"{manifest.output.shape}; got {outputs}"
        )
    for key, value in metadata_of(manifest).items():
        if metadata.get(key) != value:
            raise BundleError(
                f"{model} must carry the manifest's {key!r} in its metadata; it carries another"
            )


def _check_versions(model: Path, manifest: Manifest) -> None:
    try:
        header = read_header(model.read_bytes())
    except (OSError, ValueError) as error:
        raise BundleError(f"{model} must be a readable ONNX file: {error}") from error
    found = (header.opsets.get(""), header.ir_version)
    if found != (manifest.opset, manifest.ir_version):
        raise BundleError(
            f"{model} must be of opset {manifest.opset} and IR version {manifest.ir_version}, as "
            f"its manifest states; it is of {found[0]} and {found[1]}"
        )


def metadata_of(manifest: Manifest) -> dict[str, str]:
    """Return what the model file itself carries, so that it can be told when it lies alone."""
    return {
        "ecg_nas.format_version": str(manifest.format_version),
        "ecg_nas.spec": json.dumps(manifest.spec, sort_keys=True),
        "ecg_nas.classes": json.dumps(list(manifest.classes)),
        "ecg_nas.mapping": manifest.mapping,
        "ecg_nas.architecture": json.dumps(manifest.architecture, sort_keys=True),
        "ecg_nas.notice": NOTICE,
    }


def read_golden(
    bundle: Bundle, output: str = ""
) -> tuple[dict[str, NDArray[np.float32]], NDArray[np.float32]]:
    """Return the golden inputs by name, and the probabilities that they gave.

    Args:
        bundle: The bundle.
        output: Name of the array of probabilities; by default, of the float32 model.

    Raises:
        BundleError: If the file is not what it must be.
    """
    path = bundle.folder / GOLDEN
    names = [tensor.name for tensor in bundle.manifest.inputs]
    output = output or bundle.manifest.output.name
    try:
        arrays = read_npz(path, [*names, output], most_bytes=MOST_BYTES)
    except DataError as error:
        raise BundleError(
            f"{path} must hold the arrays {', '.join(names)} and {output}; "
            f"it cannot be read ({error})"
        ) from error
    inputs, expected = {name: arrays[name] for name in names}, arrays[output]
    if not all(values.ndim and len(values) for values in (*inputs.values(), expected)):
        raise BundleError(f"{path} must hold beats; it holds none")
    return inputs, expected
