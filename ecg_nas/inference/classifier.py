"""Run a bundle's model on beats that were cut as its ``BeatSpec`` says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from data_prep.beats.beat_spec import BeatSpec
from data_prep.dsp.signal_spec import SignalSpec
from data_prep.store.dataset import BeatDataset
from ecg_nas.bundle.manifest import Bundle
from ecg_nas.errors import BundleError
from ecg_nas.inference._onnx_file import refuse_unsafe

SLACK = 1e-3
"""How far probabilities may be from a sum of 1: they are float32 numbers, in INT8 models too."""


def plain_model(model: Path) -> bytes:
    """Return the content of a model file, after a look at what its graph is made of.

    Raises:
        BundleError: If it cannot be read, or is more than a chain of standard operators.
    """
    try:
        content = model.read_bytes()
        refuse_unsafe(content)
    except (OSError, ValueError) as error:
        raise BundleError(f"{model} must be a plain ONNX network: {error}") from error
    return content


def session(model: Path) -> onnxruntime.InferenceSession:
    """Return an onnxruntime session on one CPU thread, whose results repeat exactly.

    Raises:
        BundleError: If ``model`` is not a model that onnxruntime can run.
    """
    content = plain_model(model)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # failures are raised; their log lines would only repeat them
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions share no public base class
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise BundleError(f"{model} must be a model that onnxruntime can run: {reason}") from error


class Classifier:
    """A bundle's model, loaded; gives the probability of each class for each beat.

    Args:
        bundle: The bundle.
        int8: Take its INT8 model.

    Raises:
        BundleError: If it has no INT8 model that was asked for, or onnxruntime cannot run it.
    """

    def __init__(self, bundle: Bundle, *, int8: bool = False) -> None:
        self.bundle = bundle
        self.model = _int8(bundle) if int8 else bundle.model
        self._session = session(self.model)
        self._inputs = [tensor.name for tensor in bundle.manifest.inputs]

    def run(self, inputs: dict[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        """Return ``(beats, classes)`` probabilities of one batch.

        Args:
            inputs: Every input that the manifest names, float32, one row a beat.

        Raises:
            BundleError: If the model does not take these inputs, or what it gives are no
                probabilities.
        """
        try:
            (probabilities,) = self._session.run(
                None, {name: inputs[name] for name in self._inputs}
            )
        except Exception as error:  # onnxruntime's exceptions share no public base class
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise BundleError(f"{self.model} refused its inputs: {reason}") from error
        found = np.asarray(probabilities)
        refuse_improbable(
            found, beats=len(inputs[self._inputs[0]]), bundle=self.bundle, model=self.model
        )
        return found

    def spec_for(self, signal: SignalSpec) -> BeatSpec:
        """Return the bundle's ``BeatSpec`` with the names of the leads and mapping of ``signal``.

        Raises:
            BundleError: If ``signal`` has another number of leads.
        """
        own = self.bundle.spec
        if len(signal.leads) != len(own.signal.leads):
            raise BundleError(
                f"the bundle {self.bundle.folder} needs {len(own.signal.leads)} leads "
                f"({', '.join(own.signal.leads)}); got {len(signal.leads)} "
                f"({', '.join(signal.leads)})"
            )
        names = replace(own.signal, leads=signal.leads, mapping=signal.mapping)
        return replace(own, signal=names)

    def probabilities(self, data: BeatDataset, *, batch: int = 256) -> NDArray[np.float32]:
        """Return ``(beats, classes)`` probabilities of all beats of ``data``.

        The leads may have other names than the bundle's, and the labels may be by another
        mapping: a network sees neither.

        Raises:
            BundleError: If ``data`` was cut by another ``BeatSpec`` than the bundle's otherwise.
        """
        if data.spec != self.spec_for(data.spec.signal):
            raise BundleError(
                "beats must be cut by the bundle's own BeatSpec; they were cut by another: cut "
                "them with SignalStore.cut(bundle.spec)"
            )
        if not len(data.y):
            return np.empty((0, len(self.bundle.classes)), np.float32)
        parts = [
            self.run(network_inputs(data, slice(start, start + batch)))
            for start in range(0, len(data.y), batch)
        ]
        return np.concatenate(parts)


def refuse_improbable(
    found: NDArray[np.float32], *, beats: int, bundle: Bundle, model: Path
) -> None:
    """Refuse outputs that are no probabilities of the classes, one row a beat.

    Without a look at them, a model that gives NaN would call every beat the first class.

    Raises:
        BundleError: If shape or type are others, a value is not from 0 to 1, or a row's sum not 1.
    """
    shape = (beats, len(bundle.classes))
    if found.dtype != np.float32 or found.shape != shape:
        raise BundleError(
            f"{model} must give {shape} probabilities in float32; it gives {found.shape} in "
            f"{found.dtype}: use another bundle"
        )
    # NaN fails every comparison.
    in_range = (found >= -SLACK) & (found <= 1 + SLACK)
    if not (in_range.all() and (np.abs(found.sum(axis=1) - 1) <= SLACK).all()):
        raise BundleError(
            f"{model} must give probabilities from 0 to 1 that sum to 1 over the classes; it gives "
            "others: use another bundle"
        )


def _int8(bundle: Bundle) -> Path:
    if bundle.int8 is None:
        raise BundleError(
            f"classifying in INT8 needs a bundle with an INT8 model; {bundle.folder} has none: "
            f"{bundle.manifest.int8.refused}; its float32 model can be used"
        )
    return bundle.int8


def network_inputs(
    data: BeatDataset, beats: slice | NDArray[np.int64]
) -> dict[str, NDArray[np.float32]]:
    """Return the model's inputs for some beats: what is per record, repeated per beat."""
    level: Any = data.level[beats]
    return {
        "window": np.asarray(data.windows[beats], np.float32),
        "scale": np.asarray(data.scale[level], np.float32),
        "reference": np.asarray(data.reference[level], np.float32),
        "context": np.asarray(data.context[beats], np.float32),
    }
