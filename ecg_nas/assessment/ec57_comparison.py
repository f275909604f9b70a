"""A classifier's beats compared with the annotators', as ANSI/AAMI EC57 asks for."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from data_prep.ec57.beat_by_beat import LEARNING_PERIOD_S, compare, summarize
from data_prep.io.record import Annotations
from data_prep.store.dataset import BeatDataset, SignalStore
from ecg_nas.assessment.beat_matching import left_out

_UNCLASSIFIABLE: Final = "Q"
OF_CLASS: Final[Mapping[str, tuple[str, ...]]] = {
    "v": ("v_se", "v_ppv", "v_fpr", "ventricular"),
    "s": ("s_se", "s_ppv", "supraventricular"),
}
"""EC57's figures that are of a class, by its letter there: ventricular and supraventricular."""


def compare_as_ec57(
    store: SignalStore, data: BeatDataset, predicted: NDArray[np.int64], *, is_detected: bool
) -> dict[str, Any]:
    """Return ``bxb``'s figures of each record and of all, gross and average.

    The classified beats are the test annotator, by the WFDB symbols of their classes. A beat of the
    reference that was not classified, as no one detected it or as it has no class in the data set,
    counts as missed. Where beats were not detected, one that the task leaves out counts as found
    and unclassifiable.

    Args:
        store: The side that ``data`` was cut from.
        data: The beats.
        predicted: ``(beats,)`` index of the class given to each.
        is_detected: Whether the beats were detected, not those of the annotators.

    Returns:
        ``mapping``, ``start_s``, ``records`` and what
        ``data_prep.ec57.beat_by_beat.Summary.to_json`` names. The first five minutes are left out,
        as EC57 asks, unless a record has no more than that. A figure that the task's classes do not
        allow is ``None``.
    """
    shortest = min(record.n_samples / record.fs_hz for record in store.records)
    start_s = LEARNING_PERIOD_S if shortest > LEARNING_PERIOD_S else 0.0
    task = data.spec.signal.task
    symbols = np.array([kind.symbol for kind in task.kinds])[predicted]
    no_part = np.zeros_like(store.beats["y"], bool) if is_detected else left_out(store)
    hidden = {name for kind in OF_CLASS if kind not in task.ec57 for name in OF_CLASS[kind]}
    compared = {}
    for index, record in enumerate(store.records):
        own = data.record == index
        other = no_part & (store.beats["record"] == index)
        samples = np.concatenate([data.sample[own], store.beats["sample"][other]])
        marks = np.concatenate([symbols[own], np.full(int(other.sum()), _UNCLASSIFIABLE)])
        order, n_beats = np.argsort(samples, kind="stable"), len(samples)
        judged = Annotations(
            samples=samples[order],
            symbols=marks[order],
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
        **_without(summarize(compared.values()).to_json(), hidden),
        "records": {name: _without(one.to_json(), hidden) for name, one in compared.items()},
    }


def _without(values: Mapping[str, Any], hidden: Container[str]) -> dict[str, Any]:
    """Return ``values`` and their parts with ``None`` in place of the ``hidden`` figures."""
    return {
        name: None
        if name in hidden
        else _without(value, hidden)
        if isinstance(value, Mapping)
        else value
        for name, value in values.items()
    }
