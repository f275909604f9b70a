"""The baseline of the signal that beats are cut from, where it is not as the store has it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data_prep.beats.beat_spec import BeatSpec
from data_prep.dsp.filters import HighPass, band_pass
from data_prep.dsp.signal_spec import HIGH_PASS_HZ


def with_baseline(
    signal: NDArray[np.float32], baseline: NDArray[np.float32] | None, spec: BeatSpec
) -> NDArray[np.float32]:
    """Return the signal of one recording with its baseline as ``spec.baseline`` says.

    Args:
        signal: ``(samples, leads)`` as its store has it.
        baseline: ``(samples, leads)`` what was taken from it; ``None`` if nothing was.
        spec: How beats will be cut from it.
    """
    if spec.baseline == spec.signal.baseline:
        return signal
    whole = signal if baseline is None else signal + baseline
    if spec.baseline == "none" or len(whole) == 0:
        return whole
    if spec.causal:
        return HighPass(spec.signal.fs_hz).push(whole)
    return band_pass(whole, spec.signal.fs_hz, (HIGH_PASS_HZ, 0.0))
