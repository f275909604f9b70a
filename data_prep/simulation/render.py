"""From a patient's beats to a two-lead signal."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data_prep.simulation.beat_times import Beat
from data_prep.simulation.morphology import HALF_S, KERNEL_HZ, Complex
from data_prep.simulation.noise import draw_noise
from data_prep.simulation.patients import Patient

_GRID_S = np.arange(-round(HALF_S * KERNEL_HZ), round(HALF_S * KERNEL_HZ) + 1) / KERNEL_HZ


def render(
    patient: Patient,
    beats: list[Beat],
    *,
    duration_s: float,
    fs_hz: float,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Draw the signal of one recording.

    Args:
        patient: Whose heart it is.
        beats: What it does.
        duration_s: Length of the recording.
        fs_hz: Sampling rate.
        rng: Source of randomness.

    Returns:
        ``(samples, 2)`` in mV: leads MLII and V1.
    """
    n_samples = round(duration_s * fs_hz)
    heart = np.zeros((n_samples, 2))
    for beat in beats:
        _draw_beat(heart, patient, beat, fs_hz, rng)
    t = np.arange(n_samples) / fs_hz
    if patient.rhythm.fibrillation:
        heart += _fibrillation(t, rng)
    # Breathing moves the heart under the electrodes: the axis turns, each lead its own way.
    turn = np.sin(2 * np.pi * patient.rhythm.breath_hz * t + rng.uniform(0, 2 * np.pi))
    heart *= 1 + patient.sway * turn[:, None] * np.array([1.0, rng.uniform(-1, 1)])
    noise = draw_noise(patient.noise, n_samples, fs_hz, rng)
    return (heart + noise).astype(np.float32)


def _draw_beat(
    heart: NDArray[np.float64],
    patient: Patient,
    beat: Beat,
    fs_hz: float,
    rng: np.random.Generator,
) -> None:
    """Add the waves of one beat."""
    m = patient.morphology
    if beat.sinus_at_s is not None:
        _place(heart, m.p, beat.sinus_at_s - m.pr_s, fs_hz, _about_one(rng, 0.08))
    if beat.kind == "S":
        pr = m.pr_s * rng.uniform(0.8, 1.1)
        _place(heart, m.p_ectopic, beat.at_s - pr, fs_hz, _about_one(rng, 0.15))
    if beat.kind in "NS":
        shape = m.aberrant if beat.aberrant else m.sinus
        _place_complex(heart, shape, beat, fs_hz, _about_one(rng, 0.03))
        return
    share = beat.blend if beat.kind == "F" else 1.0
    _place_complex(heart, m.foci[beat.focus], beat, fs_hz, share * _about_one(rng, 0.06))
    if beat.kind == "F":
        _place_complex(heart, m.sinus, beat, fs_hz, (1 - share) * _about_one(rng, 0.06))


def _about_one(rng: np.random.Generator, spread: float) -> float:
    return 1 + spread * float(rng.standard_normal())


def _place_complex(
    heart: NDArray[np.float64], shape: Complex, beat: Beat, fs_hz: float, gain: float
) -> None:
    _place(heart, shape.qrs, beat.at_s, fs_hz, gain)
    _place(heart, shape.t, beat.at_s + shape.qt_s * np.sqrt(beat.rr_s), fs_hz, gain)


def _place(
    heart: NDArray[np.float64],
    kernel: NDArray[np.float64],
    at_s: float,
    fs_hz: float,
    gain: float,
) -> None:
    """Add a kernel centred at a time between samples."""
    first = max(int(np.ceil((at_s - HALF_S) * fs_hz)), 0)
    last = min(int((at_s + HALF_S) * fs_hz), len(heart) - 1)
    if first > last:
        return
    at = np.arange(first, last + 1) / fs_hz - at_s
    for lead in range(heart.shape[1]):
        heart[first : last + 1, lead] += gain * np.interp(at, _GRID_S, kernel[lead])


def _fibrillation(t: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw fibrillatory waves of 4 to 8 Hz, larger in V1."""
    rate = rng.uniform(5, 7) + 0.8 * np.sin(2 * np.pi * 0.13 * t + rng.uniform(0, 6))
    phase = 2 * np.pi * np.cumsum(rate) / len(t) * t[-1]
    wave = np.sin(phase) + 0.4 * np.sin(2 * phase + 1.0)
    return np.stack([rng.uniform(0.01, 0.03) * wave, rng.uniform(0.03, 0.08) * wave], axis=1)
