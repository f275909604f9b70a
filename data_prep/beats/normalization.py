"""The level that a beat is compared with: amplitude of each lead, and the median beat.

Not causal: one level a record, of all its beats. Causal: levels that follow the recording, so that
a beat is compared with earlier ones only. ``RunningLevels`` defines them: the median over the
``MEMORY`` beats before, taken anew every ``RENEWAL`` beats (counted from the first); each of the
first ``RENEWAL`` beats has the median of the beats so far, itself among them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from data_prep.beats.beat_spec import BeatSpec

MEMORY: Final = 48
RENEWAL: Final = 16

# A lead smaller than this is noise or off: dividing by less would blow it up.
AMPLITUDE_FLOOR_MV: Final = 0.05
# The QRS complex lies within this of the R peak, and the peak's top within that of its mark.
_QRS_S: Final = 0.1
_PEAK_S: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """Levels, and which of them each beat has.

    Attributes:
        scale: ``(levels, leads)`` float32 amplitudes, mV.
        reference: ``(levels, leads, samples)`` float32 median beats, mV; zeros for causal beats
            whose specification uses none.
        level: ``(beats,)`` int64 row of each beat.
    """

    scale: NDArray[np.float32]
    reference: NDArray[np.float32]
    level: NDArray[np.int64]


def record_levels(own: NDArray[np.float32], spec: BeatSpec) -> Levels:
    """Return the one level of a record; amplitude 1 and a flat beat where there are no beats.

    Args:
        own: ``(beats, leads, samples)`` windows of all its beats.
        spec: How they were cut.
    """
    return Levels(
        scale=_median(_amplitudes(own, spec), floor=AMPLITUDE_FLOOR_MV, empty=1.0),
        reference=_median(own),
        level=np.zeros(len(own), dtype=np.int64),
    )


def running_levels(own: NDArray[np.float32], spec: BeatSpec) -> Levels:
    """Return the levels of a whole record, as :class:`RunningLevels` gives them."""
    return RunningLevels(spec).push(own)


class RunningLevels:
    """Levels that follow a recording: see the module's docstring.

    Args:
        spec: How the beats are cut.
    """

    def __init__(self, spec: BeatSpec) -> None:
        self._spec = spec
        shape = (0, len(spec.signal.leads))
        self._recent = np.zeros((*shape, spec.samples), dtype=np.float32)
        self._amplitudes = np.zeros(shape, dtype=np.float32)
        self._n_beats = 0
        self._scale = np.ones((1, shape[1]), dtype=np.float32)
        self._reference = np.zeros((1, shape[1], spec.samples), dtype=np.float32)

    def push(self, own: NDArray[np.float32]) -> Levels:
        """Return the levels of the next beats of the recording.

        Args:
            own: ``(beats, leads, samples)`` their windows.
        """
        amplitudes = _amplitudes(own, self._spec)
        scales, references = [self._scale], [self._reference]
        level = np.zeros(len(own), dtype=np.int64)
        at = 0
        while at < len(own):
            place = self._n_beats % RENEWAL
            # The first beats have nothing before them: each is remembered before it is compared.
            first = self._n_beats < RENEWAL
            stop = at + 1 if first else min(at + RENEWAL - place, len(own))
            if first:
                self._remember(own[at:stop], amplitudes[at:stop])
            if first or place == 0:
                self._renew()
                scales.append(self._scale)
                references.append(self._reference)
            if not first:
                self._remember(own[at:stop], amplitudes[at:stop])
            level[at:stop] = len(scales) - 1
            self._n_beats += stop - at
            at = stop
        return Levels(
            scale=np.concatenate(scales), reference=np.concatenate(references), level=level
        )

    def _remember(self, own: NDArray[np.float32], amplitudes: NDArray[np.float32]) -> None:
        self._amplitudes = np.concatenate([self._amplitudes, amplitudes])[-MEMORY:]
        if self._spec.reference_beat:
            self._recent = np.concatenate([self._recent, own])[-MEMORY:]

    def _renew(self) -> None:
        self._scale = _median(self._amplitudes, floor=AMPLITUDE_FLOOR_MV, empty=1.0)
        if self._spec.reference_beat:
            self._reference = _median(self._recent)


def qrs_sizes(own: NDArray[np.float32], spec: BeatSpec) -> NDArray[np.float32]:
    """Return ``(beats, leads)``: the QRS complex from peak to peak, mV.

    Args:
        own: ``(beats, leads, samples)`` windows.
        spec: How they were cut.
    """
    qrs = around_peak(own, spec, _QRS_S)
    return np.asarray(qrs.max(axis=2) - qrs.min(axis=2), dtype=np.float32)


def _amplitudes(own: NDArray[np.float32], spec: BeatSpec) -> NDArray[np.float32]:
    """Return ``(beats, leads)``: peak-to-peak of the QRS complex, or height of the R peak."""
    if len(own) == 0:
        return np.zeros(own.shape[:2], dtype=np.float32)
    if spec.scale == "r-peak":
        peak = around_peak(own, spec, _PEAK_S)
        return np.asarray(np.abs(peak).max(axis=2), dtype=np.float32)
    return qrs_sizes(own, spec)


def around_peak(own: NDArray[np.float32], spec: BeatSpec, seconds: float) -> NDArray[np.float32]:
    """Return the part of windows that lies within ``seconds`` of the R peak."""
    reach = round(seconds * spec.signal.fs_hz)
    return own[:, :, max(spec.before - reach, 0) : spec.before + reach + 1]


def _median(
    values: NDArray[np.float32], *, floor: float = -np.inf, empty: float = 0.0
) -> NDArray[np.float32]:
    """Return the median over the beats as an array of one row."""
    if len(values) == 0:
        return np.full((1, *values.shape[1:]), empty, dtype=np.float32)
    middle = np.median(values, axis=0, keepdims=True)
    return np.asarray(np.maximum(middle, floor), dtype=np.float32)
