"""Where a recording can be read: a verdict on each lead, every two seconds.

The grid is fixed in time, so the verdicts do not depend on how the recording is read. A segment
is unreadable where samples are missing, the signal does not move, it stands at a limit of its
range, its size is no heart's, or noise between the beats is large against the QRS complexes.
What a low-pass removes (mains hum) does no harm and is not counted: noise is measured behind it.

The thresholds were chosen on the training patients DS1 of the MIT-BIH Arrhythmia Database, so
that little of them is lost, and on noise that was added to them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

WINDOW_S: Final = 2.0
REASONS: Final = ("missing", "flat", "saturated", "implausible", "noise")
"""Why a lead is unreadable, the most certain first: a window's reason is the first that holds."""

_MISSING: Final = 0.25  # share of a window without value
_FLAT_MV: Final = 0.015
_FLAT_S: Final = 6.0  # a pause of the heart may be as flat for less
_LIMIT_MV: Final = 1.0  # away from the median, an extremum that is stood at is a limit
_LIMIT_SHARE: Final = 0.05
_LARGEST_MV: Final = 20.0
_BIN_S: Final = 0.1  # shorter than the pause between two beats
_NOISE: Final = 0.15  # of the lead's QRS complexes, peak to peak
_NOISE_MV: Final = 0.06
_JOIN_S: Final = 2.0  # between two unreadable segments, this much is not worth reading
_LEAST_NOISE_S: Final = 4.0  # noise for less is passed over


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A segment in which a lead cannot be read.

    Attributes:
        start_s: Where it begins.
        stop_s: Where it ends.
        lead: Index of the lead.
        reason: One of ``REASONS``.
    """

    start_s: float
    stop_s: float
    lead: int
    reason: str


class QualityMeter:
    """Measures a recording that comes piece by piece; :meth:`finish` gives the verdict.

    Args:
        leads: Number of leads.
        raw_fs_hz: Sampling rate of the signal as recorded.
        fs_hz: Sampling rate of the signal as filtered for a classifier.
    """

    def __init__(self, leads: int, *, raw_fs_hz: float, fs_hz: float) -> None:
        self._raw = _Windows(leads, raw_fs_hz)
        self._filtered = _Windows(leads, fs_hz)
        self._faults: list[NDArray[np.int8]] = []
        self._ranges: list[NDArray[np.float32]] = []
        self._noise: list[NDArray[np.float32]] = []
        self._fs_hz = fs_hz

    def push_raw(self, signal: NDArray[np.float32], *, last: bool = False) -> None:
        """Take the next samples as recorded, ``(samples, leads)`` mV with NaN."""
        for windows in self._raw.push(signal, last=last):
            faults, ranges = _faults(windows)
            self._faults.append(faults)
            self._ranges.append(ranges)

    def push_filtered(self, signal: NDArray[np.float32], *, last: bool = False) -> None:
        """Take the next samples as filtered, ``(samples, leads)`` mV."""
        for windows in self._filtered.push(signal, last=last):
            self._noise.append(_noise(windows, self._fs_hz))

    def finish(self, qrs_mv: NDArray[np.floating]) -> tuple[Segment, ...]:
        """Return what is unreadable, after both signals were given to their ends.

        Args:
            qrs_mv: ``(leads,)`` usual size of the QRS complexes, peak to peak; 0 if there are none.
        """
        if not self._faults:
            return ()
        faults, ranges = np.concatenate(self._faults), np.concatenate(self._ranges)
        noise = np.zeros_like(ranges)
        measured = np.concatenate(self._noise)[: len(noise)] if self._noise else noise[:0]
        noise[: len(measured)] = measured
        segments: list[Segment] = []
        for lead in range(faults.shape[1]):
            own = faults[:, lead]
            flat = _runs(ranges[:, lead] < _FLAT_MV, at_least=math.ceil(_FLAT_S / WINDOW_S))
            limit = max(_NOISE * float(qrs_mv[lead]), _NOISE_MV)
            noisy = _joined(noise[:, lead] > limit)
            noisy = _runs(noisy, at_least=math.ceil(_LEAST_NOISE_S / WINDOW_S))
            code = np.where(noisy, _CODE["noise"], 0)
            code = np.where(own > 0, own, code)
            code = np.where(flat & (own != _CODE["missing"]), _CODE["flat"], code)
            segments += _segments(code, lead, self._raw.length_s)
        return tuple(sorted(segments, key=lambda one: (one.start_s, one.lead)))


def spans(
    segments: Sequence[Segment], leads: Sequence[int] | None = None, *, of_all: bool = False
) -> list[tuple[float, float]]:
    """Return the times, in seconds, at which a lead (or all of them at once) cannot be read.

    Args:
        segments: What is unreadable.
        leads: The leads that matter; by default those of ``segments``.
        of_all: Whether all of ``leads`` must be unreadable, not only one.
    """
    wanted = sorted({one.lead for one in segments}) if leads is None else list(leads)
    needed = len(wanted) if of_all else 1
    edges = sorted(
        (time, change)
        for lead in wanted
        for start, stop in _union(segments, lead)
        for time, change in ((start, 1), (stop, -1))
    )
    out: list[tuple[float, float]] = []
    depth, begin = 0, 0.0
    # Of two edges at one time, an end is counted last: what touches is one span.
    for time, change in sorted(edges, key=lambda edge: (edge[0], -edge[1])):
        if depth < needed <= depth + change:
            begin = time
        elif depth + change < needed <= depth and time > begin:
            out.append((begin, time))
        depth += change
    return out


def inside(times_s: NDArray[np.float64], where: Sequence[tuple[float, float]]) -> NDArray[np.bool_]:
    """Tell which of the ascending ``times_s`` lie in one of the spans ``where``."""
    out = np.zeros(len(times_s), dtype=bool)
    for start, stop in where:
        first, last = np.searchsorted(times_s, (start, stop))
        out[first:last] = True
    return out


_CODE: Final = {reason: number for number, reason in enumerate(REASONS, 1)}


class _Windows:
    """Cuts a signal that comes piece by piece into windows on a grid of time."""

    def __init__(self, leads: int, fs_hz: float) -> None:
        self._fs_hz = fs_hz
        self._size = int(WINDOW_S * fs_hz)
        self._kept = np.zeros((0, leads), dtype=np.float32)
        self._start = 0
        self._number = 0

    @property
    def length_s(self) -> float:
        """Seconds that were given so far."""
        return (self._start + len(self._kept)) / self._fs_hz

    def push(self, signal: NDArray[np.float32], *, last: bool) -> list[NDArray[np.float32]]:
        """Return the windows that are complete, as one ``(windows, size, leads)`` array.

        The end of a recording that fills no window is one by itself: its last value goes on.
        """
        self._kept = np.concatenate([self._kept, signal])
        end = self._start + len(self._kept)
        count = 0
        while self._at(self._number + count) + self._size <= end:
            count += 1
        starts = np.array([self._at(self._number + k) for k in range(count)], dtype=np.int64)
        out = []
        if count:
            out.append(self._kept[(starts - self._start)[:, None] + np.arange(self._size)])
        self._number += count
        drop = min(max(self._at(self._number) - self._start, 0), len(self._kept))
        self._start, self._kept = self._start + drop, self._kept[drop:]
        if last and len(self._kept):
            rest = np.pad(self._kept, ((0, max(self._size - len(self._kept), 0)), (0, 0)), "edge")
            out.append(rest[None, : self._size])
        return out

    def _at(self, number: int) -> int:
        return round(number * WINDOW_S * self._fs_hz)


def _faults(windows: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return ``(windows, leads)`` fault codes (0: none), and the range of the values."""
    gone = np.isnan(windows)
    missing = gone.mean(axis=1) > _MISSING
    known = _without_gaps(windows, gone)
    high, low = known.max(axis=1), known.min(axis=1)
    middle = np.median(known, axis=1)
    stands = known[:, 1:] == known[:, :-1]
    code = np.zeros(missing.shape, dtype=np.int8)
    code[np.maximum(high - middle, middle - low) > _LARGEST_MV] = _CODE["implausible"]
    for limit in (high, low):
        at_limit = ((known[:, 1:] == limit[:, None]) & stands).mean(axis=1) > _LIMIT_SHARE
        code[at_limit & (np.abs(limit - middle) > _LIMIT_MV)] = _CODE["saturated"]
    code[missing] = _CODE["missing"]
    return code, np.asarray(high - low, dtype=np.float32)


def _without_gaps(windows: NDArray[np.float32], gone: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Put the median of a window's other values where there is none: a gap is no limit.

    Not 0, which lies outside of a signal that an offset has moved away from it.
    """
    if not gone.any():
        return windows
    known = windows.copy()
    for window, lead in np.argwhere(gone.any(axis=1)).tolist():
        own = gone[window, :, lead]
        rest = windows[window, ~own, lead]
        known[window, own, lead] = np.median(rest) if len(rest) else 0
    return known


def _noise(windows: NDArray[np.float32], fs_hz: float) -> NDArray[np.float32]:
    """Return ``(windows, leads)``: how far the signal strays from a line within 0.1 s, in mV.

    The median over the window's pieces of 0.1 s: QRS complexes lie in fewer than half of them.
    """
    size = max(round(_BIN_S * fs_hz), 3)
    n_bins = windows.shape[1] // size
    n_leads = windows.shape[2]
    bins = windows[:, : n_bins * size].reshape(len(windows), n_bins, size, n_leads)
    slope = np.arange(size, dtype=np.float32) - np.float32((size - 1) / 2)
    slope /= np.sqrt((slope**2).sum())
    centred = bins - bins.mean(axis=2, keepdims=True)
    along = np.einsum("wbsl,s->wbl", centred, slope)
    power = (centred**2).sum(axis=2) - along**2
    spread = np.sqrt(np.maximum(power, 0) / (size - 2))
    return np.asarray(np.median(spread, axis=1), dtype=np.float32)


def _runs(flags: NDArray[np.bool_], *, at_least: int) -> NDArray[np.bool_]:
    """Keep only runs of so many windows or more."""
    edges = np.flatnonzero(np.diff(flags, prepend=False, append=False))
    out = np.zeros_like(flags)
    for start, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        out[start:stop] = stop - start >= at_least
    return out


def _joined(flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Fill gaps between flagged windows that are too short to be worth reading."""
    gaps = _runs(~flags, at_least=int(_JOIN_S / WINDOW_S) + 1)
    out = ~gaps
    if flags.any():
        first, last = np.flatnonzero(flags)[[0, -1]]
        out[:first] = out[last + 1 :] = False
    else:
        out[:] = False
    return out


def _segments(code: NDArray[np.integer], lead: int, length_s: float) -> list[Segment]:
    edges = np.flatnonzero(np.diff(code, prepend=0, append=0))
    out = []
    for start, stop in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        if code[start]:
            begin, end = start * WINDOW_S, min(stop * WINDOW_S, length_s)
            reason = REASONS[int(code[start]) - 1]
            out.append(Segment(start_s=begin, stop_s=end, lead=lead, reason=reason))
    return out


def _union(segments: Sequence[Segment], lead: int) -> list[tuple[float, float]]:
    """Return the spans of one lead, those that touch as one."""
    out: list[tuple[float, float]] = []
    for one in sorted((one for one in segments if one.lead == lead), key=lambda one: one.start_s):
        if out and one.start_s <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], one.stop_s))
        else:
            out.append((one.start_s, one.stop_s))
    return out
