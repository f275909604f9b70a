"""Whether INT8 is good enough for the winner, by the networks of its folds."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ecg_nas.deploy.bundle import MODEL_INT8
from ecg_nas.deploy.classify import network_inputs, session
from ecg_nas.export.bundle import Int8Plan
from ecg_nas.export.onnx import DeployedNetwork, with_weights
from ecg_nas.export.quantize import calibration_rows, gate, quantize
from ecg_nas.runs.config import RunConfig
from ecg_nas.runs.folder import ModelFolder, read_json, write_json
from ecg_nas.runs.held_out import fold_network, folds_of
from ecg_nas.runs.winner import Subject
from ecg_nas.seeds import generator
from ecg_nas.store import StoredEvaluation

if TYPE_CHECKING:
    from onnx import ModelProto

_BATCH = 1024


def plan(
    folder: ModelFolder,
    config: RunConfig,
    winner: StoredEvaluation,
    subject: Subject,
    template: ModelProto,
    *,
    temperature: float,
) -> Int8Plan:
    """Return how the INT8 model of ``winner`` is to be made, judging INT8 first.

    The network of each fold is quantised with beats of the patients that it was trained on, and
    asked for the patients held out of it. The verdict is kept in ``folder``.
    """
    kept = read_json(folder.int8) if folder.int8.exists() else {}
    if kept.get("slot") != winner.slot:
        verdict = _judged(folder, config, winner, subject, template, temperature)
        kept = {"slot": winner.slot, "verdict": verdict}
        write_json(folder.int8, kept)
    everyone = np.arange(len(subject.beats))
    return Int8Plan(
        verdict=kept["verdict"], calibration=_calibration(subject, everyone, config.seed)
    )


def _judged(
    folder: ModelFolder,
    config: RunConfig,
    winner: StoredEvaluation,
    subject: Subject,
    template: ModelProto,
    temperature: float,
) -> dict[str, Any]:
    with np.load(folder.outputs, allow_pickle=False) as arrays:
        plain: NDArray[np.int64] = arrays["logits"].argmax(axis=1)
    called = np.zeros_like(plain)
    for index, fold in enumerate(folds_of(config, subject.signals)):
        module = fold_network(folder, config, winner, subject, index)
        network = DeployedNetwork(module, subject.spec, temperature=temperature)
        quantized = quantize(
            with_weights(template, network), _calibration(subject, fold.train, config.seed)
        )
        called[fold.held_out] = _classes(quantized, subject, fold.held_out)
    return gate(subject.beats.y, plain, called, subject.spec.signal.classes)


def _calibration(
    subject: Subject, rows: NDArray[np.int64], seed: int
) -> dict[str, NDArray[np.float32]]:
    chosen = calibration_rows(subject.beats.y, rows, generator(seed, "calibration"))
    return network_inputs(subject.beats, chosen)


def _classes(model: ModelProto, subject: Subject, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the class that ``model`` gives each of the beats ``rows``."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / MODEL_INT8
        file.write_bytes(model.SerializeToString())
        opened = session(file)
    names = [node.name for node in opened.get_inputs()]
    found = []
    for start in range(0, len(rows), _BATCH):
        inputs = network_inputs(subject.beats, rows[start : start + _BATCH])
        (probabilities,) = opened.run(None, {name: inputs[name] for name in names})
        found.append(probabilities.argmax(axis=1))
    return np.concatenate(found)
