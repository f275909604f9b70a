"""Leads of different rates: a frame holds some samples of each, as in WFDB and EDF."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def frames_around(start: int, stop: int, rate: int, n_frames: int) -> tuple[int, int]:
    """Return the frames to read for samples ``start`` to ``stop``, one more for interpolation.

    Args:
        start: First sample, ``rate`` of them a frame.
        stop: One past the last sample.
        rate: Samples a frame of the fastest lead.
        n_frames: Length of the recording in frames.
    """
    return start // rate, min(-(-stop // rate) + 1, n_frames)


def at_rate(
    values: NDArray[Any], per_frame: int, first: int, start: int, stop: int, rate: int
) -> NDArray[Any]:
    """Return samples ``start`` to ``stop`` of a lead at ``rate`` samples a frame.

    Args:
        values: The lead's own samples, from frame ``first`` on, ``per_frame`` a frame.
        per_frame: Samples a frame; fewer than ``rate`` are interpolated.
        first: Frame of the first value.
        start: First sample to return.
        stop: One past the last; not past the end, where the last value holds.
        rate: Samples a frame of what is returned.
    """
    if per_frame == rate:
        return values[start - first * rate : stop - first * rate]
    # Times count from the beginning of the recording: pieces equal the whole to the last bit.
    known = np.arange(first * per_frame, first * per_frame + len(values)) / per_frame
    interpolated: NDArray[Any] = np.interp(np.arange(start, stop) / rate, known, values)
    return interpolated
