"""EC57 results as the text that PhysioNet's tools print: byte for byte.

Other programs read these tables, and people compare them with what ``bxb``, ``rxr`` and
``sumstats`` gave them before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from data_prep.ec57.beat_by_beat import COLUMNS, Figures, RecordComparison, Summary, columns, ratio
from data_prep.ec57.run_by_run import RunCounts

HEADER: Final = (
    "Record Nn' Sn' Vn' Fn' On'  Ns  Ss  Vs  Fs' Os' Nv  Sv   Vv  Fv' Ov' No' So' Vo' Fo'"
    "  Q Se   Q +P   V Se   V +P   S Se   S +P RR err"
)
RUN_HEADER: Final = (
    "Record CTs CFN CTp CFP STs SFN STp SFP LTs LFN LTp LFP  CSe C+P SSe S+P LSe L+P"
)
SHUTDOWN_HEADER: Final = (
    "Record Nx   Sx   Vx   Fx   Qx  % beats  % N    % S    % V    % F   Total Shutdown\n"
    "                                missed missed missed missed missed      Time"
)


def lines(records: Mapping[str, RecordComparison]) -> str:
    """Return the table of ``bxb -L``: a header and one line a record."""
    return "\n".join([HEADER, *(_line(name, record) for name, record in records.items()), ""])


def table(records: Mapping[str, RecordComparison], summary: Summary) -> str:
    """Return the table of ``sumstats``: the lines with their sum, gross and average."""
    total = columns(summary.sum)
    n_qrs = sum(total.values()) - sum(total[name] for name in ("On'", "Os'", "Ov'"))
    n_v = sum(total[name] for name in ("Vn'", "Vs", "Vv", "Vo'"))
    n_s = sum(total[name] for name in ("Sn'", "Ss", "Sv", "So'"))
    indent = len(_line("", next(iter(records.values())))) - len(" 100.00" * 7)
    return (
        lines(records)
        + "_" * len(HEADER)
        + f"\nSum {_counts(total)}\n"
        + f"{'Gross':<{indent}}{_percents(summary.gross)}\n"
        + f"{'Average':<{indent}}{_percents(summary.average)}{_rr(summary.average)}\n"
        + f"Total QRS complexes: {n_qrs}  Total VEBs: {n_v}  Total SVEBs: {n_s}\n\n"
        + f"Summary of results from {len(records)} records\n"
    )


def run_lines(records: Mapping[str, RecordComparison], kind: Literal["V", "S"]) -> str:
    """Return the table of ``rxr -L``: a header and one line a record."""
    each = {name: _runs(record, kind) for name, record in records.items()}
    body = [f"{name:>4}{_run_counts(runs)} {_run_percents(runs)}" for name, runs in each.items()]
    title = ["(SVE run detection)"] if kind == "S" else []
    return "\n".join([*title, RUN_HEADER, *body, ""])


def run_table(
    records: Mapping[str, RecordComparison], summary: Summary, kind: Literal["V", "S"]
) -> str:
    """Return the table of ``sumstats`` for runs: the lines with their sum, gross and average."""
    runs = _runs(summary, kind)
    totals = [yes + no for yes, no in zip(runs.found, runs.missed, strict=True)]
    each = [_runs(record, kind) for record in records.values()]
    se, ppv = (
        [_mean([getattr(run, name)[k] for run in each]) for k in range(3)] for name in ("se", "ppv")
    )
    indent = len(RUN_HEADER) - len("  CSe C+P SSe S+P LSe L+P")
    return (
        run_lines(records, kind)
        + "_" * (len(RUN_HEADER) - 2)
        + f"\nSum   {_run_counts(runs)}\n"
        + f"{'Gross':<{indent}} {_run_percents(runs)}\n"
        + f"{'Average':<{indent}} {_interleaved(se, ppv)}\n"
        + f"Total couplets: {totals[0]}  Total short runs: {totals[1]}  "
        + f"Total long runs: {totals[2]}\n\n"
        + f"Summary of results from {len(records)} records\n"
    )


def shutdown_lines(records: Mapping[str, RecordComparison]) -> str:
    """Return ``bxb``'s table of the beats missed while the test file was shut down."""
    body = [SHUTDOWN_HEADER]
    for name, record in records.items():
        out = [record.cells[row + "x"] for row in "NSVFQ"]
        all_ = [_reference_beats(record, row) for row in "NSVFQ"]
        shares = [ratio(sum(out), sum(all_))] + [ratio(out[k], all_[k]) for k in range(4)]
        body.append(
            f"{name:>4}{out[0]:5d}"
            + "".join(f"{count:5d}" for count in out[1:])
            + "  "
            + "".join(f" {_percent(share)}" for share in shares)
            + f"{record.shutdown_s:5.0f} seconds {' '.join(map(str, all_))}"
        )
    return "\n".join([*body, ""])


def matrix(name: str, record: RecordComparison, reference: str, test: str) -> str:
    """Return ``bxb``'s matrix report; it counts S as N."""

    def cell(rows: str, letters: str) -> int:
        return sum(record.cells[row + letter] for row in rows for letter in letters)

    rows = {"N": "NS", "V": "V", "F": "F", "Q": "Q", "O": "O", "X": "X"}
    letters = ("ns", "v", "f", "q", "o", "x")
    grid = ""
    for row, parts in rows.items():
        # What the reference does not hold cannot be missed.
        shown = letters if row in "NVFQ" else letters[:4]
        grid += f" {row} |" + "".join(f" {cell(parts, which):4d}" for which in shown) + "\n"
    figures = record.figures
    paired, beats = cell("NSVFQ", "nsvfq"), cell("NSVFQ", "nsvfqox")
    v_false = cell("NSOX", "v")
    v_true = record.cells["Vv"]
    v_beats = _reference_beats(record, "V")
    found = paired + cell("OX", "nsvfq")
    v_others = v_false + cell("NSFQOX", "nsfq")

    def share(label: str, value: float | None, part: int, whole: int, decimals: int = 2) -> str:
        text = "     - " if value is None else f"{100 * value:6.{decimals}f}%"
        return f"{label:>26}: {text} ({part}/{whole})\n"

    def missed(label: str, which: str) -> str:
        part = cell(which, "x")
        whole = cell(which, "nsvfqox")
        return share(f"{label} missed in shutdown", ratio(part, whole), part, whole)

    return (
        f"Beat-by-beat comparison results for record {name}\n"
        f"Reference annotator: {reference}\n     Test annotator: {test}\n\n"
        "               Algorithm\n        n    v    f    q    o    x\n"
        f"   {'_' * 31}\n{grid}\n"
        + share("QRS sensitivity", figures.q_se, paired, beats)
        + share("QRS positive predictivity", figures.q_ppv, paired, found)
        + share("VEB sensitivity", figures.v_se, v_true, v_beats)
        + share("VEB positive predictivity", figures.v_ppv, v_true, v_true + v_false)
        + share("VEB false positive rate", figures.v_fpr, v_false, v_others, 3)
        + "\n\n"
        + missed("Beats", "NSVFQ")
        + missed("N", "NS")
        + missed("V", "V")
        + missed("F", "F")
        + f"       Total shutdown time: {record.shutdown_s:5.0f} seconds\n"
    )


def _line(name: str, record: RecordComparison) -> str:
    return f"{name:>4}{_counts(record.columns)}{_percents(record.figures)}{_rr(record.figures)}"


def _counts(counts: Mapping[str, int]) -> str:
    width = {"Nn'": 6, "Vv": 5}
    return "".join(f" {counts[name]:{width.get(name, 4) - 1}d}" for name in COLUMNS)


def _percents(figures: Figures) -> str:
    values = (figures.q_se, figures.q_ppv, figures.v_se, figures.v_ppv, figures.s_se, figures.s_ppv)
    return "".join(f" {_percent(value)}" for value in values)


def _percent(value: float | None) -> str:
    return "     -" if value is None else f"{100 * value:6.2f}"


def _rr(figures: Figures) -> str:
    return "      -" if figures.rr_error_ms is None else f" {figures.rr_error_ms:6.2f}"


def _runs(of: RecordComparison | Summary, kind: Literal["V", "S"]) -> RunCounts:
    return of.v_runs if kind == "V" else of.s_runs


def _run_counts(runs: RunCounts) -> str:
    return "".join(
        f" {count[k]:3d}"
        for k in range(3)
        for count in (runs.found, runs.missed, runs.right, runs.wrong)
    )


def _run_percents(runs: RunCounts) -> str:
    return _interleaved(runs.se, runs.ppv)


def _interleaved(se: Sequence[float | None], ppv: Sequence[float | None]) -> str:
    values = [value for pair in zip(se, ppv, strict=True) for value in pair]
    return "".join("   -" if value is None else f" {100 * value:3.0f}" for value in values)


def _mean(values: list[float | None]) -> float | None:
    defined = [value for value in values if value is not None]
    return sum(defined) / len(defined) if defined else None


def _reference_beats(record: RecordComparison, row: str) -> int:
    return sum(record.cells[row + letter] for letter in "nsvfqox")
