"""The final training: the candidate on all training patients."""

from __future__ import annotations

import dataclasses
import time

import numpy as np

from data_prep.events import OnEvent
from ecg_nas import seeds
from ecg_nas.evaluation.fold_training import cost_of
from ecg_nas.pipeline.final_model import FinalModel
from ecg_nas.pipeline.network_files import weights_of, write_tensors
from ecg_nas.training.device_data import thin
from ecg_nas.training.loop import train


def train_final(model: FinalModel, on_event: OnEvent) -> None:
    """Train ``model`` on all training patients; write its weights, then ``final.json``.

    Raises:
        RunError: If the files cannot be written.
        DivergedError: If the training diverges.
    """
    config, candidate, folder = model.config, model.candidate, model.folder
    data = model.beats_on(config.device)
    recipe = dataclasses.replace(
        config.training, epochs=config.final.epochs, keep_every=config.final.keep_every
    )
    started = time.perf_counter()
    rows = np.arange(len(data.labels))
    losses: list[float] = []

    def on_epoch(epoch: int, loss: float) -> None:
        losses.append(loss)
        on_event({"event": "final", "epoch": epoch, "epochs": recipe.epochs, "loss": loss})

    seed = seeds.derive(config.seed, "final", candidate.slot)
    module = train(model.build, data, rows, recipe, seed=seed, on_epoch=on_epoch)
    cost = cost_of(model.space, model.architecture, model.spec)
    folder.final.unlink(missing_ok=True)  # of an earlier winner: no longer what the weights are
    write_tensors(folder.weights, weights_of(module))
    counts = np.bincount(
        data.labels[thin(data, rows, recipe.keep_every)], minlength=len(data.classes)
    )
    model.store(
        folder.final,
        {
            "key": candidate.key,
            "architecture": candidate.architecture,
            "spec": model.spec.to_json(),
            "score": candidate.score,
            "metrics": candidate.metrics,
            "params": cost.params,
            "macs": cost.macs,
            "seed": seed,
            "training": dataclasses.asdict(recipe),
            "beats": dict(zip(data.classes, counts.tolist(), strict=True)),
            "patients": list(model.signals.patients),
            "losses": losses,
            "device": data.device.type,
            "seconds": time.perf_counter() - started,
        },
    )
