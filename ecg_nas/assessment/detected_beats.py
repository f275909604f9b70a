"""Beats that no one annotated, in place of the annotated ones: found, cut, and paired.

Where a monitor must find its beats itself, a missed beat is a false negative of its class and a
false one a false positive of the class that it was given.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from data_prep.dsp.filters import original_positions
from data_prep.ec57.beat_by_beat import compare
from data_prep.io.record import Annotations
from data_prep.store.dataset import SignalStore

_NONE = -1


def with_detected_beats(store: SignalStore) -> SignalStore:
    """Return ``store`` with the R peaks that ``data_prep.dsp.r_peaks`` finds as its beats.

    The peaks are looked for in the signals of the store: filtered, at its rate, as the classifier
    sees them. What it is cut from, every :class:`BeatSpec` is cut as from annotated beats; the
    labels ``y`` (0) and symbols (``?``) mean nothing.
    """
    from data_prep.dsp.r_peaks import detect

    positions, samples, records = [], [], []
    for index, record in enumerate(store.records):
        signal = np.asarray(store.signal[record.offset : record.offset + record.length])
        found = detect(signal, store.signal_spec.fs_hz)
        at = original_positions(found, record.fs_hz, store.signal_spec.fs_hz, record.n_samples)
        positions.append(found)
        samples.append(at)
        records.append(np.full(len(found), index, dtype=np.int64))
    n_beats = sum(map(len, positions))
    beats = {
        "position": np.concatenate(positions),
        "sample": np.concatenate(samples),
        "symbol": np.full(n_beats, "?"),
        "y": np.zeros(n_beats, dtype=np.int64),
        "record": np.concatenate(records),
    }
    return replace(store, beats=beats)


def pair(
    reference: NDArray[np.int64], found: NDArray[np.int64], *, fs_hz: float, n_samples: int
) -> NDArray[np.int64]:
    """Pair beats of one record as EC57 does, within 150 ms, from its first sample to its last.

    Args:
        reference: ``(n,)`` ascending positions of the annotated beats.
        found: ``(m,)`` ascending positions of the detected ones.
        fs_hz: Sampling rate of both.
        n_samples: Length of the record.

    Returns:
        ``(m,)`` index of the annotated beat that each detected one belongs to; -1 for none.
    """
    # The rules treat the first test beat as one that may come before the start. A beat in front
    # that both have takes this part, so that every real one is paired by the same rule.
    front = int(10 * fs_hz)
    matches = compare(
        _beats(reference, front, fs_hz),
        _beats(found, front, fs_hz),
        fs_hz=fs_hz,
        n_samples=n_samples + front,
        start_s=0,
    ).matches
    partner = np.full(len(found), _NONE, dtype=np.int64)
    at_reference = at_found = -1  # the beat in front is number -1
    for match in matches:
        if match.reference is not None and match.test is not None and at_found >= 0:
            partner[at_found] = at_reference
        at_reference += match.reference is not None
        at_found += match.test is not None
    return partner


def in_fibrillation(notes: Annotations, samples: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which of ``samples`` lie where the annotators saw ventricular flutter or fibrillation.

    There are no beats to be found there, so EC57 does not count what a detector finds.
    """
    inside = np.zeros(len(samples), dtype=bool)
    begin: int | None = None
    for sample, symbol in zip(notes.samples.tolist(), notes.symbols.tolist(), strict=True):
        if symbol == "[" and begin is None:
            begin = sample
        elif symbol == "]" and begin is not None:
            inside |= (samples >= begin) & (samples <= sample)
            begin = None
    if begin is not None:
        inside |= samples >= begin
    return inside


def _beats(samples: NDArray[np.int64], front: int, fs_hz: float) -> Annotations:
    n_beats = len(samples) + 1
    return Annotations(
        samples=np.concatenate([[0], samples + front]).astype(np.int64),
        symbols=np.full(n_beats, "N"),
        subtypes=np.zeros(n_beats, dtype=np.int64),
        aux=("",) * n_beats,
        fs_hz=fs_hz,
    )
