"""The high-pass of zero phase, piece by piece.

It goes over a recording forth and back. Forth, its state is carried on. Back, it begins anew half
a minute behind every ten minutes, where 0.5 Hz has long died away: the numbers are those of
``filters.band_pass`` on the whole recording but for the last bit.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from data_prep.dsp.filters import HIGH_PASS_ORDER
from data_prep.dsp.signal_spec import HIGH_PASS_HZ

_BLOCK_S: Final = 600
_MARGIN_S: Final = 30


class ZeroPhaseHighPass:
    """A high-pass of 0.5 Hz that looks forth and back.

    Args:
        fs_hz: Sampling rate.
        leads: Number of leads.
    """

    def __init__(self, fs_hz: float, leads: int) -> None:
        from scipy.signal import butter, sosfilt_zi

        self._sections = butter(HIGH_PASS_ORDER, HIGH_PASS_HZ, "highpass", fs=fs_hz, output="sos")
        self._at_rest = sosfilt_zi(self._sections)[:, :, None]
        self._state: NDArray[np.float64] | None = None
        self._block, self._margin = round(_BLOCK_S * fs_hz), round(_MARGIN_S * fs_hz)
        # As in scipy's sosfiltfilt: what the ends are continued by, mirrored through the end.
        self._pad = 3 * (2 * len(self._sections) + 1)
        self._waiting = np.zeros((0, leads), dtype=np.float32)  # the first samples
        self._tail = np.zeros((0, leads), dtype=np.float32)  # the latest samples
        self._forth = np.zeros((0, leads))  # filtered forth, not yet back

    def push(self, signal: NDArray[np.float32], *, last: bool = False) -> NDArray[np.float32]:
        """Return what is certain after the next samples.

        Args:
            signal: ``(samples, leads)``.
            last: Whether the recording ends here.
        """
        self._tail = np.concatenate([self._tail, signal])[-self._pad - 1 :]
        if self._state is None:
            self._waiting = np.concatenate([self._waiting, signal])
            if len(self._waiting) <= self._pad and not last:
                return self._waiting[:0]
            signal, self._waiting = self._waiting, self._waiting[:0]
            if len(signal) == 0:
                return signal
            self._pad = min(self._pad, len(signal) - 1)
            front = 2 * signal[0] - signal[self._pad : 0 : -1]
            first = front[0] if self._pad else signal[0]
            self._state = self._at_rest * first.astype(np.float64)
            self._run(front)
        self._forth = np.concatenate([self._forth, self._run(signal)])
        out = []
        while len(self._forth) >= self._block + self._margin:
            out.append(self._back(self._forth[: self._block + self._margin])[: self._block])
            self._forth = self._forth[self._block :]
        if last:
            ahead = len(self._forth)
            tail = self._tail[-self._pad - 1 :]
            behind = 2 * tail[-1] - tail[-2::-1][: self._pad]
            out.append(self._back(np.concatenate([self._forth, self._run(behind)]))[:ahead])
            self._forth = self._forth[:0]
        return np.concatenate(out) if out else signal[:0]

    def _run(self, signal: NDArray[np.float32]) -> NDArray[np.float64]:
        from scipy.signal import sosfilt

        if len(signal) == 0:
            return signal.astype(np.float64)
        out, self._state = sosfilt(
            self._sections, signal.astype(np.float64), axis=0, zi=self._state
        )
        return np.asarray(out)

    def _back(self, forth: NDArray[np.float64]) -> NDArray[np.float32]:
        from scipy.signal import sosfilt

        backwards = forth[::-1]
        out, _ = sosfilt(self._sections, backwards, axis=0, zi=self._at_rest * backwards[0])
        return np.asarray(out[::-1], dtype=np.float32)
