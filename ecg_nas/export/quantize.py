"""A float32 model as one with INT8 weights and activations, from a few hundred training beats."""

from __future__ import annotations

import io
import logging
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data_prep.tasks import Task
from ecg_nas.export.shrink import shrink
from ecg_nas.metrics.classification import headline

if TYPE_CHECKING:
    import onnx

_OPERATIONS = ("Conv", "Gemm", "MatMul", "Relu")
"""What is quantised: all that multiplies by weights, and Relu, which then is one with what stands
before it instead of rounding once more. Scaling, reference difference and softmax have none of
these, so they stay float32, as do sums and pooling between."""

PERCENTILE = 99.9
"""Of an activation's values, how many its range holds; the rest is cut off. With the whole range,
the few beats with artefacts would set the steps: on the folds of MIT-BIH's DS1, a network of 5,261
parameters then lost 0.011 of macro F1 (0.034 with Relu apart), and none with this."""

PER_CLASS = 80
"""Calibration beats of a class, if there are as many."""


def calibration_rows(
    y: NDArray[np.int64], rows: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return beats to find the ranges of activations with: up to ``PER_CLASS`` of each class.

    Args:
        y: ``(beats,)`` labels.
        rows: ``(n,)`` beats to choose from: of patients that the model may know.
        rng: Draws the beats.
    """
    chosen = []
    for label in np.unique(y[rows]):
        own = rows[y[rows] == label]
        chosen.append(rng.choice(own, size=min(PER_CLASS, len(own)), replace=False))
    return np.sort(np.concatenate(chosen))


def quantize(
    model: onnx.ModelProto, calibration: Mapping[str, NDArray[np.float32]]
) -> onnx.ModelProto:
    """Return ``model`` in the QDQ form: weights INT8 a channel and symmetric, activations UINT8.

    Weights have 7 bits: with 8, sums of products overflow in processors that have no VNNI, and
    the same file would give other answers there.

    Args:
        model: A checked float32 model.
        calibration: Its inputs for the beats that set the ranges of the activations.
    """
    import onnx
    from onnxruntime.quantization import (
        CalibrationDataReader,
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Once(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            names = [node.name for node in model.graph.input]
            self._feeds = iter([{name: calibration[name] for name in names}])

        def get_next(self) -> Any:
            return next(self._feeds, None)

    with tempfile.TemporaryDirectory() as folder, _quiet():
        plain, prepared, made = (Path(folder) / f"{i}.onnx" for i in range(3))
        onnx.save(model, plain)
        # Its symbolic shape inference stumbles over the free beat axis; without the fusions of
        # this step the file is twice as large.
        quant_pre_process(plain, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            made,
            Once(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=list(_OPERATIONS),
            calibrate_method=CalibrationMethod.Percentile,
            extra_options={
                "CalibPercentile": PERCENTILE,
                "WeightSymmetric": True,
                "ActivationSymmetric": False,
                # What goes into the softmax must not be rounded to 256 steps.
                "OpTypesToExcludeOutputQuantization": ["Gemm", "MatMul"],
            },
        )
        quantized = onnx.load(made)
    shrink(quantized)
    onnx.checker.check_model(quantized, full_check=True)
    return quantized


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back what onnxruntime's tools print, and log at the root: advice weighed already."""
    root, nothing = logging.getLogger(), logging.NullHandler()
    level = root.level
    root.addHandler(nothing)  # else logging.warning() sets one up for good
    root.setLevel(logging.ERROR)
    try:
        with redirect_stdout(io.StringIO()):  # standard output belongs to --json
            yield
    finally:
        root.setLevel(level)
        root.removeHandler(nothing)


OF_SCORE, OF_CLASS = 0.005, 0.01
"""How much INT8 may cost of the score, and of the F1 of a class that is sought. Nothing is said of
accuracy: rare classes hardly move that."""


def limits(task: Task) -> dict[str, float]:
    """Return how much of each of the task's figures INT8 may cost."""
    return {name: OF_SCORE if name == task.headline else OF_CLASS for name in task.figures}


def gate(
    y: NDArray[np.int64],
    plain: NDArray[np.int64],
    quantized: NDArray[np.int64],
    task: Task,
) -> dict[str, Any]:
    """Compare what INT8 networks call held-out beats with what float32 ones do.

    Args:
        y: ``(beats,)`` labels.
        plain: ``(beats,)`` classes by the float32 networks.
        quantized: ``(beats,)`` classes by the INT8 networks.
        task: Whose classes they are.

    Returns:
        ``fp32``, ``int8`` and ``drop`` with the task's figures (``None``: undefined),
        ``limits``, ``beats``, ``agreement`` (share of beats called alike) and ``refused``: why
        INT8 is not good enough, ``None`` if it is.
    """
    allowed = limits(task)
    before, after = (headline(y, called, task) for called in (plain, quantized))
    drop = {
        name: None if (a := before[name]) is None or (b := after[name]) is None else a - b
        for name in allowed
    }
    over = [
        f"{name} falls by {change:.4f} (from {before[name]:.4f}; {allowed[name]:g} is allowed)"
        for name, change in drop.items()
        if change is not None and change > allowed[name]
    ]
    return {
        "fp32": before,
        "int8": after,
        "drop": drop,
        "limits": allowed,
        "beats": len(y),
        "agreement": float((plain == quantized).mean()),
        "refused": f"on held-out training patients {', '.join(over)}" if over else None,
    }
