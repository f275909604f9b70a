"""The winner of a search: chosen, trained on all training patients, kept on disk."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from data_prep.beats import BeatSpec
from data_prep.dataset import open_store
from data_prep.events import OnEvent
from ecg_nas import seeds
from ecg_nas.errors import RunError
from ecg_nas.evaluation.representation import beat_spec
from ecg_nas.evaluation.training import builder, cost_of
from ecg_nas.files import whole
from ecg_nas.runs.config import RunConfig
from ecg_nas.runs.folder import RunFolder, read_json, write_json
from ecg_nas.store import StoredEvaluation
from ecg_nas.training.data import thin, to_device
from ecg_nas.training.loop import train
from search_spaces import Architecture, load

if TYPE_CHECKING:
    from torch import nn


def best_of(evaluations: Sequence[StoredEvaluation]) -> StoredEvaluation:
    """Return the evaluation with the highest score, the earliest of equals.

    Raises:
        RunError: If none has a score.
    """
    scored = [evaluation for evaluation in evaluations if evaluation.score is not None]
    if not scored:
        reason = evaluations[0].failure if evaluations else "the budget allowed none"
        raise RunError(
            f"at least one candidate must train to its end; none of {len(evaluations)} did, the "
            f"first because: {reason}"
        )
    return max(scored, key=lambda evaluation: (evaluation.score, -evaluation.slot))


def train_final(
    folder: RunFolder,
    config: RunConfig,
    store: Path,
    winner: StoredEvaluation,
    *,
    device: str,
    on_event: OnEvent,
) -> None:
    """Train ``winner`` on all training patients; write its weights, then ``final.json``.

    Nothing is done if this was done before. The side of the test patients is not opened.

    Raises:
        RunError: If the files cannot be written.
        DivergedError: If the training diverges.
    """
    done = folder.final.exists() and folder.weights.exists()
    if done and read_json(folder.final).get("slot") == winner.slot:
        return
    from safetensors.torch import save_file  # with torch: only where networks are trained

    signals = open_store(store, "train")
    space = load(config.space)
    architecture = space.from_json(winner.architecture)
    spec = beat_spec(signals.signal_spec, architecture, config.fixed_representation)
    recipe = dataclasses.replace(
        config.training, epochs=config.final.epochs, keep_every=config.final.keep_every
    )
    started = time.perf_counter()
    data = to_device(signals.cut(spec), device)
    rows = np.arange(len(data.labels))
    losses: list[float] = []

    def on_epoch(epoch: int, loss: float) -> None:
        losses.append(loss)
        on_event({"event": "final", "epoch": epoch, "epochs": recipe.epochs, "loss": loss})

    seed = seeds.derive(config.seed, "final", winner.slot)
    module = train(
        builder(space, architecture, spec), data, rows, recipe, seed=seed, on_epoch=on_epoch
    )
    cost = cost_of(space, architecture, spec)
    folder.final.unlink(missing_ok=True)  # of an earlier winner: no longer what the weights are
    with whole(folder.weights) as part:
        # Channels-last weights are no plain memory, which is all the format knows.
        weights = {name: t.detach().cpu().contiguous() for name, t in module.state_dict().items()}
        save_file(weights, part)
    kept = thin(data, rows, recipe.keep_every)
    write_json(
        folder.final,
        {
            "slot": winner.slot,
            "key": winner.key,
            "architecture": winner.architecture,
            "spec": spec.to_json(),
            "score": winner.score,
            "metrics": winner.metrics,
            "params": cost.params,
            "macs": cost.macs,
            "seed": seed,
            "training": dataclasses.asdict(recipe),
            "beats": dict(
                zip(data.classes, np.bincount(data.labels[kept], minlength=5).tolist(), strict=True)
            ),
            "patients": list(signals.patients),
            "losses": losses,
            "device": data.device.type,
            "seconds": time.perf_counter() - started,
        },
    )


def load_final(folder: RunFolder, config: RunConfig) -> tuple[nn.Module, Architecture, BeatSpec]:
    """Return the trained winner as it was written, its architecture and how its beats are cut.

    Raises:
        RunError: If its files are missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    final = read_json(folder.final)
    space = load(config.space)
    architecture = space.from_json(final["architecture"])
    spec = BeatSpec.from_json(final["spec"])
    module = builder(space, architecture, spec)()
    try:
        module.load_state_dict(load_file(folder.weights))
    except (OSError, SafetensorError, RuntimeError) as error:
        first_line = str(error).splitlines()[0]
        raise RunError(
            f"{folder.weights} must hold the winner's weights ({first_line}); remove "
            f"{folder.final} and run the search again to train it anew"
        ) from error
    return module.eval(), architecture, spec
