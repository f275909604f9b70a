"""From a filtered signal and its beats to windows with rhythm context."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_prep.beats.beat_spec import BeatSpec
from data_prep.beats.normalization import AMPLITUDE_FLOOR_MV, record_levels, running_levels
from data_prep.beats.rhythm import rhythm_context, running_context
from data_prep.errors import DataError


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """All beats of one record as a :class:`BeatSpec` presents them.

    Attributes:
        windows: ``(beats, window_channels, samples)`` float32, filtered mV: the beat's own leads,
            then those of the beat before, of the beat after, of two before, of two after …
        scale: ``(levels, leads)`` float32, mV: amplitude per lead.
        reference: ``(levels, leads, samples)`` float32, mV: median beat.
        level: ``(beats,)`` int64: which row of ``scale`` and ``reference`` is a beat's. A record
            has one level, and of causal beats one after the other.
        context: ``(beats, features)`` float32 rhythm features.
    """

    windows: NDArray[np.float32]
    scale: NDArray[np.float32]
    reference: NDArray[np.float32]
    level: NDArray[np.int64]
    context: NDArray[np.float32]


def cut_beats(
    signal: NDArray[np.float32],
    positions: NDArray[np.int64],
    times_s: NDArray[np.float64],
    spec: BeatSpec,
) -> Cut:
    """Cut all beats of one record.

    A window that passes an end of the record is filled with 0, as is the window of a neighbour
    that does not exist: every beat has its row.

    Args:
        signal: ``(samples, leads)`` filtered mV at ``spec.signal.fs_hz``; its baseline as
            ``spec.baseline`` says (``baseline.with_baseline``).
        positions: ``(beats,)`` R peaks in samples of ``signal``, ascending.
        times_s: ``(beats,)`` R-peak times in seconds, for the rhythm; finer than ``positions``
            where these were rounded.
        spec: What to cut.

    Raises:
        DataError: If the signal has not the leads of ``spec``.
    """
    n_leads = len(spec.signal.leads)
    if signal.ndim != 2 or signal.shape[1] != n_leads:
        raise DataError(f"the signal must be (samples, {n_leads} leads); got {signal.shape}")
    own = cut_windows(signal, positions, spec.before, spec.samples)
    windows = with_neighbours(own, np.arange(len(own)), spec) if spec.neighbours else own
    levels = running_levels(own, spec) if spec.causal else record_levels(own, spec)
    rhythm = running_context if spec.causal else rhythm_context
    return Cut(
        windows=windows,
        scale=levels.scale,
        reference=levels.reference,
        level=levels.level,
        context=rhythm(times_s, spec.rhythm),
    )


def with_neighbours(
    own: NDArray[np.float32], beats: NDArray[np.int64], spec: BeatSpec
) -> NDArray[np.float32]:
    """Return the windows of some beats with those of their neighbours, ordered as in :class:`Cut`.

    Args:
        own: ``(beats, leads, samples)`` own windows of all beats of the record.
        beats: Indices of the beats that are wanted.
        spec: How they were cut.
    """
    if not spec.neighbours:
        return own[beats]
    n_leads = own.shape[1]
    windows = np.zeros((len(beats), spec.window_channels, own.shape[2]), dtype=np.float32)
    windows[:, :n_leads] = own[beats]
    for step in range(1, spec.neighbours + 1):
        at = n_leads * (2 * step - 1)
        for first, neighbour in ((at, beats - step), (at + n_leads, beats + step)):
            there = (neighbour >= 0) & (neighbour < len(own))
            windows[there, first : first + n_leads] = own[neighbour[there]]
    return windows


def network_input(
    windows: NDArray[np.float32],
    scale: NDArray[np.float32],
    reference: NDArray[np.float32],
    spec: BeatSpec,
) -> NDArray[np.float32]:
    """Return what a network sees: everything between the filtered window and its first layer.

    This is the definition; an exported model repeats it inside its graph. Every channel of a lead
    is divided by the same amplitude: the level's, or (``scale="window"``) the largest magnitude
    in the beat's own window, not in its neighbours'. Amplitudes below ``AMPLITUDE_FLOOR_MV``
    count as that. With ``reference_beat``, own window minus reference follows, scaled alike.

    Args:
        windows: ``(beats, window_channels, samples)`` filtered mV, ordered as in :class:`Cut`.
        scale: ``(beats, leads)`` or ``(leads,)`` amplitude of the beat's level, mV.
        reference: ``(beats, leads, samples)`` or ``(leads, samples)`` median beat, mV.
        spec: How the windows were cut.

    Returns:
        ``(beats, channels, samples)`` float32.
    """
    n_leads = len(spec.signal.leads)
    own = windows[:, :n_leads]
    if spec.scale == "window":
        amplitude = np.abs(own).max(axis=2)
    else:
        amplitude = np.broadcast_to(scale, own.shape[:2])
    amplitude = np.maximum(amplitude, np.float32(AMPLITUDE_FLOOR_MV))[:, :, None]
    x = np.empty((len(windows), spec.channels, windows.shape[2]), dtype=np.float32)
    n_windows = spec.window_channels
    for first in range(0, n_windows, n_leads):
        chunk = slice(first, first + n_leads)
        np.divide(windows[:, chunk], amplitude, out=x[:, chunk])
    if spec.reference_beat:
        np.divide(own - reference, amplitude, out=x[:, n_windows:])
    return x


def cut_windows(
    signal: NDArray[np.float32], positions: NDArray[np.int64], before: int, samples: int
) -> NDArray[np.float32]:
    """Return ``(beats, leads, samples)`` windows, 0 where they pass an end of ``signal``.

    One gather for the whole ones, then those at the ends.
    """
    starts = positions - before
    out = np.zeros((len(positions), signal.shape[1], samples), dtype=np.float32)
    whole = (starts >= 0) & (starts + samples <= len(signal))
    if whole.any():
        # A view of all windows that there could be: only those of the beats are copied.
        view = np.lib.stride_tricks.sliding_window_view(signal, samples, axis=0)
        out[whole] = view[starts[whole]]
    for beat in np.flatnonzero(~whole):
        start = int(starts[beat])
        first, last = max(start, 0), min(start + samples, len(signal))
        if first < last:
            out[beat, :, first - start : last - start] = signal[first:last].T
    return out
