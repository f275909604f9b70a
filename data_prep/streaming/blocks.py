"""All beats of a recording that is read piece by piece: positions and windows.

The recording is worked through in the blocks of ``dsp.r_peaks``, so that the result does not
depend on the pieces that it is read in, and a day of signal takes no more memory than ten minutes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from data_prep.beats.beat_spec import BeatSpec
from data_prep.beats.cutting import cut_windows
from data_prep.dsp.filters import (
    Conditioned,
    HighPass,
    condition_parts,
    original_positions,
    ratio,
    resampled_length,
    resampled_positions,
)
from data_prep.dsp.quality import QualityMeter
from data_prep.dsp.r_peaks import BLOCK_S, detect_by_block
from data_prep.dsp.zero_phase import ZeroPhaseHighPass
from data_prep.io.recording import Recording
from data_prep.streaming.beat_stream import FilterStream

PIECE_S: Final = 600.0

_LARGEST_MV: Final = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """The beats of one block.

    Attributes:
        samples: ``(beats,)`` int64 R peaks, samples of the recording.
        windows: ``(beats, leads, samples)`` float32: each beat's own window, as ``cut_beats``
            cuts it from the whole recording.
        done_s: How far the recording has been worked through.
    """

    samples: NDArray[np.int64]
    windows: NDArray[np.float32]
    done_s: float


class RecordingReader:
    """Reads a recording once, filters it, and cuts its beats.

    Args:
        recording: What to read; its leads are those of ``spec``, in their order.
        spec: How to filter and to cut.
        piece_s: Seconds to read at a time; no result depends on it.
    """

    def __init__(self, recording: Recording, spec: BeatSpec, *, piece_s: float = PIECE_S) -> None:
        self._recording = recording
        self._spec = spec
        self._fs_hz = spec.signal.fs_hz
        self._piece = max(round(piece_s * recording.fs_hz), 1)
        self._length = resampled_length(recording.n_samples, recording.fs_hz, self._fs_hz)
        n_leads = len(recording.leads)
        self._done = 0  # samples that were read
        self._filter = _filter(recording, spec)
        self._again = _baseline(spec)
        # Filtered for the detector, and as the windows are cut.
        self._signal, self._cut = _Rolling(n_leads), _Rolling(n_leads)
        # Not always quite that of the specification, which would move away from the recording.
        filtered_hz = float(Fraction(recording.fs_hz) * ratio(recording.fs_hz, self._fs_hz))
        self.quality = QualityMeter(n_leads, raw_fs_hz=recording.fs_hz, fs_hz=filtered_hz)

    def detected(self) -> Iterator[Block]:
        """Find and cut the beats, as an evaluation on detected beats does.

        Raises:
            DataError: If the recording cannot be read.
        """
        rates = self._recording.fs_hz, self._fs_hz
        for found in detect_by_block(self._read, self._length, self._fs_hz):
            samples = original_positions(found, *rates, self._recording.n_samples)
            yield self._block(samples, found)
        self._finish()

    def given(self, samples: NDArray[np.int64]) -> Iterator[Block]:
        """Cut beats at given positions.

        Args:
            samples: ``(beats,)`` ascending samples of the recording.

        Raises:
            DataError: If the recording cannot be read.
        """
        positions = resampled_positions(samples, self._recording.fs_hz, self._fs_hz, self._length)
        for block in range(math.ceil(self._length / (BLOCK_S * self._fs_hz))):
            first, last = (round((block + k) * BLOCK_S * self._fs_hz) for k in (0, 1))
            own = slice(*np.searchsorted(positions, (first, last)))
            self._signal.forget(last)
            self._cut.forget(first - self._spec.before)
            yield self._block(samples[own], positions[own], up_to=last)
        self._finish()

    def _block(
        self, samples: NDArray[np.int64], positions: NDArray[np.int64], up_to: int = 0
    ) -> Block:
        needed = max(up_to, int(positions[-1]) + 1 if len(positions) else 0) + self._spec.samples
        while not self._cut.reaches(min(needed, self._length)):
            self._advance()
        start = self._cut.start
        windows = cut_windows(
            self._cut.values, positions - start, self._spec.before, self._spec.samples
        )
        return Block(samples=samples, windows=windows, done_s=self._done / self._recording.fs_hz)

    def _read(self, start: int, stop: int) -> NDArray[np.float32]:
        """Return filtered samples; what lies before ``start`` is not asked for again."""
        while not self._signal.reaches(stop):
            self._advance()
        self._signal.forget(start)
        # Beats of this block or of later ones are cut from here on.
        self._cut.forget(start - self._spec.before)
        return self._signal.between(start, stop)

    def _advance(self) -> None:
        stop = min(self._done + self._piece, self._recording.n_samples)
        last = stop == self._recording.n_samples
        raw = self._recording.read(self._done, stop)
        # A damaged file may hold any number; filters must not meet it.
        raw[np.abs(raw) > _LARGEST_MV] = np.nan
        self._done = stop
        self.quality.push_raw(raw, last=last)
        parts = self._filter(raw, last)
        self.quality.push_filtered(parts.signal, last=last)
        self._signal.append(parts.signal)
        self._cut.append(self._again(parts, last))

    def _finish(self) -> None:
        while self._done < self._recording.n_samples:
            self._signal.forget(self._length)
            self._cut.forget(self._length)
            self._advance()


class _Rolling:
    """A signal that grows at its end and is forgotten at its beginning."""

    def __init__(self, leads: int) -> None:
        self.start = 0
        self.values = np.zeros((0, leads), dtype=np.float32)

    def reaches(self, stop: int) -> bool:
        return self.start + len(self.values) >= stop

    def append(self, values: NDArray[np.float32]) -> None:
        self.values = np.concatenate([self.values, values])

    def forget(self, before: int) -> None:
        drop = min(max(before - self.start, 0), len(self.values))
        # A copy: a view would keep all of it.
        self.start, self.values = self.start + drop, self.values[drop:].copy()

    def between(self, start: int, stop: int) -> NDArray[np.float32]:
        return self.values[start - self.start : stop - self.start]


def _filter(
    recording: Recording, spec: BeatSpec
) -> Callable[[NDArray[np.float32], bool], Conditioned]:
    """Return what filters pieces as a store's signals are; at the end, all is there."""
    if spec.signal.band_hz[0] == 0:
        stream = FilterStream(spec.signal, recording.fs_hz)
        return lambda piece, last: stream.push(piece, last=last)
    # Such a store was filtered with zero phase before its baseline was removed: as a whole.
    pieces: list[NDArray[np.float32]] = []

    def whole(piece: NDArray[np.float32], last: bool) -> Conditioned:
        pieces.append(piece)
        if last:
            return condition_parts(np.concatenate(pieces), recording.fs_hz, spec.signal)
        return Conditioned(signal=piece[:0], baseline=piece[:0])

    return whole


def _baseline(spec: BeatSpec) -> Callable[[Conditioned, bool], NDArray[np.float32]]:
    """Return what makes the signal that windows are cut from, as ``baseline.with_baseline``."""
    if spec.baseline == spec.signal.baseline:
        return lambda parts, last: parts.signal

    def restored(parts: Conditioned, last: bool) -> NDArray[np.float32]:
        return parts.signal if parts.baseline is None else parts.signal + parts.baseline

    if spec.baseline == "none":
        return restored
    if spec.causal:
        back_only = HighPass(spec.signal.fs_hz)
        return lambda parts, last: back_only.push(restored(parts, last))
    both_ways = ZeroPhaseHighPass(spec.signal.fs_hz, len(spec.signal.leads))
    return lambda parts, last: both_ways.push(restored(parts, last), last=last)
