"""What noise, altered leads and other sampling rates do to a candidate, by its fold networks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from data_prep.store import perturbations
from data_prep.store.dataset import SignalStore
from ecg_nas.metrics.classification import headline
from ecg_nas.pipeline.final_model import FinalModel
from ecg_nas.seeds import generator
from ecg_nas.training.device_data import to_device
from ecg_nas.training.loop import logits

_SNR_DB = (24, 12, 6, 0)
_RATES_HZ = (125, 250, 500)


def measure(model: FinalModel) -> None:
    """Evaluate the networks of the folds on altered recordings of the patients held out of them.

    The networks are those of the out-of-fold pass; none is trained here.

    Raises:
        RunError: If a network is missing or damaged, or the result cannot be written.
    """
    y, task, device = model.beats.y, model.spec.signal.task, model.config.device
    plain = model.out_of_fold_classes
    networks = [model.fold_network(index).to(device) for index in range(len(model.folds))]
    conditions = [{"name": "as recorded", **headline(y, plain, task)}]
    for name, signals in _altered(model.signals):
        data = to_device(signals.cut(model.spec), device)
        predicted = np.zeros_like(plain)
        for network, fold in zip(networks, model.folds, strict=True):
            predicted[fold.held_out] = logits(network, data, fold.held_out).argmax(axis=1)
        conditions.append({"name": name, **headline(y, predicted, task)})
    model.store(model.folder.robustness, {"conditions": conditions})


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
