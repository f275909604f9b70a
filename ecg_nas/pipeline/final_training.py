"""The winner of a search: chosen, trained on all training patients, kept on disk."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from data_prep.beats.beat_spec import BeatSpec
from data_prep.events import OnEvent
from data_prep.store.dataset import BeatDataset, SignalStore, open_store
from ecg_nas import seeds
from ecg_nas.errors import RunError
from ecg_nas.evaluation.fold_training import builder, cost_of
from ecg_nas.evaluation.representation import beat_spec
from ecg_nas.files import whole
from ecg_nas.methods.engine.run_store import StoredEvaluation, leader
from ecg_nas.runs.config import RunConfig
from ecg_nas.runs.folder import ModelFolder, read_json, write_json
from ecg_nas.training.device_data import DeviceData, thin, to_device
from ecg_nas.training.loop import train
from search_spaces import Architecture, load

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A candidate that is trained to be exported, and what it is trained on.

    Attributes:
        signals: The side of the training patients.
        beats: Those that have a class.
        architecture: What it is.
        spec: How its beats are cut.
        build: Makes its untrained network.
        data: The beats as its network takes them, on the device.
    """

    signals: SignalStore
    beats: BeatDataset
    architecture: Architecture
    spec: BeatSpec
    build: Callable[[], nn.Module]
    data: DeviceData


def best_of(evaluations: Sequence[StoredEvaluation]) -> StoredEvaluation:
    """Return the best evaluation, see ``store.leader``.

    Raises:
        RunError: If none has a score.
    """
    best = leader(evaluations)
    if best is None:
        reason = evaluations[0].failure if evaluations else "the budget allowed none"
        raise RunError(
            f"at least one candidate must train to its end; none of {len(evaluations)} did, the "
            f"first because: {reason}"
        )
    return best


def train_final(
    folder: ModelFolder,
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

    subject = subject_of(config, store, winner, device=device)
    spec, data = subject.spec, subject.data
    recipe = dataclasses.replace(
        config.training, epochs=config.final.epochs, keep_every=config.final.keep_every
    )
    started = time.perf_counter()
    rows = np.arange(len(data.labels))
    losses: list[float] = []

    def on_epoch(epoch: int, loss: float) -> None:
        losses.append(loss)
        on_event({"event": "final", "epoch": epoch, "epochs": recipe.epochs, "loss": loss})

    seed = seeds.derive(config.seed, "final", winner.slot)
    module = train(subject.build, data, rows, recipe, seed=seed, on_epoch=on_epoch)
    cost = cost_of(load(config.space), subject.architecture, spec)
    folder.final.unlink(missing_ok=True)  # of an earlier winner: no longer what the weights are
    with whole(folder.weights) as part:
        save_file(weights_of(module), part)
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
            "patients": list(subject.signals.patients),
            "losses": losses,
            "device": data.device.type,
            "seconds": time.perf_counter() - started,
        },
    )


def subject_of(config: RunConfig, store: Path, winner: StoredEvaluation, *, device: str) -> Subject:
    """Return ``winner`` and the training patients' beats as it takes them, on ``device``."""
    signals = open_store(store, "train")
    space = load(config.space)
    architecture = space.from_json(winner.architecture)
    spec = beat_spec(signals.signal_spec, architecture, config.fixed_representation)
    beats = signals.cut(spec)
    return Subject(
        signals=signals,
        beats=beats,
        architecture=architecture,
        spec=spec,
        build=builder(space, architecture, spec),
        data=to_device(beats, device),
    )


def weights_of(module: nn.Module) -> dict[str, Tensor]:
    """Return the state of ``module`` as safetensors can write it."""
    # Channels-last weights are no plain memory, which is all the format knows.
    return {name: t.detach().cpu().contiguous() for name, t in module.state_dict().items()}


def load_final(folder: ModelFolder, config: RunConfig) -> tuple[nn.Module, Architecture, BeatSpec]:
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
