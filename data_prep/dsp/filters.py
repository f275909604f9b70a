"""Make raw signals comparable: pure functions from ``(samples, leads)`` to the same.

All filters that a store needs look a bounded time ahead (``SignalSpec.look_ahead_s``), so that a
stream gives the same numbers: gaps 0.04 s, the low-pass 0.06 s, the two medians 0.4 s. Only a
high-pass (``SignalSpec.band_hz``) of zero phase looks at the whole recording.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data_prep.dsp import gaps
from data_prep.dsp.signal_spec import BASELINE_S, HIGH_PASS_HZ, LOW_PASS_S, SignalSpec

# Side lobes at -53 dB.
_KAISER_BETA = 5.0
_LOW_PASS_ORDER = 4
HIGH_PASS_ORDER = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditioned:
    """A signal made comparable, and what was taken from it.

    Attributes:
        signal: ``(samples, leads)`` float32 mV, finite; 0 in long gaps.
        baseline: ``(samples, leads)`` float32 mV: signal plus baseline is the low-passed
            recording. ``None`` where none was removed.
    """

    signal: NDArray[np.float32]
    baseline: NDArray[np.float32] | None


def condition(signal: NDArray[np.float32], fs_hz: float, spec: SignalSpec) -> NDArray[np.float32]:
    """Fill gaps, resample, low-pass and remove the baseline, as ``spec`` says.

    Args:
        signal: ``(samples, leads)`` in mV at ``fs_hz``; NaN where there is no valid sample.
        fs_hz: Its sampling rate.
        spec: What to make of it.

    Returns:
        ``(samples', leads)`` float32 in mV at ``spec.fs_hz``, finite throughout.
    """
    return condition_parts(signal, fs_hz, spec).signal


def condition_parts(signal: NDArray[np.float32], fs_hz: float, spec: SignalSpec) -> Conditioned:
    """Do as :func:`condition`, and keep the baseline too."""
    filled, long = gaps.fill(signal, fs_hz)
    return filter_filled(filled, long, fs_hz, spec)


def filter_filled(
    filled: NDArray[np.float32], long: NDArray[np.bool_], fs_hz: float, spec: SignalSpec
) -> Conditioned:
    """Filter a signal without gaps; what lay in a long one becomes 0.

    Args:
        filled: ``(samples, leads)`` mV, as ``gaps.fill`` returns it.
        long: ``(samples, leads)`` as well.
        fs_hz: Sampling rate of both.
        spec: What to make of it.
    """
    parts = without_baseline(resample(filled, fs_hz, spec.fs_hz, cutoff_hz=spec.band_hz[1]), spec)
    out = parts.signal
    if long.any():
        change = ratio(fs_hz, spec.fs_hz)
        up, down = change.numerator, change.denominator
        nearest = (2 * np.arange(len(out)) * down + up) // (2 * up)
        out = np.where(long[np.minimum(nearest, len(long) - 1)], np.float32(0), out)
    return Conditioned(signal=out, baseline=parts.baseline)


def without_baseline(signal: NDArray[np.float32], spec: SignalSpec) -> Conditioned:
    """Remove the baseline of a low-passed recording at ``spec.fs_hz``, and high-pass it."""
    out, baseline = signal, None
    if spec.baseline == "two-median":
        baseline = two_median_baseline(out, spec.fs_hz)
        out = out - baseline
    if spec.band_hz[0] > 0:
        out = band_pass(out, spec.fs_hz, (spec.band_hz[0], 0.0))
    return Conditioned(signal=out, baseline=baseline)


class HighPass:
    """A high-pass of 0.5 Hz that looks back only, and goes on from piece to piece.

    Args:
        fs_hz: Sampling rate.
    """

    def __init__(self, fs_hz: float) -> None:
        from scipy.signal import butter, sosfilt_zi

        self._sections = butter(HIGH_PASS_ORDER, HIGH_PASS_HZ, "highpass", fs=fs_hz, output="sos")
        self._at_rest = sosfilt_zi(self._sections)
        self._state: NDArray[np.float64] | None = None

    def push(self, signal: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the next samples, ``(samples, leads)``, filtered."""
        from scipy.signal import sosfilt

        if len(signal) == 0:
            return signal
        if self._state is None:
            # As if the recording had always been at its first value.
            self._state = self._at_rest[:, :, None] * signal[0].astype(np.float64)
        out, self._state = sosfilt(
            self._sections, signal.astype(np.float64), axis=0, zi=self._state
        )
        return np.asarray(out, dtype=np.float32)


def ratio(fs_from_hz: float, fs_to_hz: float) -> Fraction:
    """Return the fraction by which :func:`resample` changes the number of samples."""
    return (Fraction(fs_to_hz) / Fraction(fs_from_hz)).limit_denominator(2000)


def resampled_length(n_samples: int, fs_from_hz: float, fs_to_hz: float) -> int:
    """Return how many samples :func:`resample` makes of ``n_samples``."""
    change = ratio(fs_from_hz, fs_to_hz)
    return -(-n_samples * change.numerator // change.denominator)


def resampled_positions(
    positions: ArrayLike, fs_from_hz: float, fs_to_hz: float, n_samples: int
) -> NDArray[np.int64]:
    """Return where ``positions`` lie after :func:`resample`, to the nearest sample.

    Args:
        positions: ``(n,)`` sample positions at ``fs_from_hz``.
        fs_from_hz: Rate before.
        fs_to_hz: Rate after.
        n_samples: Length of the resampled signal; no position is at or past its end.
    """
    scaled = np.rint(np.asarray(positions, dtype=np.float64) * float(ratio(fs_from_hz, fs_to_hz)))
    return np.minimum(scaled.astype(np.int64), n_samples - 1)


def original_positions(
    positions: ArrayLike, fs_from_hz: float, fs_to_hz: float, n_samples: int
) -> NDArray[np.int64]:
    """Return where positions in a signal of :func:`resample` lie before it, to the nearest sample.

    Not by the rates themselves: where no small fraction is their ratio, that would be seconds off
    at the end of a day.

    Args:
        positions: ``(n,)`` sample positions at ``fs_to_hz``.
        fs_from_hz: Rate before.
        fs_to_hz: Rate after.
        n_samples: Length of the signal before; no position is at or past its end.
    """
    scaled = np.asarray(positions, dtype=np.float64) * float(1 / ratio(fs_from_hz, fs_to_hz))
    return np.minimum(np.rint(scaled).astype(np.int64), n_samples - 1)


def bridge_gaps(signal: NDArray[np.float32]) -> NDArray[np.float32]:
    """Replace NaN by a straight line between its neighbours; a lead of NaN only becomes 0."""
    if not np.isnan(signal).any():
        return signal
    out = signal.copy()
    times = np.arange(len(signal))
    for lead in out.T:
        gap = np.isnan(lead)
        lead[gap] = np.interp(times[gap], times[~gap], lead[~gap]) if not gap.all() else 0
    return out


def low_pass_reach(fs_hz: float, up: int) -> int:
    """Return how many samples at ``fs_hz`` times ``up`` the low-pass looks to either side."""
    return round(LOW_PASS_S * fs_hz * up)


def resample(
    signal: NDArray[np.float32], fs_from_hz: float, fs_to_hz: float, *, cutoff_hz: float = 0.0
) -> NDArray[np.float32]:
    """Change the sampling rate and low-pass, in one filter of zero phase and finite length.

    Args:
        signal: ``(samples, leads)`` at ``fs_from_hz``.
        fs_from_hz: Rate before.
        fs_to_hz: Rate after.
        cutoff_hz: Where the gain is one half; 0 or too high: at half of the lower rate.
    """
    change = ratio(fs_from_hz, fs_to_hz)
    up, down = change.numerator, change.denominator
    highest = min(fs_from_hz, fs_to_hz) / 2
    cutoff = cutoff_hz if 0 < cutoff_hz < highest else highest
    if len(signal) == 0 or (change == 1 and cutoff >= highest):
        return signal
    from scipy.signal import upfirdn

    taps = _low_pass(fs_from_hz, up, cutoff)
    reach = len(taps) // 2
    # Zeros in front, so that an output sample lies on the filter's middle.
    front = -reach % down
    n_out = resampled_length(len(signal), fs_from_hz, fs_to_hz)
    first = (reach + front) // down
    # upfirdn gives no sample for which the filter would begin after the end: zeros behind.
    n_taps = (first + n_out) * down - (len(signal) - 1) * up
    taps = np.concatenate([np.zeros(front), taps])
    taps = np.concatenate([taps, np.zeros(max(n_taps - len(taps), 0))]).astype(np.float32)
    ends: Any = "edge"  # a record that starts away from 0 must not ring; scipy-stubs lack it
    columns = [
        upfirdn(taps, np.ascontiguousarray(lead), up, down, mode=ends)[first : first + n_out]
        for lead in signal.T
    ]
    return np.stack(columns, axis=1).astype(np.float32, copy=False)


@functools.cache
def _low_pass(fs_hz: float, up: int, cutoff_hz: float) -> NDArray[np.float64]:
    """Return the taps of the low-pass at ``fs_hz`` times ``up``, with a gain of ``up``."""
    from scipy.signal import firwin

    reach = low_pass_reach(fs_hz, up)
    taps = firwin(2 * reach + 1, cutoff_hz, window=("kaiser", _KAISER_BETA), fs=fs_hz * up)
    for phase in range(up):
        # Every phase on its own keeps a constant: no ripple on the baseline.
        taps[phase::up] /= taps[phase::up].sum()
    return np.asarray(taps)


def two_median_baseline(signal: NDArray[np.float32], fs_hz: float) -> NDArray[np.float32]:
    """Return the baseline: a median over 200 ms, then one over 600 ms.

    References:
        de Chazal et al., IEEE Trans. Biomed. Eng. 51:1196, 2004, doi:10.1109/TBME.2004.827359.
    """
    from scipy.ndimage import median_filter

    out = np.empty_like(signal)
    for lead in range(signal.shape[1]):
        # One dimension at a time: scipy's one-dimensional median is 15 times as fast.
        column = np.ascontiguousarray(signal[:, lead])
        for reach in median_reaches(fs_hz):
            column = median_filter(column, 2 * reach + 1, mode="nearest")
        out[:, lead] = column
    return out


def median_reaches(fs_hz: float) -> tuple[int, ...]:
    """Return how many samples each of the two medians looks to either side."""
    return tuple(int(seconds * fs_hz / 2) for seconds in BASELINE_S)


def band_pass(
    signal: NDArray[np.float32], fs_hz: float, band_hz: tuple[float, float]
) -> NDArray[np.float32]:
    """Keep the frequencies of ``band_hz`` with zero phase (Butterworth, forth and back).

    A corner of 0 leaves that side as it is.
    """
    from scipy.signal import butter, sosfiltfilt

    low, high = band_hz
    out = signal
    filters = []
    if low > 0:
        filters.append(butter(HIGH_PASS_ORDER, low, "highpass", fs=fs_hz, output="sos"))
    if high > 0:
        filters.append(butter(_LOW_PASS_ORDER, high, "lowpass", fs=fs_hz, output="sos"))
    for sections in filters:
        # A very short record cannot be padded by more than its own length.
        pad = min(3 * (2 * len(sections) + 1), len(out) - 1)
        out = np.asarray(sosfiltfilt(sections, out, axis=0, padlen=pad), dtype=np.float32)
    return out
