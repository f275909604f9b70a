"""Find the beats that no one annotated: R peaks by a vote of detectors on all leads.

No single detector of neurokit2 holds on every recording: one takes T waves for beats, another
loses an inverted QRS, and any of them fails on a noisy lead. So three detectors look at each
lead, and each voice weighs as much as that detector on that lead has lately agreed with the
others. Where the accepted beats leave a gap, weaker candidates may fill it.

The recording is worked through in blocks of ten minutes that start at fixed times, each read with
some of its neighbours: the result does not depend on how the recording is read, and a day of
signal needs no more memory than ten minutes do.

The constants were chosen on the training patients DS1 of the MIT-BIH Arrhythmia Database alone.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from data_prep.dsp.filters import band_pass, bridge_gaps, resample
from data_prep.errors import DataError

# How late each detector reports a peak: its median against annotated peaks.
_DELAY_S: Final = {"pantompkins1985": 0.050, "kalidas2017": 0.033, "neurokit": 0.0}

BLOCK_S: Final = 600
_MARGIN_S: Final = 30  # a multiple of the agreement window, so that the windows lie on one grid

# The detectors' time constants suit this rate; a day at 1,000 Hz would take four times as long.
_FS_HZ: Final = 250.0

_AGREE_S: Final = 0.1  # two detectors mean the same beat
_WINDOW_S: Final = 30  # over which their agreement is measured
_POWER: Final = 6  # an agreement of 0.9 weighs half as much as a perfect one
_GAP_S: Final = 0.07  # candidates closer than that are one
_ACCEPT: Final = 0.45  # share of the weights that makes a beat
_ACCEPT_IN_GAP: Final = 0.25
_REFRACTORY_S: Final = 0.2
_LONG_GAP: Final = 1.6  # times the median interval of the beats around
_SETTLE_S: Final = 0.08
_SETTLE_BAND_HZ: Final = (3.0, 25.0)
_LEAST_HEIGHT: Final = 0.25  # of the median of the beats around, in the best lead
_AROUND: Final = 31  # beats
_INTERVALS: Final = 9  # around one make the usual interval
_LONGEST_USUAL_S: Final = 1.5

Read = Callable[[int, int], NDArray[np.float32]]


def detect(signal: NDArray[np.float32], fs_hz: float) -> NDArray[np.int64]:
    """Find the R peaks of a recording.

    Args:
        signal: ``(samples, leads)`` in mV, raw or filtered; NaN where there is no valid sample.
            More than two leads add time, seldom beats.
        fs_hz: Sampling rate.

    Returns:
        ``(n_beats,)`` ascending positions: the extremum of the first lead that has a signal there.

    Raises:
        DataError: If the signal has another shape, or the rate is not above 0.
    """
    if signal.ndim != 2 or signal.shape[1] == 0:
        raise DataError(f"beats are detected in (samples, leads); got an array of {signal.shape}")
    return detect_in_blocks(lambda start, stop: signal[start:stop], len(signal), fs_hz)


def detect_in_blocks(read: Read, n_samples: int, fs_hz: float) -> NDArray[np.int64]:
    """Find the R peaks of a recording that is read piece by piece; as :func:`detect`.

    Args:
        read: Returns samples ``start`` to ``stop`` as ``(stop - start, leads)``; called with
            overlapping pieces of up to eleven minutes, in order.
        n_samples: Length of the recording.
        fs_hz: Sampling rate.

    Raises:
        DataError: If the rate is not above 0.
    """
    found = list(detect_by_block(read, n_samples, fs_hz))
    return np.concatenate(found) if found else np.zeros(0, dtype=np.int64)


def detect_by_block(read: Read, n_samples: int, fs_hz: float) -> Iterator[NDArray[np.int64]]:
    """Yield the R peaks block by block; together they are what :func:`detect_in_blocks` returns.

    When the peaks of a block come, ``read`` was called for at least half a minute behind the last
    of them, or up to the recording's end.

    Args:
        read: As for :func:`detect_in_blocks`.
        n_samples: Length of the recording.
        fs_hz: Sampling rate.

    Raises:
        DataError: If the rate is not above 0.
    """
    if not (math.isfinite(fs_hz) and fs_hz > 0):
        raise DataError(f"the sampling rate must be above 0; got {fs_hz}")
    previous = -(1 << 40)
    for block in range(math.ceil(n_samples / (BLOCK_S * fs_hz))):
        first, last = (round((block + k) * BLOCK_S * fs_hz) for k in (0, 1))
        start = max(first - round(_MARGIN_S * fs_hz), 0)
        stop = min(last + round(_MARGIN_S * fs_hz), n_samples)
        peaks = start + _detect_block(read(start, stop), fs_hz)
        peaks = peaks[(peaks >= first) & (peaks < min(last, n_samples))]
        # Two blocks, or two candidates, may have found the same beat.
        apart = np.diff(peaks, prepend=previous) >= 0.5 * _REFRACTORY_S * fs_hz
        previous = int(peaks[-1]) if len(peaks) else previous
        yield peaks[apart]


def _detect_block(signal: NDArray[np.float32], fs_hz: float) -> NDArray[np.int64]:
    """Find the peaks of one block; positions count from its first sample."""
    missing: NDArray[np.bool_] = np.all(np.isnan(signal), axis=1)
    bridged = bridge_gaps(signal)
    voices = _voices(resample(bridged, fs_hz, _FS_HZ))
    if not any(len(voice) for voice in voices):
        return np.zeros(0, dtype=np.int64)
    positions, shares = _vote(voices)
    beats = _choose(positions, shares)
    if len(beats) == 0:
        return beats
    beats = np.minimum(np.rint(beats / _FS_HZ * fs_hz).astype(np.int64), len(signal) - 1)
    peaks, is_high = _settle(bridged, beats, fs_hz)
    return peaks[is_high & ~missing[peaks]]


def _voices(signal: NDArray[np.float32]) -> list[NDArray[np.int64]]:
    """Ask each detector about each lead that is not flat."""
    import neurokit2

    rate = int(_FS_HZ)
    voices: list[NDArray[np.int64]] = []
    for lead in signal.T.astype(np.float64):
        # Their filters need a second of signal.
        if len(lead) < rate or np.ptp(lead) == 0:
            continue
        for method, delay_s in _DELAY_S.items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                clean = neurokit2.ecg_clean(lead, sampling_rate=rate, method=method)
                info = neurokit2.ecg_findpeaks(clean, sampling_rate=rate, method=method)
            peaks = np.asarray(info["ECG_R_Peaks"], dtype=np.float64)
            early = np.rint(peaks[np.isfinite(peaks)] - delay_s * rate).astype(np.int64)
            voices.append(np.unique(early[(early >= 0) & (early < len(lead))]))
    return voices


def _vote(
    voices: Sequence[NDArray[np.int64]],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Join the voices to candidates; return their positions and the share of weight for each."""
    window = round(_WINDOW_S * _FS_HZ)
    n_windows = int(max(voice[-1] for voice in voices if len(voice))) // window + 1
    weights = _agreement(voices, window, n_windows) ** _POWER
    times = np.concatenate(voices)
    speakers = np.repeat(np.arange(len(voices)), [len(voice) for voice in voices])
    order = np.argsort(times, kind="stable")
    times, speakers = times[order], speakers[order]
    is_first = np.r_[True, np.diff(times) > _GAP_S * _FS_HZ]
    candidate = np.cumsum(is_first) - 1
    firsts = np.flatnonzero(is_first)
    lasts = np.r_[firsts[1:], len(times)] - 1
    positions = times[(firsts + lasts) // 2]
    speaks = np.zeros((len(voices), len(firsts)), dtype=bool)
    speaks[speakers, candidate] = True
    heard = weights[:, positions // window]
    total = heard.sum(axis=0)
    # A lone voice agrees with nobody: it decides alone.
    shares = np.where(
        total > 0, (heard * speaks).sum(axis=0) / np.where(total > 0, total, 1), speaks.mean(axis=0)
    )
    return positions, shares


def _agreement(
    voices: Sequence[NDArray[np.int64]], window: int, n_windows: int
) -> NDArray[np.float64]:
    """Return ``(voices, windows)``: how far each voice agrees with the others, 0 to 1.

    It is the mean over the others of the F1 between both, in this window and, with half the
    weight, its neighbours.
    """

    def per_window(peaks: NDArray[np.int64]) -> NDArray[np.float64]:
        counts = np.bincount(peaks // window, minlength=n_windows).astype(np.float64)
        smooth: NDArray[np.float64] = np.convolve(np.pad(counts, 1), (0.5, 1, 0.5), "valid")
        return smooth

    counts = [per_window(voice) for voice in voices]
    agreement = np.zeros((len(voices), n_windows))
    for i, one in enumerate(voices):
        for j, other in enumerate(voices[:i]):
            shared = per_window(one[_near(one, other)]) + per_window(other[_near(other, one)])
            f1 = shared / np.maximum(counts[i] + counts[j], 1)
            agreement[i] += f1
            agreement[j] += f1
    return agreement / max(len(voices) - 1, 1)


def _near(peaks: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which of ``peaks`` have one of ``others`` beside them."""
    if len(others) == 0:
        return np.zeros(len(peaks), dtype=bool)
    after = np.searchsorted(others, peaks)
    distance = np.minimum(
        np.abs(peaks - others[np.maximum(after - 1, 0)]),
        np.abs(peaks - others[np.minimum(after, len(others) - 1)]),
    )
    near: NDArray[np.bool_] = distance <= _AGREE_S * _FS_HZ
    return near


def _choose(positions: NDArray[np.int64], shares: NDArray[np.float64]) -> NDArray[np.int64]:
    """Accept candidates by their share; fill long gaps with weaker ones."""
    from scipy.ndimage import median_filter

    chosen: list[int] = []
    for k in np.flatnonzero(shares > _ACCEPT).tolist():
        if chosen and positions[k] - positions[chosen[-1]] < _REFRACTORY_S * _FS_HZ:
            if shares[k] > shares[chosen[-1]]:
                chosen[-1] = k
        else:
            chosen.append(k)
    beats = positions[chosen]
    intervals = np.diff(beats).astype(np.float64)
    if len(intervals) == 0:
        return beats
    usual = np.minimum(
        median_filter(intervals, _INTERVALS, mode="reflect"), _LONGEST_USUAL_S * _FS_HZ
    )
    filled = beats.tolist()
    for gap in np.flatnonzero(intervals > _LONG_GAP * usual).tolist():
        lo, hi = np.searchsorted(positions, (beats[gap] + 1, beats[gap + 1]))
        taken = [int(beats[gap]), int(beats[gap + 1])]
        for k in lo + np.argsort(-shares[lo:hi], kind="stable"):
            if shares[k] <= _ACCEPT_IN_GAP:
                break
            if min(abs(int(positions[k]) - time) for time in taken) > 0.5 * usual[gap]:
                taken.append(int(positions[k]))
        filled += taken[2:]
    return np.array(sorted(filled), dtype=np.int64)


def _settle(
    signal: NDArray[np.float32], beats: NDArray[np.int64], fs_hz: float
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Move each beat to the extremum around it, in the first lead that has one there.

    Returns:
        The moved positions, and which beats stand out: where there is no signal yet, or no beat
        for long, detectors agree on noise.
    """
    from scipy.ndimage import median_filter

    high = min(_SETTLE_BAND_HZ[1], 0.4 * fs_hz)
    smooth = np.abs(band_pass(signal, fs_hz, (_SETTLE_BAND_HZ[0], high)))
    reach = round(_SETTLE_S * fs_hz)
    around = np.clip(beats[:, None] + np.arange(-reach, reach + 1), 0, len(signal) - 1)
    peaks = beats.copy()
    unsettled = np.ones(len(beats), dtype=bool)
    is_high = np.zeros(len(beats), dtype=bool)
    for lead in range(signal.shape[1]):
        heights = smooth[:, lead][around]
        highest = heights.max(axis=1)
        has_signal = np.ptp(signal[:, lead][around], axis=1) > 0
        usual = median_filter(highest, _AROUND, mode="reflect")
        is_high |= has_signal & (highest >= _LEAST_HEIGHT * usual)
        here = unsettled & has_signal
        best = np.take_along_axis(around, heights.argmax(axis=1)[:, None], axis=1)[:, 0]
        peaks[here] = best[here]
        unsettled &= ~here
    return peaks, is_high
