"""Whether INT8 is good enough for the winner, by the networks of its folds."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
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
from ecg_nas.methods.engine.run_store import StoredEvaluation
from ecg_nas.pipeline.final_training import Subject, weights_of
from ecg_nas.pipeline.out_of_fold_pass import fold_network, folds_of, read_tensors, write_tensors
from ecg_nas.runs.config import RunConfig
from ecg_nas.runs.folder import ModelFolder, read_json, write_json

if TYPE_CHECKING:
    from onnx import ModelProto
    from torch import nn

STATIC, FINE_TUNED = "static", "fine-tuned"

_BATCH = 1024


def plan(
    folder: ModelFolder,
    config: RunConfig,
    winner: StoredEvaluation,
    subject: Subject,
    network: DeployedNetwork,
    template: ModelProto,
    *,
    on_event: OnEvent,
) -> Int8Plan:
    """Return how the INT8 model of ``winner`` is to be made, judging INT8 first.

    The network of each fold is quantised with beats of the patients that it was trained on, and
    asked for the patients held out of it. If that costs too much, each is fine-tuned on the same
    patients with its values rounded as INT8 rounds them, and judged again. The verdict is kept in
    ``folder``, and so are networks that were fine-tuned.

    Args:
        folder: Holds the networks of the folds.
        config: Settings of the run.
        winner: The candidate.
        subject: Its beats, on the CPU.
        network: What was trained on all training patients.
        template: What ``to_template`` made of it.
        on_event: Called with a ``stage`` before networks are fine-tuned.

    Raises:
        RunError: If the network of a fold is missing or damaged, or a file cannot be written.
        DivergedError: If the fine-tuning diverges.
    """
    case = _Case(folder=folder, config=config, winner=winner, subject=subject, network=network)
    kept = read_json(folder.int8) if folder.int8.exists() else {}
    if kept.get("slot") != winner.slot or "method" not in kept["verdict"]:
        kept = {"slot": winner.slot, "verdict": _verdict(case, template, on_event)}
        write_json(folder.int8, kept)
    verdict, everyone = kept["verdict"], np.arange(len(subject.beats))
    tuned = verdict["refused"] is None and verdict["method"] == FINE_TUNED
    return Int8Plan(
        verdict=verdict,
        calibration=case.calibration(everyone),
        model=case.filled(case.tuned_template(), case.tuned(None, everyone)) if tuned else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """A candidate whose INT8 form is judged."""

    folder: ModelFolder
    config: RunConfig
    winner: StoredEvaluation
    subject: Subject
    network: DeployedNetwork

    def filled(self, template: ModelProto, network: nn.Module) -> ModelProto:
        """Return the float32 model of ``network``."""
        temperature = self.network.temperature
        deployed = DeployedNetwork(network, self.subject.spec, temperature=temperature)
        return with_weights(template, deployed)

    def tuned_template(self) -> ModelProto:
        """Return the template of what ``tuned`` returns."""
        spec, temperature = self.subject.spec, self.network.temperature
        bare = folded(self.network.network)
        return to_template(DeployedNetwork(bare, spec, temperature=temperature), spec)

    def tuned(self, index: int | None, rows: NDArray[np.int64]) -> nn.Module:
        """Return the network of a fold, or of all patients, fine-tuned for INT8 on ``rows``.

        By the recipe of the folds in both cases: that is what was judged.
        """
        seed = seeds.derive(
            self.config.seed, "int8", self.winner.slot, "final" if index is None else index
        )
        file = self.folder.tuned(index)
        known = read_tensors(file, seed)
        plain = self.network.network if index is None else self.trained(index)
        if known is not None:
            module: nn.Module = folded(plain)
            module.load_state_dict(known)
            return module
        recipe, data = self.config.training, self.subject.data
        module = fine_tune(plain, self.chosen(rows), data, rows, recipe, seed=seed)
        write_tensors(file, seed, weights_of(module))
        return module

    def trained(self, index: int) -> nn.Module:
        """Return the network of a fold."""
        return fold_network(self.folder, self.config, self.winner, self.subject, index)

    def chosen(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return those of the beats ``rows`` that set ranges."""
        rng = seeds.generator(self.config.seed, "calibration")
        return calibration_rows(self.subject.beats.y, rows, rng)

    def calibration(self, rows: NDArray[np.int64]) -> dict[str, NDArray[np.float32]]:
        """Return the model's inputs for the beats that set ranges."""
        return network_inputs(self.subject.beats, self.chosen(rows))

    def classes(self, model: ModelProto, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the class that ``model`` gives each of the beats ``rows``."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / MODEL_INT8
            file.write_bytes(model.SerializeToString())
            opened = session(file)
        names = [node.name for node in opened.get_inputs()]
        found = []
        for start in range(0, len(rows), _BATCH):
            inputs = network_inputs(self.subject.beats, rows[start : start + _BATCH])
            (probabilities,) = opened.run(None, {name: inputs[name] for name in names})
            found.append(probabilities.argmax(axis=1))
        return np.concatenate(found)


def _verdict(case: _Case, template: ModelProto, on_event: OnEvent) -> dict[str, Any]:
    """Judge INT8 as it is, then, if that is refused, fine-tuned."""
    plain = _judged(case, template, lambda index, fold: case.trained(index))
    if plain["refused"] is None:
        return {"method": STATIC, **plain}
    on_event({"event": "stage", "text": "fine-tuning for INT8, which costs too much without"})
    again = _judged(case, case.tuned_template(), lambda index, fold: case.tuned(index, fold.train))
    if again["refused"] is not None:
        again["refused"] = f"{plain['refused']}; fine-tuned for it, {again['refused']}"
    without = {name: plain[name] for name in ("int8", "drop", "agreement")}
    return {"method": FINE_TUNED, **again, "without_fine_tuning": without}


def _judged(
    case: _Case, template: ModelProto, network_of: Callable[[int, Fold], nn.Module]
) -> dict[str, Any]:
    with np.load(case.folder.outputs, allow_pickle=False) as arrays:
        plain: NDArray[np.int64] = arrays["logits"].argmax(axis=1)
    called = np.zeros_like(plain)
    for index, fold in enumerate(folds_of(case.config, case.subject.signals)):
        model = case.filled(template, network_of(index, fold))
        quantized = quantize(model, case.calibration(fold.train))
        called[fold.held_out] = case.classes(quantized, fold.held_out)
    return gate(case.subject.beats.y, plain, called, case.subject.spec.signal.classes)
