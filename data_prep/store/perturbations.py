"""A signal store as it would be, had its recordings come with noise, altered leads or another rate.

A store keeps what it took from its signals: both together are the low-passed recordings. The
low-pass is linear, so noise that went through it alone and is added there gives what the noise
would have given in the recording itself. The medians are not: the baseline is taken anew. (Of
signals with a high-pass, only what that has left is there to be altered.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from data_prep.beats.beat_spec import BeatSpec
from data_prep.beats.cutting import cut_windows
from data_prep.beats.normalization import qrs_sizes
from data_prep.dsp.filters import (
    Conditioned,
    filter_filled,
    resample,
    resampled_positions,
    without_baseline,
)
from data_prep.simulation.noise import Noise, draw_noise
from data_prep.store.dataset import SignalStore, StoredRecord

_QUIET = Noise(
    wander_mv=0, muscle_mv=0, mains_mv=0, mains_hz=50, motion=0, motion_mv=0, breath_hz=0.25
)
NOISES: Mapping[str, Noise] = MappingProxyType(
    {
        "baseline wander": replace(_QUIET, wander_mv=1),
        "muscle noise": replace(_QUIET, muscle_mv=1),
    }
)
"""The kinds of noise: breathing and slower drift; 15 to 112 Hz, swelling and fading."""

NOISE_FS_HZ = 250.0
"""Rate at which noise is drawn, whatever that of the recordings: the same noise for all."""


def swapped(store: SignalStore) -> SignalStore:
    """Return ``store`` with its leads in the opposite order, under the names that they had."""
    baseline = store.baseline()
    return replace(
        store,
        signal=store.signal[:, ::-1],
        taken=None if baseline is None else baseline[:, ::-1],
    )


def inverted(store: SignalStore) -> SignalStore:
    """Return ``store`` with all leads upside down."""
    baseline = store.baseline()
    return replace(store, signal=-store.signal, taken=None if baseline is None else -baseline)


def draw(store: SignalStore, kind: str, rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw noise for all recordings of ``store``, as it would pass the store's low-pass.

    Args:
        store: The recordings.
        kind: One of ``NOISES``.
        rng: Source of randomness.

    Returns:
        ``(rows, leads)`` mV, each lead of each recording at 0 dB: before the low-pass, the mean
        square of the noise is that of a sine as high as the recording's median QRS complex is
        from peak to peak. None where there are no beats.

    References:
        Moody, Muldrow & Mark 1984, A noise stress test for arrhythmia detectors, Computers in
        Cardiology 11:381 (the definition of the signal's power, as PhysioNet's nst has it).
    """
    spec = store.signal_spec
    out = np.zeros(store.signal.shape, dtype=np.float32)
    for index, record in enumerate(store.records):
        n_samples = int(record.length * NOISE_FS_HZ / spec.fs_hz) + 1
        noise = draw_noise(NOISES[kind], n_samples, NOISE_FS_HZ, rng, leads=len(spec.leads))
        level = _qrs_mv(store, index) / np.sqrt(8 * np.mean(noise**2, axis=0))
        passed = resample(
            (noise * level).astype(np.float32), NOISE_FS_HZ, spec.fs_hz, cutoff_hz=spec.band_hz[1]
        )
        out[_span(record)] = passed[: record.length]
    return out


def noisy(store: SignalStore, noise: NDArray[np.float32], snr_db: float) -> SignalStore:
    """Return ``store`` with noise in all of its recordings.

    Args:
        store: The recordings.
        noise: What :func:`draw` returned for them.
        snr_db: How far the noise lies below the signal.
    """
    whole = _low_passed(store)
    whole += noise * np.float32(10 ** (-snr_db / 20))
    parts = [without_baseline(whole[_span(one)], store.signal_spec) for one in store.records]
    return _with(store, parts)


def at_rate(store: SignalStore, fs_hz: float) -> SignalStore:
    """Return ``store`` as if made of recordings of ``fs_hz`` samples a second.

    The low-passed recordings are resampled to that rate and filtered from there as any recording
    is, so they are low-passed twice; R peaks are rounded to its samples.
    """
    spec = store.signal_spec
    whole = _low_passed(store)
    bounds = np.searchsorted(store.beats["record"], np.arange(len(store.records) + 1))
    parts, records = [], []
    sample, position = store.beats["sample"].copy(), store.beats["position"].copy()
    for index, record in enumerate(store.records):
        there = resample(whole[_span(record)], spec.fs_hz, fs_hz)
        here = filter_filled(there, np.zeros(there.shape, dtype=np.bool_), fs_hz, spec)
        cut = slice(record.length)
        baseline = None if here.baseline is None else here.baseline[cut]
        parts.append(Conditioned(signal=here.signal[cut], baseline=baseline))
        own = slice(bounds[index], bounds[index + 1])
        sample[own] = resampled_positions(sample[own], record.fs_hz, fs_hz, len(there))
        position[own] = resampled_positions(sample[own], fs_hz, spec.fs_hz, record.length)
        records.append(replace(record, fs_hz=fs_hz, n_samples=len(there)))
    beats = {**store.beats, "sample": sample, "position": position}
    return replace(_with(store, parts), records=tuple(records), beats=beats)


def _low_passed(store: SignalStore) -> NDArray[np.float32]:
    """Return signal and baseline together, as an array of its own."""
    baseline = store.baseline()
    return np.array(store.signal) if baseline is None else store.signal + baseline


def _with(store: SignalStore, parts: list[Conditioned]) -> SignalStore:
    """Return ``store`` with the filtered recordings ``parts``, still 0 where leads have gaps."""
    signal = np.concatenate([part.signal for part in parts])
    baselines = [part.baseline for part in parts if part.baseline is not None]
    for record in store.records:
        for lead in np.flatnonzero(record.zeroed_s):
            rows = signal[_span(record), lead]
            rows[store.signal[_span(record), lead] == 0] = 0
    return replace(store, signal=signal, taken=np.concatenate(baselines) if baselines else None)


def _qrs_mv(store: SignalStore, index: int) -> NDArray[np.float32]:
    """Return the median QRS complex of one record from peak to peak: ``(leads,)`` mV."""
    spec = BeatSpec(signal=store.signal_spec)
    positions = store.beats["position"][store.beats["record"] == index]
    signal = store.signal[_span(store.records[index])]
    if len(positions) == 0:
        return np.zeros(signal.shape[1], dtype=np.float32)
    own = cut_windows(signal, positions, spec.before, spec.samples)
    return np.asarray(np.median(qrs_sizes(own, spec), axis=0), dtype=np.float32)


def _span(record: StoredRecord) -> slice:
    return slice(record.offset, record.offset + record.length)
