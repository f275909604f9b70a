"""The order and timing of a simulated patient's beats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

Kind = Literal["N", "S", "V", "F"]

_SHORTEST_S = 0.30
"""No beat follows another faster: the ventricles are refractory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """How one patient's beats follow each other.

    Rates are probabilities that a free beat is replaced by an ectopic event; an event may be one
    beat, a pair, a run or an episode of bigeminy, so that shares of beats are higher.

    Attributes:
        rr_s: Mean sinus interval.
        rsa: Relative size of the respiratory sinus arrhythmia.
        slow: Relative size of slower variations (0.1 Hz and below).
        breath_hz: Respiratory rate.
        fibrillation: Whether the atria fibrillate: irregular, without P waves.
        pause: Rate of sinus pauses (a beat that does not come).
        s_rate: Rate of supraventricular events.
        v_rate: Rate of ventricular events.
        f_rate: Rate of fusion beats.
        s_coupling: Interval of a supraventricular premature beat, relative to the sinus interval.
        v_coupling: The same for each ventricular focus.
        aberrant: Share of supraventricular premature beats with aberrant conduction.
        pairs: Share of events that are couplets.
        runs: Share of events that are runs of three or more.
        bigeminy: Share of events that begin an episode of bigeminy.
    """

    rr_s: float
    rsa: float
    slow: float
    breath_hz: float
    fibrillation: bool = False
    pause: float = 0.0
    s_rate: float = 0.0
    v_rate: float = 0.0
    f_rate: float = 0.0
    s_coupling: float = 0.7
    v_coupling: tuple[float, ...] = (0.65,)
    aberrant: float = 0.0
    pairs: float = 0.0
    runs: float = 0.0
    bigeminy: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """One beat to be drawn.

    Attributes:
        at_s: Time of the R peak.
        kind: Its class.
        rr_s: Sinus interval at that time, which sets the QT interval.
        sinus_at_s: When the sinus node's own R was due; its P is drawn before that, whether it
            reaches the ventricles or not. None where no sinus P is seen.
        aberrant: Whether a supraventricular premature beat is conducted with aberrancy.
        focus: Index of the ventricular focus (V and F).
        blend: Share of the ventricular focus in a fusion beat.
    """

    at_s: float
    kind: Kind
    rr_s: float
    sinus_at_s: float | None = None
    aberrant: bool = False
    focus: int = 0
    blend: float = 0.0


def draw_beats(rhythm: Rhythm, duration_s: float, rng: np.random.Generator) -> list[Beat]:
    """Draw the beats of one recording.

    Args:
        rhythm: How the patient's beats follow each other.
        duration_s: Length of the recording.
        rng: Source of randomness.

    Returns:
        Beats in order of time, all inside the recording by more than half a second.
    """
    walk = _Walk(rhythm, rng)
    while walk.next_sinus_s < duration_s:
        u = rng.uniform()
        if u < rhythm.s_rate:
            walk.event("S")
        elif u < rhythm.s_rate + rhythm.v_rate:
            walk.event("V")
        elif u < rhythm.s_rate + rhythm.v_rate + rhythm.f_rate:
            walk.fusion()
        else:
            walk.sinus()
    return [beat for beat in walk.beats if 0.5 < beat.at_s < duration_s - 0.7]


class _Walk:
    """The walk along one recording: when the last beat was and when the sinus node fires next."""

    def __init__(self, rhythm: Rhythm, rng: np.random.Generator) -> None:
        self.rhythm, self.rng = rhythm, rng
        self.beats: list[Beat] = []
        self.last_s = 0.0
        self._phases = rng.uniform(0, 2 * np.pi, 5)
        self.next_sinus_s = rng.uniform(0.3, 1.0)

    def interval_s(self) -> float:
        """Return the present sinus interval: breathing, slow waves, a little noise."""
        r, t, phase = self.rhythm, self.last_s, self._phases
        slow = (
            0.5 * np.sin(2 * np.pi * 0.1 * t + phase[0])
            + 0.5 * np.sin(2 * np.pi * 0.037 * t + phase[1])
            + 0.7 * np.sin(2 * np.pi * 0.011 * t + phase[2])
            + 0.9 * np.sin(2 * np.pi * 0.0043 * t + phase[3])
        )
        breath = np.sin(2 * np.pi * r.breath_hz * t + phase[4])
        noise = 0.008 * self.rng.standard_normal()
        if r.fibrillation:
            noise = 0.22 * self.rng.standard_normal() + 0.03
        return r.rr_s * float(np.clip(np.exp(r.rsa * breath + r.slow * slow + noise), 0.5, 1.8))

    def sinus(self) -> None:
        """Add the beat that the sinus node (or the fibrillating atria) brings."""
        if self.rng.uniform() < self.rhythm.pause:
            self.next_sinus_s += self.rhythm.rr_s * self.rng.uniform(0.7, 1.0)
        at = max(self.next_sinus_s, self.last_s + _SHORTEST_S)
        rr = self._add(at, "N", sinus_at_s=None if self.rhythm.fibrillation else at)
        self.next_sinus_s = at + rr

    def fusion(self) -> None:
        """Add a beat that both the sinus node and a ventricular focus start."""
        at = self.next_sinus_s - self.rng.uniform(0.0, 0.06) * self.rhythm.rr_s
        due = self.next_sinus_s
        rr = self._add(at, "F", sinus_at_s=due, blend=self.rng.uniform(0.3, 0.7))
        self.next_sinus_s = due + rr

    def event(self, kind: Literal["S", "V"]) -> None:
        """Add an ectopic event: one beat, a couplet, a run or an episode of bigeminy."""
        r, u = self.rhythm, self.rng.uniform()
        if u < r.bigeminy:
            for _ in range(int(self.rng.integers(4, 14))):
                self._premature(kind, 1)
                self.sinus()
        elif u < r.bigeminy + r.runs:
            self._premature(kind, int(self.rng.integers(3, 12 if kind == "S" else 7)))
        elif u < r.bigeminy + r.runs + r.pairs:
            self._premature(kind, 2)
        else:
            self._premature(kind, 1)
        self.sinus()

    def _premature(self, kind: Literal["S", "V"], n: int) -> None:
        (self._supraventricular if kind == "S" else self._ventricular)(n)

    def _supraventricular(self, n: int) -> None:
        """Add ``n`` beats from the atria; they reset the sinus node (an incomplete pause)."""
        rng = self.rng
        coupling = float(np.clip(self.rhythm.s_coupling + 0.05 * rng.standard_normal(), 0.45, 0.93))
        for i in range(n):
            jitter = 1 + 0.02 * rng.standard_normal()
            # The shorter the coupling, the likelier a bundle branch is still refractory.
            aberrant = i == 0 and rng.uniform() < self.rhythm.aberrant * (1.4 - coupling) / 0.7
            at = self.last_s + max(coupling * jitter * self.interval_s(), _SHORTEST_S)
            rr = self._add(at, "S", aberrant=aberrant)
        self.next_sinus_s = self.last_s + rr * rng.uniform(1.0, 1.2)

    def _ventricular(self, n: int) -> None:
        """Add ``n`` beats from one focus; the sinus node goes on unaware (a full pause)."""
        rng, r = self.rng, self.rhythm
        focus = int(rng.integers(len(r.v_coupling)))
        coupling = float(np.clip(r.v_coupling[focus] + 0.04 * rng.standard_normal(), 0.4, 0.92))
        due = self.next_sinus_s
        interpolated = n == 1 and not r.fibrillation and rng.uniform() < 0.05
        for i in range(n):
            step = coupling * (1.0 if i == 0 else rng.uniform(0.85, 1.05))
            at = self.last_s + max(step * self.interval_s(), _SHORTEST_S)
            interpolated = interpolated and due - at > 0.42
            hidden = i == 0 and not r.fibrillation and not interpolated
            rr = self._add(at, "V", focus=focus, sinus_at_s=due if hidden else None)
        if r.fibrillation:
            self.next_sinus_s = self.last_s + rr * rng.uniform(1.0, 1.5)
        elif not interpolated:  # the sinus beat that was due meets refractory ventricles
            self.next_sinus_s += rr
            while self.next_sinus_s < self.last_s + 0.55 * rr:
                self.next_sinus_s += rr

    def _add(
        self,
        at_s: float,
        kind: Kind,
        *,
        sinus_at_s: float | None = None,
        aberrant: bool = False,
        focus: int = 0,
        blend: float = 0.0,
    ) -> float:
        """Append a beat and return the sinus interval at its time."""
        self.last_s = at_s
        rr = self.interval_s()
        self.beats.append(
            Beat(
                at_s=at_s,
                kind=kind,
                rr_s=rr,
                sinus_at_s=sinus_at_s,
                aberrant=aberrant,
                focus=focus,
                blend=blend,
            )
        )
        return rr
