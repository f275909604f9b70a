"""Who is simulated: roles that fix what a data set needs, and what is drawn for each patient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data_prep.simulation.beat_times import Rhythm
from data_prep.simulation.morphology import Conduction, Morphology, draw_morphology
from data_prep.simulation.noise import Noise


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """What is fixed of a patient, so that every seed gives every class enough carriers.

    Rates are probabilities of an event at each free beat (see ``Rhythm``).
    """

    bpm: tuple[float, float] = (60, 95)
    rsa: float = 0.03
    conduction: Conduction = "normal"
    fibrillation: bool = False
    pause: float = 0.0
    s: float = 0.002
    v: float = 0.003
    f: float = 0.0
    foci: int = 1
    aberrant: float = 0.1
    pairs: float = 0.1
    runs: float = 0.0
    bigeminy: float = 0.0
    noise: float = 1.0


ROLES: tuple[Role, ...] = (
    Role(bpm=(65, 85)),
    Role(bpm=(48, 62), rsa=0.11, pause=0.004, s=0.006),
    Role(bpm=(60, 80), s=0.07, runs=0.3, aberrant=0.05),
    Role(bpm=(75, 100), s=0.1, pairs=0.2, aberrant=0.3, noise=1.6),
    Role(bpm=(60, 75), rsa=0.07, s=0.07, bigeminy=0.08),
    Role(bpm=(65, 90), v=0.06, f=0.02, bigeminy=0.3, runs=0.05),
    Role(bpm=(60, 85), v=0.13, foci=2, pairs=0.25, runs=0.15),
    Role(bpm=(70, 95), v=0.13, f=0.07),
    Role(bpm=(60, 80), rsa=0.05, s=0.06, v=0.09, pairs=0.15, noise=2.0),
    Role(bpm=(60, 80), conduction="lbbb", s=0.04, v=0.07),
    Role(bpm=(60, 90), conduction="rbbb", s=0.08, v=0.03, noise=1.4),
    Role(bpm=(75, 105), fibrillation=True, s=0.0, v=0.08, foci=2),
    Role(bpm=(80, 100), noise=3.0),
    Role(bpm=(65, 85), s=0.03, v=0.03, runs=0.6),
    Role(bpm=(55, 75), rsa=0.06, v=0.09, bigeminy=0.12),
    Role(bpm=(60, 85), s=0.05, v=0.05, f=0.03, pause=0.003),
)
"""Patient ``i`` plays role ``i % len(ROLES)``; the first cycle trains, the second tests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """One simulated patient.

    Attributes:
        role: What was fixed.
        rhythm: How the beats follow each other.
        morphology: How they look.
        noise: What disturbs the signal.
        sway: Relative change of the QRS amplitude with each breath.
    """

    role: Role
    rhythm: Rhythm
    morphology: Morphology
    noise: Noise
    sway: float


def draw_patient(role: Role, rng: np.random.Generator) -> Patient:
    """Draw a patient who plays a role.

    Args:
        role: What is fixed.
        rng: Source of randomness.

    Returns:
        The patient.
    """
    u = rng.uniform
    breath_hz = u(0.18, 0.32)
    rhythm = Rhythm(
        rr_s=60 / u(*role.bpm),
        rsa=role.rsa * u(0.6, 1.4),
        slow=u(0.01, 0.035),
        breath_hz=breath_hz,
        fibrillation=role.fibrillation,
        pause=role.pause,
        s_rate=role.s * u(0.7, 1.3),
        v_rate=role.v * u(0.7, 1.3),
        f_rate=role.f * u(0.8, 1.2),
        s_coupling=u(0.6, 0.82),
        v_coupling=tuple(u(0.5, 0.75, role.foci)),
        aberrant=role.aberrant,
        pairs=role.pairs,
        runs=role.runs,
        bigeminy=role.bigeminy,
    )
    noise = Noise(
        wander_mv=role.noise * u(0.03, 0.15),
        muscle_mv=role.noise * u(0.008, 0.03),
        mains_mv=u(0.0, 0.012),
        mains_hz=60.0,
        motion=int(rng.poisson(1.5 * role.noise)),
        motion_mv=u(0.1, 0.4),
        breath_hz=breath_hz,
    )
    morphology = draw_morphology(rng, role.conduction, role.foci)
    return Patient(role=role, rhythm=rhythm, morphology=morphology, noise=noise, sway=u(0.02, 0.1))
