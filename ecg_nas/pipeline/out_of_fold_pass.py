"""The winner's folds trained once more: what it answers for patients it was not trained on.

The search keeps confusion matrices only. Temperature, figures with intervals and the check of the
INT8 model need the outputs themselves, and the networks that gave them. The seeds are not those
of the search: the winner was chosen by the scores of those trainings, so they flatter.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from data_prep import sources
from data_prep.events import OnEvent
from data_prep.store.dataset import SignalStore
from ecg_nas import seeds
from ecg_nas.errors import RunError
from ecg_nas.evaluation.folds import Fold, hold_out
from ecg_nas.files import whole
from ecg_nas.methods.engine.run_store import StoredEvaluation
from ecg_nas.metrics.out_of_fold import HeldOut, facts_of
from ecg_nas.pipeline.final_training import Subject, subject_of, weights_of
from ecg_nas.runs.config import RunConfig
from ecg_nas.runs.folder import ModelFolder, read_json, write_json
from ecg_nas.training.device_data import epoch_steps, thin
from ecg_nas.training.loop import logits, train

_LOGITS = "logits"  # beside the weights, whose names have dots


def judge(
    folder: ModelFolder,
    config: RunConfig,
    store: Path,
    winner: StoredEvaluation,
    *,
    device: str,
    on_event: OnEvent,
) -> None:
    """Train the folds of ``winner`` with the search's recipe; write outputs, then what follows.

    Every training patient is held out once. A fold that was trained before is not trained again.
    The side of the test patients is not opened.

    Raises:
        RunError: If the files cannot be written.
        DivergedError: If a training diverges.
    """
    done = folder.held_out.exists() and folder.outputs.exists()
    if done and read_json(folder.held_out).get("slot") == winner.slot:
        return
    subject = subject_of(config, store, winner, device=device)
    folds = folds_of(config, subject.signals)
    answers, fold_of = _answers(folder, config, winner, subject, folds, on_event)
    outputs = HeldOut(
        logits=answers,
        y=subject.data.labels,
        patient=subject.beats.patient,
        fold=fold_of,
        classes=subject.data.classes,
        patients=subject.beats.patient_names,
    )
    folder.held_out.unlink(missing_ok=True)  # of an earlier winner
    with whole(folder.outputs) as part, part.open("wb") as file:
        outputs.save(file)
    source = subject.signals.manifest.get("source")
    public = source in sources.available() and sources.load(str(source)).public
    write_json(
        folder.held_out,
        {
            "slot": winner.slot,
            "key": winner.key,
            "recipe": dataclasses.asdict(config.training),
            **facts_of(outputs, named=public),
        },
    )


def folds_of(config: RunConfig, signals: SignalStore) -> list[Fold]:
    """Return the folds of the search's first repeat: every patient held out once."""
    return hold_out(signals, dataclasses.replace(config.folds, repeats=1))


def fold_network(
    folder: ModelFolder, config: RunConfig, winner: StoredEvaluation, subject: Subject, index: int
) -> nn.Module:
    """Return the network that ``judge`` trained on a fold.

    Raises:
        RunError: If its file is missing or damaged.
    """
    known = read_tensors(folder.fold(index), _seed(config, winner, index))
    if known is None:
        raise RunError(
            f"{folder.fold(index)} must hold the network of a fold, and does not; remove "
            f"{folder.held_out} and run the search again to train it anew"
        )
    module = subject.build()
    module.load_state_dict({name: known[name] for name in known if name != _LOGITS})
    return module.eval()


def _seed(config: RunConfig, winner: StoredEvaluation, index: int) -> int:
    return seeds.derive(config.seed, "held out", winner.slot, index)


def _answers(
    folder: ModelFolder,
    config: RunConfig,
    winner: StoredEvaluation,
    subject: Subject,
    folds: list[Fold],
    on_event: OnEvent,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the outputs for every beat by the network that did not know its patient, and which."""
    recipe, data = config.training, subject.data
    steps = epoch_steps([thin(data, fold.train, recipe.keep_every) for fold in folds], recipe.batch)
    answers = np.zeros((len(data.labels), len(data.classes)), dtype=np.float32)
    fold_of = np.zeros(len(data.labels), dtype=np.int64)
    folder.fold(0).parent.mkdir(parents=True, exist_ok=True)
    for index, fold in enumerate(folds):
        on_event({"event": "fold", "fold": index + 1, "folds": len(folds)})
        seed = _seed(config, winner, index)
        known = read_tensors(folder.fold(index), seed)
        if known is None:
            module = train(subject.build, data, fold.train, recipe, seed=seed, steps=steps)
            known = {
                _LOGITS: torch.from_numpy(logits(module, data, fold.held_out)),
                **weights_of(module),
            }
            write_tensors(folder.fold(index), seed, known)
        answers[fold.held_out] = known[_LOGITS].numpy()
        fold_of[fold.held_out] = index
    return answers, fold_of


def write_tensors(file: Path, seed: int, tensors: Mapping[str, torch.Tensor]) -> None:
    """Write what came of the training with ``seed``, whole or not at all."""
    from safetensors.torch import save_file

    with whole(file) as part:
        save_file(dict(tensors), part, metadata={"seed": str(seed)})


def read_tensors(file: Path, seed: int) -> dict[str, torch.Tensor] | None:
    """Return what was written of the training with ``seed``; ``None`` if that is not there."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="pt") as opened:
            if (opened.metadata() or {}).get("seed") != str(seed):
                return None  # of an earlier winner
            return {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    except (OSError, SafetensorError):  # none yet, or damaged: trained anew
        return None
