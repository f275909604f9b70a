"""What electrodes and muscles add to a heart's signal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """Levels of one recording, in mV.

    Attributes:
        wander_mv: Baseline wander (standard deviation), breathing and slower.
        muscle_mv: Muscle noise (standard deviation where it is at its mean).
        mains_mv: Amplitude of the mains hum.
        mains_hz: Its frequency.
        motion: Number of motion episodes of a few seconds.
        motion_mv: Size of their swings.
        breath_hz: Respiratory rate.
    """

    wander_mv: float
    muscle_mv: float
    mains_mv: float
    mains_hz: float
    motion: int
    motion_mv: float
    breath_hz: float


def draw_noise(
    noise: Noise, n_samples: int, fs_hz: float, rng: np.random.Generator, *, leads: int = 2
) -> NDArray[np.float64]:
    """Draw the noise of all leads.

    Args:
        noise: Levels.
        n_samples: Length of the recording.
        fs_hz: Sampling rate.
        rng: Source of randomness.
        leads: Number of leads.

    Returns:
        ``(samples, leads)`` in mV; the leads share the causes but not the waveforms.
    """
    from scipy import signal  # after the caller has decided to simulate at all

    t = np.arange(n_samples) / fs_hz
    out = np.empty((n_samples, leads))
    bursts = [
        (rng.uniform(0, t[-1]), rng.uniform(1.5, 6.0), rng.uniform(0.4, 1.0))
        for _ in range(noise.motion)
    ]
    muscle = signal.butter(2, [15, 0.45 * fs_hz], "bandpass", fs=fs_hz, output="sos")
    slow = signal.butter(2, 0.35, "lowpass", fs=fs_hz, output="sos")
    swing = signal.butter(2, [0.5, 6.0], "bandpass", fs=fs_hz, output="sos")
    # Muscle tension comes and goes over tens of seconds, in all leads together.
    tension = np.exp(0.6 * np.clip(_smooth(rng, t, 0.05), -2, 1.5))
    for lead in range(leads):
        gain = rng.uniform(0.7, 1.3)
        breath = np.sin(2 * np.pi * noise.breath_hz * t + rng.uniform(0, 2 * np.pi))
        wander = 0.8 * breath + 2.0 * _unit(signal.sosfilt(slow, rng.standard_normal(n_samples)))
        emg = _unit(signal.sosfilt(muscle, rng.standard_normal(n_samples))) * tension
        hum = np.sin(2 * np.pi * noise.mains_hz * t + rng.uniform(0, 2 * np.pi))
        out[:, lead] = gain * (
            noise.wander_mv * wander / 2 + noise.muscle_mv * emg + noise.mains_mv * hum
        )
        shaken = _unit(signal.sosfilt(swing, rng.standard_normal(n_samples)))
        for start, length, size in bursts:
            inside = np.clip((t - start) / length, 0, 1)
            out[:, lead] += noise.motion_mv * size * np.sin(np.pi * inside) ** 2 * shaken
    return out


def _unit(x: NDArray[np.float64]) -> NDArray[np.float64]:
    deviation = float(x.std())
    return x / deviation if deviation > 0 else x


def _smooth(rng: np.random.Generator, t: NDArray[np.float64], hz: float) -> NDArray[np.float64]:
    """Draw a slow curve of about unit deviation: random knots, joined by straight lines."""
    knots = np.arange(0, t[-1] + 2 / hz, 1 / hz)
    return np.interp(t, knots, rng.standard_normal(len(knots)))
