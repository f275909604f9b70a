"""Whether INT8 is good enough for a candidate, by the networks of its folds."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data_prep.events import OnEvent
from ecg_nas import seeds
from ecg_nas.bundle.manifest import MODEL_INT8
from ecg_nas.evaluation.folds import Fold
from ecg_nas.export.bundle_writer import Int8Plan
from ecg_nas.export.fake_quant import fine_tune, folded
from ecg_nas.export.onnx import DeployedNetwork, to_template, with_weights
from ecg_nas.export.quantize import calibration_rows, gate, quantize
from ecg_nas.inference.classifier import network_inputs, session
from ecg_nas.pipeline.final_model import FinalModel
from ecg_nas.pipeline.network_files import read_tensors, take_weights, weights_of, write_tensors

if TYPE_CHECKING:
    from onnx import ModelProto
    from torch import nn

STATIC, FINE_TUNED = "static", "fine-tuned"

_BATCH = 1024


def evaluate_int8(model: FinalModel, on_event: OnEvent) -> None:
    """Write what INT8 costs ``model``, and whether that is too much.

    The network of each fold is quantised with beats of the patients that it was trained on, and
    evaluated on the patients held out of it. If that costs too much, each is fine-tuned on the
    same patients with its values rounded as INT8 rounds them, and evaluated once more. Networks
    that were fine-tuned are on disk then.

    Raises:
        RunError: If the network of a fold is missing or damaged, or a file cannot be written.
        DivergedError: If the fine-tuning diverges.
    """
    model.store(model.folder.int8, {"verdict": _verdict(model, on_event)})


def plan_int8(model: FinalModel) -> Int8Plan:
    """Return how the INT8 model of ``model`` is to be made, by the verdict of ``evaluate_int8``.

    Raises:
        RunError: If a file is missing or damaged.
    """
    verdict, everyone = model.int8_verdict, np.arange(len(model.beats))
    tuned = verdict["refused"] is None and verdict["method"] == FINE_TUNED
    return Int8Plan(
        verdict=verdict,
        calibration=_calibration(model, everyone),
        model=_filled(model, _tuned_template(model), _tuned(model, None, everyone))
        if tuned
        else None,
    )


def _verdict(model: FinalModel, on_event: OnEvent) -> dict[str, Any]:
    """Evaluate INT8 as it is, then, if that is refused, fine-tuned."""
    plain = _compared(model, model.template, lambda index, fold: model.fold_network(index))
    if plain["refused"] is None:
        return {"method": STATIC, **plain}
    on_event({"event": "stage", "text": "fine-tuning for INT8, which costs too much without"})
    tuned = _compared(
        model, _tuned_template(model), lambda index, fold: _tuned(model, index, fold.train)
    )
    if tuned["refused"] is not None:
        tuned["refused"] = f"{plain['refused']}; fine-tuned for it, {tuned['refused']}"
    without = {name: plain[name] for name in ("int8", "drop", "agreement")}
    return {"method": FINE_TUNED, **tuned, "without_fine_tuning": without}


def _compared(
    model: FinalModel, template: ModelProto, network_of: Callable[[int, Fold], nn.Module]
) -> dict[str, Any]:
    """Return what ``gate`` says of the quantised networks of the folds."""
    plain = model.out_of_fold_classes
    predicted = np.zeros_like(plain)
    for index, fold in enumerate(model.folds):
        float32 = _filled(model, template, network_of(index, fold))
        quantized = quantize(float32, _calibration(model, fold.train))
        predicted[fold.held_out] = _classes(model, quantized, fold.held_out)
    return gate(model.beats.y, plain, predicted, model.spec.signal.task)


def _filled(model: FinalModel, template: ModelProto, network: nn.Module) -> ModelProto:
    """Return the float32 model of ``network``."""
    return with_weights(template, _deployed(model, network))


def _deployed(model: FinalModel, network: nn.Module) -> DeployedNetwork:
    return DeployedNetwork(network, model.spec, temperature=model.temperature)


def _tuned_template(model: FinalModel) -> ModelProto:
    """Return the template of what ``_tuned`` returns."""
    return to_template(_deployed(model, folded(model.network)))


def _tuned(model: FinalModel, index: int | None, rows: NDArray[np.int64]) -> nn.Module:
    """Return the network of a fold, or (``None``) of all patients, fine-tuned for INT8 on ``rows``.

    By the recipe of the folds in both cases: that is what was evaluated.
    """
    slot = model.candidate.slot
    seed = seeds.derive(model.config.seed, "int8", slot, "final" if index is None else index)
    file = model.folder.tuned(index)
    known = read_tensors(file, seed=seed)
    plain = model.network if index is None else model.fold_network(index)
    if known is not None:
        module: nn.Module = folded(plain)
        take_weights(module, known, file)
        return module
    recipe, data = model.config.training, model.beats_on("cpu")
    module = fine_tune(plain, _chosen(model, rows), data, rows, recipe, seed=seed)
    write_tensors(file, weights_of(module), seed=seed)
    return module


def _chosen(model: FinalModel, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return those of the beats ``rows`` that set ranges."""
    return calibration_rows(model.beats.y, rows, seeds.generator(model.config.seed, "calibration"))


def _calibration(model: FinalModel, rows: NDArray[np.int64]) -> dict[str, NDArray[np.float32]]:
    """Return the model's inputs for the beats that set ranges."""
    return network_inputs(model.beats, _chosen(model, rows))


def _classes(
    model: FinalModel, quantized: ModelProto, rows: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the class that ``quantized`` gives each of the beats ``rows``."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / MODEL_INT8
        file.write_bytes(quantized.SerializeToString())
        opened = session(file)
    names = [node.name for node in opened.get_inputs()]
    found = []
    for start in range(0, len(rows), _BATCH):
        inputs = network_inputs(model.beats, rows[start : start + _BATCH])
        (probabilities,) = opened.run(None, {name: inputs[name] for name in names})
        found.append(probabilities.argmax(axis=1))
    return np.concatenate(found)
