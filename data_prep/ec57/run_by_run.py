"""Run-by-run comparison: are couplets, short and long runs of ectopic beats found?

Each run of one file opens a match window, from the match window before its first beat to the
match window after its last. The longest run that the other file has within it, cut off at the
window's edges, must belong to the same class or a longer one.

* Sensitivity: over the runs of the reference, looked up in the test file.
* Positive predictivity: over the runs of the test file, looked up in the reference.

What is an ectopic beat:

* Ventricular: V and F (a fusion beat is half ventricular). Any other beat ends a run.
* Supraventricular: S; in atrial flutter (rhythm ``(AFL``) also N. Atrial fibrillation
  (``(AFIB``) is a long run from its rhythm mark on, whatever its beats are called; V and F
  interrupt it.

Beats in ventricular fibrillation (``[`` to ``]``) are left out, and it ends a run.

PhysioNet's ``rxr`` is the reference implementation. These rules were found from EC57's
definitions and ``rxr``'s printed results, which they reproduce; what no result at hand decides
(fibrillation inside a run, Q beats in flutter) is EC57's wording, read plainly.

References:
    ANSI/AAMI EC57:2012, section 4.2.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from data_prep.ec57._pairing import CLASS_OF, positions
from data_prep.io.record import Annotations

COUPLET: Final = 2
SHORT: Final = 3
LONG: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCounts:
    """How many runs of each class were found: couplets, short runs (3 to 5), long ones (6 on).

    Each attribute holds three counts, in that order.

    Attributes:
        found: Runs of the reference that the test file has.
        missed: Runs of the reference that it has not.
        right: Runs of the test file that the reference has.
        wrong: Runs of the test file that it has not.
    """

    found: tuple[int, int, int]
    missed: tuple[int, int, int]
    right: tuple[int, int, int]
    wrong: tuple[int, int, int]

    @property
    def se(self) -> tuple[float | None, ...]:
        """Sensitivity to couplets, short and long runs; ``None`` where there is none."""
        return _shares(self.found, self.missed)

    @property
    def ppv(self) -> tuple[float | None, ...]:
        """Positive predictivity of couplets, short and long runs; ``None`` where there is none."""
        return _shares(self.right, self.wrong)

    @staticmethod
    def total(counts: Iterable[RunCounts]) -> RunCounts:
        """Return the sum of ``counts``."""
        each = list(counts)

        def add(name: str) -> tuple[int, int, int]:
            first, second, third = (sum(getattr(c, name)[k] for c in each) for k in range(3))
            return first, second, third

        return RunCounts(
            found=add("found"), missed=add("missed"), right=add("right"), wrong=add("wrong")
        )

    def to_json(self) -> dict[str, dict[str, int | float | None]]:
        """Return counts and figures by class of run."""
        return {
            name: {
                "found": self.found[k],
                "missed": self.missed[k],
                "right": self.right[k],
                "wrong": self.wrong[k],
                "se": self.se[k],
                "ppv": self.ppv[k],
            }
            for k, name in enumerate(("couplets", "short", "long"))
        }


def compare_runs(
    reference: Annotations,
    test: Annotations,
    kind: Literal["V", "S"],
    *,
    fs_hz: float,
    window: int,
    start: int,
    end: int,
) -> RunCounts:
    """Compare the runs of two annotators.

    Args:
        reference: The truth.
        test: What is to be judged.
        kind: Ventricular or supraventricular.
        fs_hz: Sampling rate of the positions below.
        window: Match window in samples.
        start: First sample of the comparison.
        end: Last sample of the comparison.

    Raises:
        DataError: If positions are not in order.
    """
    truth = _runs(reference, kind, fs_hz=fs_hz, start=start, end=end, what="reference")
    judged = _runs(test, kind, fs_hz=fs_hz, start=start, end=end, what="test")
    found, missed = _look_up(truth, judged, window)
    right, wrong = _look_up(judged, truth, window)
    return RunCounts(found=found, missed=missed, right=right, wrong=wrong)


@dataclass(slots=True)
class _Run:
    """Positions of a run's beats, and for how many beats each counts."""

    times: list[int]
    weights: list[int]

    def length(self, first: int, last: int) -> int:
        return sum(self.weights[bisect_left(self.times, first) : bisect_right(self.times, last)])


def _runs(
    notes: Annotations, kind: Literal["V", "S"], *, fs_hz: float, start: int, end: int, what: str
) -> list[_Run]:
    runs: list[_Run] = []
    going_on = False
    rhythm = ""
    in_fibrillation = False
    for time, symbol, aux in zip(
        positions(notes, fs_hz, what), notes.symbols.tolist(), notes.aux, strict=True
    ):
        if symbol == "+" and aux.startswith("("):
            rhythm = aux
        elif symbol in "[]":
            in_fibrillation = symbol == "["
            going_on = False
        weight = 0 if in_fibrillation else _weight(symbol, rhythm, kind)
        if weight is None or not start <= time <= end:
            continue
        if weight == 0:
            going_on = False
        elif going_on:
            runs[-1].times.append(time)
            runs[-1].weights.append(weight)
        else:
            runs.append(_Run([time], [weight]))
            going_on = True
    return runs


def _weight(symbol: str, rhythm: str, kind: Literal["V", "S"]) -> int | None:
    """Return for how many beats of a run ``symbol`` counts; 0 ends a run, ``None`` does nothing."""
    name = CLASS_OF.get(symbol)
    if kind == "V":
        return None if name is None else int(name in "VF")
    if rhythm.startswith("(AFIB"):
        if name is None:
            return LONG if symbol == "+" else None
        return LONG if name in "NS" else 0
    if name is None:
        return None
    return int(name == "S" or (name == "N" and rhythm.startswith("(AFL")))


def _look_up(
    runs: list[_Run], others: list[_Run], window: int
) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Count by class which of ``runs`` have a run as long among ``others``, and which have not."""
    ends = [run.times[-1] for run in others]
    counts = {True: [0, 0, 0], False: [0, 0, 0]}
    for run in runs:
        length = sum(run.weights)
        if length < COUPLET:
            continue
        least = COUPLET if length < SHORT else SHORT if length < LONG else LONG
        first, last = run.times[0] - window, run.times[-1] + window
        longest = 0
        for other in others[bisect_left(ends, first) :]:
            if other.times[0] > last:
                break
            longest = max(longest, other.length(first, last))
        counts[longest >= least][(COUPLET, SHORT, LONG).index(least)] += 1
    yes, no = counts[True], counts[False]
    return (yes[0], yes[1], yes[2]), (no[0], no[1], no[2])


def _shares(yes: tuple[int, int, int], no: tuple[int, int, int]) -> tuple[float | None, ...]:
    return tuple(y / (y + n) if y + n else None for y, n in zip(yes, no, strict=True))
