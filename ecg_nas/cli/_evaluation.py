"""What ``ecg-nas evaluate`` prints for people: the figures with their protocol."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

    from data_prep.tasks import Task

_EC57 = (
    ("QRS Se", "q_se"),
    ("QRS +P", "q_ppv"),
    ("V Se", "v_se"),
    ("V +P", "v_ppv"),
    ("V FPR", "v_fpr"),
    ("S Se", "s_se"),
    ("S +P", "s_ppv"),
)


def text(result: Mapping[str, Any], task: Task) -> str:
    """Return the result of an evaluation as text of up to 100 columns."""
    from ecg_nas.assessment.protocol import describe

    parts = [
        _printed(_confusion(result)),
        _printed(_classes(result)),
        *_summary(result, task),
        "",
        _printed(_ec57(result["ec57"])),
        describe(result["protocol"]),
        f"Counted: {result['protocol']['counting']}.",
        f"{result['params']:,} parameters, {result['macs']:,} multiply-accumulates a beat, "
        f"{result['bytes']['fp32']:,} bytes. Research use only, not a medical device.",
    ]
    return "\n".join(parts)


def _confusion(result: Mapping[str, Any]) -> Table:
    classes = result["classes"]
    is_detected = result["protocol"]["beats"] == "detected"
    table = _table("reference", *(f"as {name}" for name in classes), *["missed"] * is_detected)
    for name, row in zip(classes, result["confusion"], strict=True):
        missed = [result["missed"][name]] * is_detected
        table.add_row(name, *(f"{count:,}" for count in [*row, *missed]))
    if is_detected:
        table.add_row("no beat", *(f"{result['false_beats'][name]:,}" for name in classes), "")
    return table


def _classes(result: Mapping[str, Any]) -> Table:
    table = _table("class", "Se", "95 %", "+P", "95 %", "F1", "95 %")
    for name, figures in result["per_class"].items():
        cells = []
        for kind in ("se", "ppv", "f1"):
            cells += [_figure(figures[kind]), _interval(result, f"{name}_{kind}")]
        table.add_row(name, *cells)
    return table


def _summary(result: Mapping[str, Any], task: Task) -> Iterator[str]:
    from ecg_nas.metrics.classification import score_of

    for label, name, value in (
        (task.score_text, task.headline, score_of(result)),
        ("accuracy", "accuracy", result["accuracy"]),
    ):
        yield f"{label:<24}{_figure(value)}  {_interval(result, name)}".rstrip()
    fold_score = _figure(result["fold_score"])
    yield f"{'fold score':<24}{fold_score}  macro F1 of held-out training patients"
    for record, rest in result["without_record"].items():
        most = record == result["most_influential_record"]
        yield (
            f"{f'without record {record}':<24}{_figure(score_of(rest))}  macro F1; F1 of "
            + ", of ".join(f"{c} {_figure(rest['per_class'][c]['f1'])}" for c in task.sought)
            + ("; no other record changes more" if most else "")
        )
    yield f"{'calibration error':<24}{_figure(result['calibration']['ece'])}  of the class it chose"
    if result["dropped"]:
        yield f"{'dropped beats':<24}{result['dropped']:,}  their symbol has no class"
    if no_part := result["protocol"]["left_out_beats"]:
        yield f"{'beats left out':<24}{no_part:,}  they take no part in task {task.name}"
    if others := [letter for letter in task.classes if letter not in task.claimed]:
        yield f"{'not claimed':<24}{', '.join(others)}: predicted and reported, in no score"
    yield "95 %: bootstrap over patients"


def _ec57(ec57: Mapping[str, Any]) -> Table:
    table = _table("EC57, %", *(label for label, _ in _EC57), "RR err ms")
    for row in ("gross", "average"):
        figures = ec57[row]
        error = figures["rr_error_ms"]
        table.add_row(
            row,
            *(_percent(figures[name]) for _, name in _EC57),
            "–" if error is None else f"{error:.2f}",
        )
    carriers = [
        f"{ec57['n_averaged'][f'{kind}_se']} records with {kind.upper()}"
        for kind in ("v", "s")
        if ec57["n_averaged"][f"{kind}_se"] is not None
    ]
    of_records = f"; average: of {', '.join(carriers)} beats" if carriers else ""
    table.caption = (
        f"bxb's mapping (e, j, n are S), within 150 ms, from {ec57['start_s']:g} s{of_records}"
    )
    table.caption_justify = "left"
    return table


def _table(first: str, *others: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _printed(table: Table) -> str:
    from rich.console import Console

    console = Console(file=io.StringIO(), width=100, color_system=None, legacy_windows=False)
    # A table is as wide as its caption may need; rich would wrap it to the columns' width.
    caption, table.caption = table.caption, None
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    lines = [line.rstrip() for line in console.file.getvalue().rstrip("\n").split("\n")]
    return "\n".join([*lines, *([str(caption)] if caption else []), ""])


def _interval(result: Mapping[str, Any], name: str) -> str:
    bounds: Sequence[float] | None = result["interval"].get(name)
    return "" if bounds is None else f"{bounds[0]:.3f}–{bounds[1]:.3f}"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.2f}"
