"""Make raw signals comparable: pure functions from ``(samples, leads)`` to the same."""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data_prep.beats import SignalSpec

# Medians of these lengths follow the baseline without following the waves (de Chazal 2004).
_BASELINE_S = (0.2, 0.6)
_LOW_PASS_ORDER = 4
_HIGH_PASS_ORDER = 2


def condition(signal: NDArray[np.float32], fs_hz: float, spec: SignalSpec) -> NDArray[np.float32]:
    """Bridge gaps, resample, remove the baseline and band-pass, as ``spec`` says.

    Args:
        signal: ``(samples, leads)`` in mV at ``fs_hz``; NaN where there is no valid sample.
        fs_hz: Its sampling rate.
        spec: What to make of it.

    Returns:
        ``(samples', leads)`` float32 in mV at ``spec.fs_hz``, finite throughout.
    """
    out = resample(bridge_gaps(signal), fs_hz, spec.fs_hz)
    if spec.baseline == "two-median":
        out = out - two_median_baseline(out, spec.fs_hz)
    return band_pass(out, spec.fs_hz, spec.band_hz)


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


def resample(
    signal: NDArray[np.float32], fs_from_hz: float, fs_to_hz: float
) -> NDArray[np.float32]:
    """Change the sampling rate with an anti-aliasing filter of zero phase."""
    change = ratio(fs_from_hz, fs_to_hz)
    if change == 1:
        return signal
    from scipy.signal import resample_poly

    # "line": a record that starts away from 0 must not ring at its ends. One sample has no line.
    padtype: Literal["line", "constant"] = "line" if len(signal) > 1 else "constant"
    out = resample_poly(signal, change.numerator, change.denominator, axis=0, padtype=padtype)
    return np.asarray(out, dtype=np.float32)


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
        for seconds in _BASELINE_S:
            column = median_filter(column, 2 * int(seconds * fs_hz / 2) + 1, mode="nearest")
        out[:, lead] = column
    return out


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
        filters.append(butter(_HIGH_PASS_ORDER, low, "highpass", fs=fs_hz, output="sos"))
    if high > 0:
        filters.append(butter(_LOW_PASS_ORDER, high, "lowpass", fs=fs_hz, output="sos"))
    for sections in filters:
        # A very short record cannot be padded by more than its own length.
        pad = min(3 * (2 * len(sections) + 1), len(out) - 1)
        out = np.asarray(sosfiltfilt(sections, out, axis=0, padlen=pad), dtype=np.float32)
    return out
