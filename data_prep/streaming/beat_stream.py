"""Beats of a signal that comes piece by piece, with the numbers that a whole recording gives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data_prep.beats.beat_spec import BeatSpec
from data_prep.beats.cutting import Cut, cut_windows
from data_prep.beats.normalization import RunningLevels
from data_prep.beats.rhythm import RunningRhythm
from data_prep.dsp import gaps
from data_prep.dsp.filters import (
    Conditioned,
    HighPass,
    filter_filled,
    low_pass_reach,
    median_reaches,
    ratio,
)
from data_prep.dsp.signal_spec import SignalSpec
from data_prep.errors import DataError


class FilterStream:
    """Filter a recording piece by piece; together, the pieces are what ``condition_parts`` gives.

    Args:
        spec: How to filter; without high-pass, which looks at the whole recording.
        fs_hz: Sampling rate of the recording.

    Raises:
        DataError: If ``spec`` has a high-pass.
    """

    def __init__(self, spec: SignalSpec, fs_hz: float) -> None:
        if spec.band_hz[0] > 0:
            raise DataError(
                "a signal that is filtered piece by piece must have no high-pass; "
                f"got band_hz {spec.band_hz}"
            )
        self._spec = spec
        self._fs_hz = fs_hz
        change = ratio(fs_hz, spec.fs_hz)
        self._up, self._down = change.numerator, change.denominator
        self._reach = low_pass_reach(fs_hz, self._up)
        self._medians = sum(median_reaches(spec.fs_hz)) if spec.baseline == "two-median" else 0
        n_leads = len(spec.leads)
        # Raw samples whose gaps cannot be filled yet, and filled ones from `_start` on.
        self._raw = np.zeros((0, n_leads), dtype=np.float32)
        self._before = gaps.Before.nothing(n_leads)
        self._filled = np.zeros((0, n_leads), dtype=np.float32)
        self._long = np.zeros((0, n_leads), dtype=np.bool_)
        self._start = 0
        self._n_out = 0

    def push(self, signal: NDArray[np.float32], *, last: bool = False) -> Conditioned:
        """Return what can be said for certain after the next samples of the recording.

        Args:
            signal: ``(samples, leads)`` mV; NaN where there is no valid sample.
            last: Whether the recording ends here.
        """
        self._fill(np.asarray(signal, dtype=np.float32), last=last)
        ready = self._n_ready(last=last)
        if ready <= self._n_out:
            nothing = self._filled[:0]
            return Conditioned(
                signal=nothing, baseline=nothing if self._spec.baseline != "none" else None
            )
        out = filter_filled(self._filled, self._long, self._fs_hz, self._spec)
        first = self._start // self._down * self._up
        new = slice(self._n_out - first, ready - first)
        self._n_out = ready
        self._forget()
        return Conditioned(
            signal=out.signal[new], baseline=None if out.baseline is None else out.baseline[new]
        )

    def _fill(self, signal: NDArray[np.float32], *, last: bool) -> None:
        raw = np.concatenate([self._raw, signal])
        filled, long = gaps.fill(raw, self._fs_hz, self._before)
        n = len(raw) if last else max(len(raw) - gaps.bridge_samples(self._fs_hz), 0)
        self._before = self._before.after(raw[:n])
        self._raw = raw[n:]
        self._filled = np.concatenate([self._filled, filled[:n]])
        self._long = np.concatenate([self._long, long[:n]])

    def _n_ready(self, *, last: bool) -> int:
        """Return how many output samples no later input can change."""
        n_in = self._start + len(self._filled)
        if last:
            return -(-n_in * self._up // self._down)
        return max((n_in * self._up - 1 - self._reach) // self._down + 1 - self._medians, 0)

    def _forget(self) -> None:
        """Drop input that no later output needs; in whole steps of the resampling."""
        first_needed = (self._n_out - self._medians - 1) * self._down - self._reach
        steps = max(first_needed // self._up // self._down, self._start // self._down)
        drop = steps * self._down - self._start
        self._start += drop
        self._filled, self._long = self._filled[drop:], self._long[drop:]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamedBeats:
    """Beats that are complete.

    Attributes:
        samples: ``(beats,)`` int64 R peaks as they were given.
        cut: The beats, as ``cut_beats`` cuts them from the whole recording.
    """

    samples: NDArray[np.int64]
    cut: Cut


class BeatStream:
    """Cut causal beats from a recording that comes piece by piece.

    A beat comes out once the next one is known, its window (with neighbours: the next one's too)
    is over, and ``look_ahead_s`` of its signal specification has passed; :meth:`finish` gives
    the rest.

    Args:
        spec: How to cut; causal.
        fs_hz: Sampling rate of the recording.

    Raises:
        DataError: If ``spec`` is not causal.
    """

    def __init__(self, spec: BeatSpec, fs_hz: float) -> None:
        if not spec.causal:
            raise DataError("beats that are cut piece by piece must be causal; got causal = False")
        self._spec = spec
        self._fs_hz = fs_hz
        self._change = float(ratio(fs_hz, spec.signal.fs_hz))
        self._filter = FilterStream(spec.signal, fs_hz)
        self._high_pass = HighPass(spec.signal.fs_hz) if spec.baseline == "high-pass" else None
        self._levels = RunningLevels(spec)
        self._rhythm = RunningRhythm(spec.rhythm)
        n_leads = len(spec.signal.leads)
        # Filtered signal from `_start` on; R peaks and context of beats that are still to come.
        self._signal = np.zeros((0, n_leads), dtype=np.float32)
        self._start = 0
        self._samples = np.zeros(0, dtype=np.int64)
        self._context = np.zeros((0, len(spec.context_names)), dtype=np.float32)
        self._earliest = 0
        self._previous = np.zeros((n_leads, spec.samples), dtype=np.float32)

    def push(
        self, signal: NDArray[np.float32], beats: ArrayLike = (), *, last: bool = False
    ) -> StreamedBeats:
        """Return the beats that the next samples and R peaks complete.

        Args:
            signal: ``(samples, leads)`` mV; NaN where there is no valid sample.
            beats: R peaks that became known: samples of the recording, ascending; they may lie
                before, in or after ``signal``, but not before a peak that was given earlier.
            last: Whether the recording ends here.
        """
        self._take(signal, last=last)
        new = np.asarray(beats, dtype=np.int64).reshape(-1)
        self._samples = np.concatenate([self._samples, new])
        rows = [self._context, self._rhythm.push(new / self._fs_hz)]
        rows += [self._rhythm.finish()] if last else []
        self._context = np.concatenate(rows)
        return self._complete(self._n_complete(last=last))

    def finish(self) -> StreamedBeats:
        """Return the rest: the recording is over."""
        return self.push(self._signal[:0], last=True)

    def _take(self, signal: NDArray[np.float32], *, last: bool) -> None:
        parts = self._filter.push(signal, last=last)
        out = parts.signal
        if self._spec.baseline != self._spec.signal.baseline:
            out = out if parts.baseline is None else out + parts.baseline
            out = out if self._high_pass is None else self._high_pass.push(out)
        self._signal = np.concatenate([self._signal, out])

    def _positions(self) -> NDArray[np.int64]:
        positions: NDArray[np.int64] = np.rint(self._samples * self._change).astype(np.int64)
        return positions

    def _n_complete(self, *, last: bool) -> int:
        if last:
            return len(self._samples)
        ends = self._positions() - self._spec.before + self._spec.samples
        whole = int(np.searchsorted(ends, self._start + len(self._signal), side="right"))
        return max(min(whole - self._spec.neighbours, len(self._context)), 0)

    def _complete(self, n_beats: int) -> StreamedBeats:
        """Cut the first ``n_beats`` that wait, and forget what no later one needs."""
        # The next one too, as a neighbour.
        wanted = min(n_beats + self._spec.neighbours, len(self._samples))
        end = self._start + len(self._signal)
        positions = np.minimum(self._positions(), max(end - 1, 0))[:wanted]
        own = cut_windows(
            self._signal, positions - self._start, self._spec.before, self._spec.samples
        )
        windows = own[:n_beats]
        if self._spec.neighbours:
            before = np.concatenate([self._previous[None], own])[:n_beats]
            after = np.concatenate([own[1:], np.zeros_like(self._previous)[None]])[:n_beats]
            windows = np.concatenate([windows, before, after], axis=1)
        levels = self._levels.push(own[:n_beats])
        out = StreamedBeats(
            samples=self._samples[:n_beats],
            cut=Cut(
                windows=windows,
                scale=levels.scale,
                reference=levels.reference,
                level=levels.level,
                context=self._context[:n_beats],
            ),
        )
        if n_beats:
            self._previous = own[n_beats - 1]
            self._earliest = int(positions[n_beats - 1])
        self._samples, self._context = self._samples[n_beats:], self._context[n_beats:]
        self._forget()
        return out

    def _forget(self) -> None:
        """Drop signal that lies before the window of every beat that waits or may still come."""
        if len(self._samples):
            self._earliest = int(self._positions()[0])
        drop = min(self._earliest - self._spec.before - self._start, len(self._signal))
        if drop > 0:
            self._start += drop
            self._signal = self._signal[drop:]
