"""A classifier's beats compared with the annotators', as ANSI/AAMI EC57 asks for."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_prep.ec57.beat_by_beat import LEARNING_PERIOD_S, compare, summarize
from data_prep.io.record import Annotations
from data_prep.store.dataset import BeatDataset, SignalStore


def compare_as_ec57(
    store: SignalStore, data: BeatDataset, predicted: NDArray[np.int64]
) -> dict[str, Any]:
    """Return ``bxb``'s figures of each record and of all, gross and average.

    The classified beats are the test annotator. A beat of the reference that was not classified,
    as no one detected it or as it has no class in the data set, counts as missed.

    Args:
        store: The side that ``data`` was cut from.
        data: The beats.
        predicted: ``(beats,)`` index of the class given to each.

    Returns:
        ``mapping``, ``start_s``, ``records`` and what
        ``data_prep.ec57.beat_by_beat.Summary.to_json`` names. The first five minutes are left out,
        as EC57 asks, unless a record has no more than that.
    """
    shortest = min(record.n_samples / record.fs_hz for record in store.records)
    start_s = LEARNING_PERIOD_S if shortest > LEARNING_PERIOD_S else 0.0
    symbols = np.array(data.spec.signal.classes)[predicted]
    compared = {}
    for index, record in enumerate(store.records):
        own = data.record == index
        n_beats = int(own.sum())
        judged = Annotations(
            samples=data.sample[own],
            symbols=symbols[own],
            subtypes=np.zeros(n_beats, dtype=np.int64),
            aux=("",) * n_beats,
            fs_hz=record.fs_hz,
        )
        compared[record.name] = compare(
            store.annotations(record.name),
            judged,
            fs_hz=record.fs_hz,
            n_samples=record.n_samples,
            start_s=start_s,
        )
    return {
        "mapping": "bxb",
        "start_s": start_s,
        **summarize(compared.values()).to_json(),
        "records": {name: one.to_json() for name, one in compared.items()},
    }
