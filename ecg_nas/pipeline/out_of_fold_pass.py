"""The candidate's folds trained once more: its outputs for patients it was not trained on.

The search keeps confusion matrices only. Temperature, figures with intervals and the check of the
INT8 model need the outputs themselves, and the networks that gave them. The seeds are not those
of the search: the winner was chosen by the scores of those trainings, so they flatter.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from data_prep import sources
from data_prep.events import OnEvent
from ecg_nas.files import whole
from ecg_nas.metrics.out_of_fold import OutOfFold, facts_of
from ecg_nas.pipeline.final_model import LOGITS, FinalModel
from ecg_nas.pipeline.network_files import read_tensors, weights_of, write_tensors
from ecg_nas.training.device_data import epoch_steps, thin
from ecg_nas.training.loop import logits, train


def pass_out_of_fold(model: FinalModel, on_event: OnEvent) -> None:
    """Train the folds of ``model`` with the search's recipe; write outputs, then what follows.

    Every training patient is held out once. A fold that was trained before is not trained again.

    Raises:
        RunError: If the files cannot be written.
        DivergedError: If a training diverges.
    """
    _train_folds(model, on_event)
    data, folder = model.beats_on(model.config.device), model.folder
    fold_of = np.zeros(len(data.labels), dtype=np.int64)
    for index, fold in enumerate(model.folds):
        fold_of[fold.held_out] = index
    outputs = OutOfFold(
        logits=model.out_of_fold_logits,
        y=data.labels,
        patient=model.beats.patient,
        fold=fold_of,
        task=data.task,
        patients=model.beats.patient_names,
    )
    folder.out_of_fold.unlink(missing_ok=True)  # of an earlier winner
    with whole(folder.outputs) as part, part.open("wb") as file:
        outputs.save(file)
    source = model.signals.manifest.get("source")
    public = source in sources.available() and sources.load(str(source)).public
    model.store(
        folder.out_of_fold,
        {
            "key": model.candidate.key,
            "recipe": dataclasses.asdict(model.config.training),
            **facts_of(outputs, named=public),
        },
    )


def _train_folds(model: FinalModel, on_event: OnEvent) -> None:
    """Train the networks of the folds that are not there yet; write them with their outputs."""
    recipe, data, folds = model.config.training, model.beats_on(model.config.device), model.folds
    steps = epoch_steps([thin(data, fold.train, recipe.keep_every) for fold in folds], recipe.batch)
    model.folder.fold(0).parent.mkdir(parents=True, exist_ok=True)
    for index, fold in enumerate(folds):
        on_event({"event": "fold", "fold": index + 1, "folds": len(folds)})
        file, seed = model.folder.fold(index), model.fold_seed(index)
        if read_tensors(file, seed=seed) is not None:
            continue
        module = train(model.build, data, fold.train, recipe, seed=seed, steps=steps)
        outputs = torch.from_numpy(logits(module, data, fold.held_out))
        write_tensors(file, {LOGITS: outputs, **weights_of(module)}, seed=seed)
