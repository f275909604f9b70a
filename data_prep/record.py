"""One recording in memory, and the one place that calls wfdb."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One recording: a signal with its beat annotations.

    Attributes:
        name: Name of the record, unique within its source.
        patient: Whose recording it is; one patient may have several records.
        signal: ``(samples, leads)`` float32, in mV.
        fs_hz: Sampling rate of ``signal`` and of ``beats``.
        leads: Name of each lead, in the order of the columns.
        beats: ``(n_beats,)`` int64, sample position of each beat's R peak, ascending.
        symbols: ``(n_beats,)`` one-character WFDB beat symbols.
    """

    name: str
    patient: str
    signal: NDArray[np.float32]
    fs_hz: float
    leads: tuple[str, ...]
    beats: NDArray[np.int64]
    symbols: NDArray[np.str_]
