"""What noise, altered leads and other sampling rates do to the winner, by its fold networks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data_prep.store import perturbations
from data_prep.store.dataset import SignalStore
from ecg_nas.methods.engine.run_store import StoredEvaluation
from ecg_nas.metrics.classification import headline
from ecg_nas.pipeline.final_training import subject_of
from ecg_nas.pipeline.out_of_fold_pass import fold_network, folds_of
from ecg_nas.runs.config import RunConfig
from ecg_nas.runs.folder import ModelFolder, read_json, write_json
from ecg_nas.seeds import generator
from ecg_nas.training.device_data import to_device
from ecg_nas.training.loop import logits

_SNR_DB = (24, 12, 6, 0)
_RATES_HZ = (125, 250, 500)


def measure(
    folder: ModelFolder, config: RunConfig, store: Path, winner: StoredEvaluation, *, device: str
) -> None:
    """Ask the networks of the folds about altered recordings of the patients held out of them.

    The networks are those that ``held_out.judge`` trained; none is trained here. The side of the
    test patients is not opened. Nothing is done if this was done before.

    Raises:
        RunError: If a network is missing or damaged, or the result cannot be written.
    """
    if folder.robustness.exists() and read_json(folder.robustness).get("slot") == winner.slot:
        return
    subject = subject_of(config, store, winner, device=device)
    y, classes = subject.data.labels, subject.data.classes
    folds = folds_of(config, subject.signals)
    networks = [
        fold_network(folder, config, winner, subject, index).to(subject.data.device)
        for index in range(len(folds))
    ]
    with np.load(folder.outputs, allow_pickle=False) as arrays:
        plain: NDArray[np.int64] = arrays["logits"].argmax(axis=1)
    conditions = [{"name": "as recorded", **headline(y, plain, classes)}]
    for name, signals in _altered(subject.signals):
        data = to_device(signals.cut(subject.spec), device)
        called = np.zeros_like(plain)
        for network, fold in zip(networks, folds, strict=True):
            called[fold.held_out] = logits(network, data, fold.held_out).argmax(axis=1)
        conditions.append({"name": name, **headline(y, called, classes)})
    write_json(folder.robustness, {"slot": winner.slot, "conditions": conditions})


def _altered(signals: SignalStore) -> Iterator[tuple[str, SignalStore]]:
    """Yield what is done to the recordings, and the store that they would then give."""
    for kind in perturbations.NOISES:
        # Of no run: all models meet the same noise.
        noise = perturbations.draw(signals, kind, generator("robustness", kind))
        for snr_db in _SNR_DB:
            yield f"{kind}, {snr_db} dB", perturbations.noisy(signals, noise, snr_db)
    if len(signals.signal_spec.leads) > 1:
        yield "leads swapped", perturbations.swapped(signals)
    yield "all leads inverted", perturbations.inverted(signals)
    for fs_hz in _RATES_HZ:
        yield f"recorded at {fs_hz} Hz", perturbations.at_rate(signals, fs_hz)
