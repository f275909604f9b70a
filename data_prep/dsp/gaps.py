"""Stretches without a valid sample: bridged where short, zero in the result where long.

A sample's fill depends on what lies before it and at most ``BRIDGE_S`` after it, so that a signal
that comes piece by piece is filled like one that is there as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

# Less than half a QRS complex: a straight line over more would invent a shape.
BRIDGE_S: Final = 0.04


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What came before a piece of signal.

    Attributes:
        value: ``(leads,)`` the last valid sample of each lead; 0 where there was none yet.
        gap: ``(leads,)`` samples without value since then.
        seen: ``(leads,)`` whether there was a valid sample at all.
    """

    value: NDArray[np.float32]
    gap: NDArray[np.int64]
    seen: NDArray[np.bool_]

    @classmethod
    def nothing(cls, leads: int) -> Before:
        """Return the state at the beginning of a recording."""
        return cls(
            value=np.zeros(leads, dtype=np.float32),
            gap=np.zeros(leads, dtype=np.int64),
            seen=np.zeros(leads, dtype=np.bool_),
        )

    def after(self, signal: NDArray[np.float32]) -> Before:
        """Return the state after the piece ``signal``, ``(samples, leads)``."""
        valid = ~np.isnan(signal)
        any_valid = valid.any(axis=0)
        behind = valid[::-1].argmax(axis=0) if len(signal) else np.zeros_like(self.gap)
        last = signal[len(signal) - 1 - behind, np.arange(signal.shape[1])] if len(signal) else 0
        return Before(
            value=np.where(any_valid, last, self.value).astype(np.float32),
            gap=np.where(any_valid, behind, self.gap + len(signal)).astype(np.int64),
            seen=self.seen | any_valid,
        )


def bridge_samples(fs_hz: float) -> int:
    """Return how many samples a gap may have to be bridged."""
    return int(BRIDGE_S * fs_hz)


def fill(
    signal: NDArray[np.float32], fs_hz: float, before: Before | None = None
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Give every sample a value, and say where there was none for long.

    A gap of up to ``BRIDGE_S`` between valid samples becomes a straight line. A longer one keeps
    the last valid value, and takes the next one for its last ``BRIDGE_S``: what a filter makes of
    the step lies within the gap then, and is set to 0 there.

    Args:
        signal: ``(samples, leads)``; NaN where there is no valid sample.
        fs_hz: Its sampling rate.
        before: What came before; by default nothing.

    Returns:
        The filled signal, and ``(samples, leads)``: True in long gaps.
    """
    missing = np.isnan(signal)
    if not missing.any():
        return signal, missing
    limit = bridge_samples(fs_hz)
    state = Before.nothing(signal.shape[1]) if before is None else before
    out = signal.copy()
    long = np.zeros_like(missing)
    for lead in range(signal.shape[1]):
        edges = np.flatnonzero(np.diff(missing[:, lead], prepend=False, append=False))
        for start, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            earlier = int(state.gap[lead]) if start == 0 else 0
            seen = bool(state.seen[lead]) if start == 0 else True
            last = np.float32(state.value[lead]) if start == 0 else out[start - 1, lead]
            ends = stop < len(signal)
            length = earlier + stop - start
            if length > limit:
                long[start:stop, lead] = True
            if length <= limit and seen and ends:
                share = np.arange(earlier + 1, length + 1, dtype=np.float32) / (length + 1)
                out[start:stop, lead] = last + share * (signal[stop, lead] - last)
            else:
                out[start:stop, lead] = last
                if ends:
                    out[max(start, stop - limit) : stop, lead] = signal[stop, lead]
    return out, long


def lengths(signal: NDArray[np.float32], fs_hz: float) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the samples of each lead that are bridged, and those that become 0."""
    zeroed = fill(signal, fs_hz)[1].sum(axis=0)
    return np.isnan(signal).sum(axis=0) - zeroed, zeroed
