"""A recording that is in memory already."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from typing_extensions import override

from data_prep.errors import DataError
from data_prep.io.recording import Recording


class ArrayRecording(Recording):
    """A signal in memory, behind the interface of recordings that are read from files.

    Args:
        signal: ``(samples,)`` or ``(samples, leads)`` in mV; NaN where there is no valid sample.
        fs_hz: Sampling rate, within ``limits.Limits``.
        leads: Name of each lead; ``ECG1``, ``ECG2`` … by default.
        name: What to call it.

    Raises:
        DataError: If the shape, the rate or the names do not fit.
    """

    def __init__(
        self,
        signal: ArrayLike,
        *,
        fs_hz: float,
        leads: Sequence[str] | None = None,
        name: str = "array",
    ) -> None:
        try:
            values = np.asarray(signal, dtype=np.float32)
        except (TypeError, ValueError) as error:
            raise DataError(f"a signal must be an array of numbers in mV: {error}") from error
        if values.ndim == 1:
            values = values[:, np.newaxis]
        if values.ndim != 2 or 0 in values.shape:
            raise DataError(
                f"a signal must be (samples,) or (samples, leads), not empty; got {values.shape}"
            )
        names = tuple(leads or (f"ECG{index + 1}" for index in range(values.shape[1])))
        if len(names) != values.shape[1] or len(set(names)) != len(names):
            raise DataError(
                f"each lead of a signal must have one name of its own; {values.shape[1]} columns "
                f"got {', '.join(names)}"
            )
        self.where = "a signal"
        self.fs_hz = float(fs_hz)
        self.refuse_rate()
        if np.isinf(values).any():
            raise DataError("a signal must be finite, or NaN where it has no value; it is infinite")
        self._signal = values
        self.path = Path(name)
        self.files = ()
        self.n_samples = len(values)
        self.leads = names
        self.signals = tuple(range(len(names)))

    @override
    def _take(self, columns: Sequence[int]) -> None:
        self._signal = self._signal[:, columns]

    @override
    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        return self._signal[start:stop].copy()
