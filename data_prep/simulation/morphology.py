"""Beat shapes of a simulated patient: kernels from neurokit2's ECGSYN, one a wave and lead.

A beat is a sum of three kernels placed in time (P, QRS, T), so that P can be missing, dissociated
or ectopic, and the QT interval can follow the rate. Times are seconds from the R peak (QRS) or
from the wave's own peak (P, T); amplitudes are mV.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

KERNEL_HZ = 500
HALF_S = 0.24
"""A kernel spans ±``HALF_S`` around its centre."""

# ECGSYN walks once around a circle per beat. At 120 bpm a QRS covers enough of the circle that
# the simulator's adaptive integrator cannot step over it; at 60 bpm it sometimes does.
_RATE_BPM = 120
_LOUD = 1000.0
_RATE_FACTOR = np.sqrt(_RATE_BPM / 60)

Conduction = Literal["normal", "lbbb", "rbbb"]
Wave = tuple[float, float, float]
"""Centre in s, amplitude in mV, standard deviation in s."""


def kernel(waves: Sequence[Wave]) -> NDArray[np.float64]:
    """Simulate one wave complex with ECGSYN and cut it out.

    Args:
        waves: One to five Gaussian waves within ±0.15 s.

    Returns:
        ``(2 * HALF_S * KERNEL_HZ + 1,)`` in mV, zero at both ends.

    References:
        McSharry et al. 2003, doi:10.1109/TBME.2003.808805.
    """
    import neurokit2 as nk  # takes seconds to import

    at, mv, sd = np.zeros(5), np.zeros(5), np.full(5, 0.02)
    for i, wave in enumerate(waves):
        at[i], mv[i], sd[i] = wave
    # The simulator scales angles and widths with the rate; undo it, so that seconds stay seconds.
    stretch = np.array([_RATE_FACTOR**0.5, _RATE_FACTOR, 1.0, _RATE_FACTOR, _RATE_FACTOR**0.5])
    width = sd * 2 * np.pi * _RATE_BPM / 60
    simulated = np.asarray(
        nk.ecg_simulate(
            duration=3,
            sampling_rate=KERNEL_HZ,
            noise=0,
            heart_rate=_RATE_BPM,
            heart_rate_std=0,
            method="ecgsyn",
            random_state=0,  # neither noise nor heart rate variability: nothing is drawn
            ti=at * 360 * _RATE_BPM / 60 / stretch,
            # ECGSYN's z then peaks in proportion to the amplitude. The large factor drowns its
            # built-in breathing and makes its integrator take small steps.
            ai=_LOUD * mv / np.abs(mv).max() / width**2,
            bi=width / _RATE_FACTOR,
        )
    )
    # The integrator now and then steps over the start of a wave: the median of five beats does not.
    half, period = round(HALF_S * KERNEL_HZ), round(KERNEL_HZ * 60 / _RATE_BPM)
    cuts = [simulated[k * period - half : k * period + half + 1] for k in range(1, 6)]
    cut = np.median([c - np.linspace(c[0], c[-1], len(c)) for c in cuts], axis=0)
    t = np.arange(-half, half + 1) / KERNEL_HZ
    wanted = sum(a * np.exp(-0.5 * ((t - m) / s) ** 2) for m, a, s in waves)
    peak = np.abs(cut).max()
    scaled: NDArray[np.float64] = cut * (np.abs(wanted).max() / peak)
    return scaled


@dataclass(frozen=True, slots=True, kw_only=True)
class Complex:
    """A ventricular complex: its QRS and its T wave in each lead.

    Attributes:
        qrs: ``(leads, kernel samples)``, centred on the R peak.
        t: ``(leads, kernel samples)``, centred on the peak of T.
        qt_s: From R to the peak of T at a rate of 60 bpm.
    """

    qrs: NDArray[np.float64]
    t: NDArray[np.float64]
    qt_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Morphology:
    """Every shape that one patient's heart can make.

    Attributes:
        p: ``(leads, kernel samples)``, the sinus P wave.
        p_ectopic: The same of the patient's atrial focus.
        pr_s: From the peak of P to R.
        sinus: The conducted complex.
        aberrant: The complex of a premature beat that meets a refractory bundle branch.
        foci: One complex a ventricular focus.
    """

    p: NDArray[np.float64]
    p_ectopic: NDArray[np.float64]
    pr_s: float
    sinus: Complex
    aberrant: Complex
    foci: tuple[Complex, ...]


def draw_morphology(rng: np.random.Generator, conduction: Conduction, n_foci: int) -> Morphology:
    """Draw the shapes of one patient.

    Args:
        rng: Source of randomness.
        conduction: How the ventricles are reached from above.
        n_foci: Number of ventricular foci.

    Returns:
        The shapes in leads MLII and V1.
    """
    u = rng.uniform
    p_sd = u(0.018, 0.026)
    p_mv = u(0.04, 0.2)
    p = _leads(
        [
            [(0.0, p_mv, p_sd)],
            [(-0.015, p_mv * u(0.2, 0.6), p_sd), (0.02, -p_mv * u(0.1, 0.5), p_sd)],
        ]
    )
    ectopic_mv = rng.choice([-1.0, 1.0, 0.3]) * u(0.04, 0.16)
    ectopic_sd = p_sd * u(0.7, 1.0)
    p_ectopic = _leads([[(0.0, ectopic_mv, ectopic_sd)], [(0.0, u(-0.08, 0.1), ectopic_sd)]])
    width = u(0.8, 1.2)
    waves = _qrs_waves(rng, "normal", width)
    sinus_waves = waves if conduction == "normal" else _qrs_waves(rng, conduction, width)
    sinus = _complex(sinus_waves, _t_waves(rng, conduction), u(0.27, 0.33))
    # Aberrancy is mostly of the right bundle: the start of the QRS stays, its end is delayed.
    late = _qrs_waves(rng, "rbbb" if u() < 0.8 else "lbbb", width)
    aberrant = _complex(late, _t_waves(rng, "rbbb"), sinus.qt_s + 0.02)
    foci = tuple(_draw_focus(rng) for _ in range(n_foci))
    return Morphology(
        p=p, p_ectopic=p_ectopic, pr_s=u(0.13, 0.19), sinus=sinus, aberrant=aberrant, foci=foci
    )


def _leads(waves: Sequence[Sequence[Wave]]) -> NDArray[np.float64]:
    return np.stack([kernel(lead) for lead in waves])


def _complex(qrs: Sequence[Sequence[Wave]], t: Sequence[Sequence[Wave]], qt_s: float) -> Complex:
    return Complex(qrs=_leads(qrs), t=_leads(t), qt_s=qt_s)


def _qrs_waves(rng: np.random.Generator, conduction: Conduction, width: float) -> list[list[Wave]]:
    """Draw the QRS of MLII and V1; ``width`` 1 is about 90 ms without a block."""
    u = rng.uniform
    sd = 0.010 * width
    gap = 0.026 * width
    r, s = u(0.5, 1.7), u(0.3, 1.5)
    if conduction == "lbbb":  # broad notched R; broad QS in V1
        notch = u(0.7, 1.05)
        mlii = [(-0.020, r * 0.8, 0.016), (0.022, r * 0.8 * notch, 0.018), (0.055, r * 0.2, 0.02)]
        v1 = [(-0.035, u(0.0, 0.12), 0.009), (0.0, -s, 0.02), (0.035, -0.6 * s, 0.02)]
        return [mlii, v1]
    if conduction == "rbbb":  # narrow start, slurred S; rSR' in V1
        mlii = [
            (-gap, -u(0, 0.1), sd),
            (0.0, r, sd),
            (0.034, -u(0.15, 0.3) * r, 0.012),
            (0.068, -u(0.12, 0.3) * r, 0.02),
        ]
        v1 = [
            (-0.018, u(0.1, 0.3), 0.009),
            (0.008, -u(0.1, 0.6), 0.010),
            (0.055, u(0.4, 1.1), 0.017),
        ]
        return [mlii, v1]
    axis = u()
    deep = u(0.5, 1.0) if axis < 0.2 else u(0.02, 0.35)  # a left axis makes the S of MLII deep
    mlii = [(-gap, -u(0, 0.18) * r, sd * 0.8), (0.0, r, sd), (gap, -deep * r, sd * 1.1)]
    v1 = [
        (-0.016 * width, u(0.05, 0.35), sd * 0.9),
        (0.010, -s, sd * 1.2),
        (0.040 * width, u(0, 0.12) if u() < 0.3 else 0.0, sd),
    ]
    return [mlii, v1]


def _t_waves(rng: np.random.Generator, conduction: Conduction) -> list[list[Wave]]:
    """Draw T in MLII and V1: flat, upright or inverted, rising slower than it falls."""
    u = rng.uniform
    t = u(0.08, 0.45) * (1 if u() < 0.85 else -0.6)
    v1 = u(-0.2, 0.25)
    if conduction == "lbbb":
        t, v1 = -u(0.1, 0.3), u(0.2, 0.5)
    if conduction == "rbbb":
        v1 = -u(0.1, 0.3)
    sd = u(0.032, 0.045)
    st = u(-0.04, 0.04)
    return [
        [(-0.05, 0.35 * t + st, sd * 1.4), (0.0, 0.8 * t, sd)],
        [(-0.05, 0.35 * v1 - st, sd * 1.4), (0.0, 0.8 * v1, sd)],
    ]


def _draw_focus(rng: np.random.Generator) -> Complex:
    """Draw a ventricular focus: wide QRS of 115 to 180 ms, T against it."""
    u = rng.uniform
    sd = u(0.016, 0.026)  # the low end is a fascicular focus, nearly as narrow as a sinus beat
    main, v1_main = u(0.6, 2.2) * rng.choice([-1, 1, 1]), u(0.5, 1.8) * rng.choice([-1, 1])
    notch = u(0.3, 1.1)
    mlii = [
        (-1.7 * sd, u(-0.15, 0.3) * main, 0.8 * sd),
        (0.0, main, 0.9 * sd),
        (u(1.4, 2.0) * sd, notch * main, sd),
        (3.6 * sd, u(-0.35, 0.1) * main, 1.2 * sd),
    ]
    v1 = [
        (-1.2 * sd, u(-0.3, 0.5) * v1_main, 0.8 * sd),
        (0.3 * sd, v1_main, sd),
        (u(1.8, 2.6) * sd, u(-0.2, 0.8) * v1_main, 1.1 * sd),
    ]
    t_sd = u(0.04, 0.055)
    t = [
        [(-0.06, -u(0.05, 0.2) * main, 1.3 * t_sd), (0.0, -u(0.15, 0.4) * main, t_sd)],
        [(-0.06, -u(0.05, 0.2) * v1_main, 1.3 * t_sd), (0.0, -u(0.15, 0.4) * v1_main, t_sd)],
    ]
    return _complex([mlii, v1], t, u(0.31, 0.36))
