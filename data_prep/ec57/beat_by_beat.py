"""Beat-by-beat comparison of two annotation files, as ANSI/AAMI EC57 asks for.

The numbers equal those of PhysioNet's ``bxb`` and ``sumstats``, the reference implementation,
down to its habits: the pairing rules, six test columns (``o`` missed, ``x`` missed while the
test file is shut down) and an S +P that counts F beats called S for one record, but not in the
aggregate.

References:
    ANSI/AAMI EC57:2012, Testing and reporting performance results of cardiac rhythm and ST
    segment measurement algorithms.
    G. B. Moody, Evaluating ECG analyzers, WFDB Applications Guide,
    https://physionet.org/physiotools/wag/eval.htm
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from data_prep.ec57._pairing import MATCH_WINDOW_S, NEVER, Match, Track, read_track, walk
from data_prep.ec57.run_by_run import RunCounts, compare_runs
from data_prep.errors import DataError
from data_prep.io.record import Annotations

LEARNING_PERIOD_S: Final = 300.0

# Reference class (O: no beat, X: no beat while the reference is shut down), then test class.
CELLS: Final = tuple(row + column for row in "NSVFQOX" for column in "nsvfqox")

# The 19 columns of a record's line: what each is the sum of. The aggregate knows only these.
COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "Nn'": ("Nn", "Nf", "Nq"),
    "Sn'": ("Sn", "Sf", "Sq"),
    "Vn'": ("Vn", "Vf", "Vq"),
    "Fn'": ("Fn", "Ff", "Fq", "Qn", "Qf", "Qq"),
    "On'": ("On", "Of", "Oq", "Xn", "Xf", "Xq"),
    "Ns": ("Ns",),
    "Ss": ("Ss",),
    "Vs": ("Vs",),
    "Fs'": ("Fs", "Qs"),
    "Os'": ("Os", "Xs"),
    "Nv": ("Nv",),
    "Sv": ("Sv",),
    "Vv": ("Vv",),
    "Fv'": ("Fv", "Qv"),
    "Ov'": ("Ov", "Xv"),
    "No'": ("No", "Nx"),
    "So'": ("So", "Sx"),
    "Vo'": ("Vo", "Vx"),
    "Fo'": ("Fo", "Fx", "Qo", "Qx"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What EC57 asks to report, as fractions; ``None`` where the denominator is 0.

    Attributes:
        q_se: Sensitivity to any QRS complex.
        q_ppv: Positive predictivity of any QRS complex.
        v_se: Sensitivity to ventricular beats.
        v_ppv: Positive predictivity of ventricular beats; F and Q called V do not count.
        v_fpr: Share of the other beats that were called V.
        s_se: Sensitivity to supraventricular beats.
        s_ppv: Positive predictivity of supraventricular beats.
        rr_error_ms: Root mean square error of the RR intervals.
    """

    q_se: float | None
    q_ppv: float | None
    v_se: float | None
    v_ppv: float | None
    v_fpr: float | None
    s_se: float | None
    s_ppv: float | None
    rr_error_ms: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordComparison:
    """The comparison of one record.

    Attributes:
        cells: Count of each of :data:`CELLS`.
        matches: What became of each beat, in the order of time: ``cell``, and the positions
            ``reference`` and ``test`` (``None`` where there is none).
        rr_error_ms: Root mean square error of the RR intervals; ``None`` if there is no pair of
            intervals.
        shutdown_s: Time that the test file is shut down after the start.
        v_runs: Ventricular couplets and runs.
        s_runs: Supraventricular couplets and runs.
    """

    cells: Mapping[str, int]
    matches: tuple[Match, ...]
    rr_error_ms: float | None
    shutdown_s: float
    v_runs: RunCounts
    s_runs: RunCounts

    @property
    def columns(self) -> dict[str, int]:
        """The :data:`COLUMNS` of the record's line."""
        return columns(self.cells)

    @property
    def figures(self) -> Figures:
        """The record's figures; here F beats called S are false positives."""
        return _figures(self.cells, self.rr_error_ms, s_false=("Ns", "Vs", "Fs", "Os", "Xs"))

    def to_json(self) -> dict[str, Any]:
        """Return cells and figures in one flat dictionary."""
        return {**self.cells, **asdict(self.figures), "shutdown_s": self.shutdown_s}

    def runs_to_json(self) -> dict[str, Any]:
        """Return the couplets and runs of ectopic beats."""
        return _runs_to_json(self.v_runs, self.s_runs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A set of records taken together.

    Attributes:
        sum: Cells summed over the records.
        gross: Figures of the summed counts; F beats called S are left out, as ``sumstats`` does.
        average: Mean over the records in which a figure is defined.
        n_averaged: How many records that mean is over, by figure.
        v_runs: Counts of ventricular runs, summed.
        s_runs: Counts of supraventricular runs, summed.
    """

    sum: Mapping[str, int]
    gross: Figures
    average: Figures
    n_averaged: Mapping[str, int]
    v_runs: RunCounts
    s_runs: RunCounts

    def to_json(self) -> dict[str, Any]:
        """Return ``sum``, ``gross``, ``average``, ``n_averaged`` and ``runs``."""
        return {
            "sum": dict(self.sum),
            "gross": asdict(self.gross),
            "average": asdict(self.average),
            "n_averaged": dict(self.n_averaged),
            "runs": _runs_to_json(self.v_runs, self.s_runs),
        }


def compare(
    reference: Annotations,
    test: Annotations,
    *,
    fs_hz: float,
    n_samples: int | None = None,
    start_s: float = LEARNING_PERIOD_S,
) -> RecordComparison:
    """Compare the beats of ``test`` with those of ``reference``.

    Args:
        reference: The truth.
        test: What is to be judged; positions at another rate are converted.
        fs_hz: Sampling rate at which positions are compared: the record's.
        n_samples: Length of the record; by default the comparison ends with the last beat.
        start_s: Where the comparison starts; EC57 leaves out the first five minutes.

    Raises:
        DataError: If positions are not in order, or an argument is out of range.
    """
    if not (math.isfinite(fs_hz) and fs_hz > 0):
        raise DataError(f"the sampling rate must be above 0; got {fs_hz}")
    if not (math.isfinite(start_s) and start_s >= 0):
        raise DataError(f"the start of the comparison must be 0 s or later; got {start_s} s")
    if n_samples is not None and start_s * fs_hz >= n_samples:
        raise DataError(
            f"the comparison must start within the record; it is {n_samples / fs_hz:g} s long and "
            f"the start is at {start_s:g} s: give an earlier --start"
        )
    window = int(MATCH_WINDOW_S * fs_hz)
    start, end = int(start_s * fs_hz), NEVER - 1 if n_samples is None else n_samples
    truth = read_track(reference, fs_hz=fs_hz, window=window, what="reference")
    judged = read_track(test, fs_hz=fs_hz, window=window, what="test")
    walked = walk(truth, judged, window=window, start=start, end=end)
    error = None
    if walked.n_intervals:
        error = math.sqrt(walked.squared_error / walked.n_intervals) * 1000 / fs_hz

    def runs(kind: Literal["V", "S"]) -> RunCounts:
        return compare_runs(reference, test, kind, fs_hz=fs_hz, window=window, start=start, end=end)

    return RecordComparison(
        cells=dict.fromkeys(CELLS, 0) | Counter(match.cell for match in walked.matches),
        matches=tuple(walked.matches),
        rr_error_ms=error,
        shutdown_s=_shutdown(judged, start, end) / fs_hz,
        v_runs=runs("V"),
        s_runs=runs("S"),
    )


def summarize(comparisons: Iterable[RecordComparison]) -> Summary:
    """Take records together: summed counts, gross and average figures.

    Raises:
        DataError: If there is no record.
    """
    records = list(comparisons)
    if not records:
        raise DataError("a summary needs at least one record; there is none")
    total = {cell: sum(record.cells[cell] for record in records) for cell in CELLS}
    each = [asdict(_column_figures(record.cells, record.rr_error_ms)) for record in records]
    average: dict[str, float | None] = {}
    n_averaged: dict[str, int] = {}
    for name in each[0]:
        values = [figures[name] for figures in each if figures[name] is not None]
        average[name] = sum(values) / len(values) if values else None
        n_averaged[name] = len(values)
    return Summary(
        sum=total,
        gross=_column_figures(total, None),
        average=Figures(**average),
        n_averaged=n_averaged,
        v_runs=RunCounts.total(record.v_runs for record in records),
        s_runs=RunCounts.total(record.s_runs for record in records),
    )


def columns(cells: Mapping[str, int]) -> dict[str, int]:
    """Return the :data:`COLUMNS` that ``cells`` add up to."""
    return {name: sum(cells[cell] for cell in parts) for name, parts in COLUMNS.items()}


def ratio(part: int, whole: int) -> float | None:
    """Return ``part / whole``, or ``None`` if there is nothing to divide by."""
    return part / whole if whole else None


def _runs_to_json(v_runs: RunCounts, s_runs: RunCounts) -> dict[str, Any]:
    return {"ventricular": v_runs.to_json(), "supraventricular": s_runs.to_json()}


def _column_figures(cells: Mapping[str, int], rr_error_ms: float | None) -> Figures:
    # A line's columns cannot tell Fs from Qs, so sumstats leaves both out.
    return _figures(cells, rr_error_ms, s_false=("Ns", "Vs", "Os", "Xs"))


def _figures(
    cells: Mapping[str, int], rr_error_ms: float | None, *, s_false: Sequence[str]
) -> Figures:
    def count(rows: str, letters: str) -> int:
        return sum(cells[row + letter] for row in rows for letter in letters)

    paired = count("NSVFQ", "nsvfq")
    v_false, s_wrong = count("NSOX", "v"), sum(cells[cell] for cell in s_false)
    return Figures(
        q_se=ratio(paired, paired + count("NSVFQ", "ox")),
        q_ppv=ratio(paired, paired + count("OX", "nsvfq")),
        v_se=ratio(cells["Vv"], count("V", "nsvfqox")),
        v_ppv=ratio(cells["Vv"], cells["Vv"] + v_false),
        v_fpr=ratio(v_false, v_false + count("NSFQOX", "nsfq")),
        s_se=ratio(cells["Ss"], count("S", "nsvfqox")),
        s_ppv=ratio(cells["Ss"], cells["Ss"] + s_wrong),
        rr_error_ms=rr_error_ms,
    )


def _shutdown(track: Track, start: int, end: int) -> int:
    """Return for how many samples the file is shut down between ``start`` and ``end``."""
    # A span may be open, and so may the record: then it reaches to the last beat.
    last = max((time for time in track.times if time < NEVER), default=0)
    limit = min(end, last) if end == NEVER - 1 else end
    return sum(max(min(stop, limit) - max(begin, start), 0) for begin, stop in track.shutdown)
