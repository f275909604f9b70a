"""What ``ecg-nas bench`` prints of its results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ecg_nas.tables.trained_table import TrainedTable


def reliability(result: Mapping[str, Any]) -> Iterator[str]:
    """Tell the reliability of scores."""
    scores = [row for row in result["scores"].values() if None not in row]
    yield f"{len(scores)} architectures, {len(scores[0]) if scores else 0} trainings of each"
    if result["reliability"] is None:
        yield "reliability: undefined"
        return
    low, high = result["interval"]
    yield (
        f"reliability of one score: {result['reliability']:.2f} (95 % {low:.2f} to {high:.2f}, "
        "bootstrap over architectures)"
    )
    yield (
        f"standard deviation between architectures {result['sd_between']:.4f}, between trainings "
        f"of one {result['sd_within']:.4f}"
    )
    yield f"seconds a full training: {result['seconds_per_training']:.0f}"


def table(file: Path, table: TrainedTable) -> Iterator[str]:
    """Tell what a table of trainings holds."""
    scores = [row.score for row in table.rows if row.score is not None]
    yield (
        f"{file}: {len(scores)} architectures trained once each, "
        f"{len(table.rows) - len(scores)} trainings failed"
    )
    if scores:
        yield f"fold scores from {min(scores):.4f} to {max(scores):.4f}"
    yield (
        "they are partly luck: ecg-nas bench reliability tells how far, ecg-nas benchmark "
        f"{file} compares methods on them"
    )


def effect(
    result: Mapping[str, Any], changed: str, to: str, scored: Sequence[str]
) -> Iterator[str]:
    """Tell what single changes do to the score of one network."""
    base = result["base"]
    n_seeds = len(base["scores"])
    yield f"fold score of one fixed network, mean of {n_seeds} trainings, and F1 a class"
    for row in (base, *result["variants"]):
        name = f"{row[changed]} = {row[to]}" if row[changed] else "base"
        if row["mean"] is None:
            yield f"{name:<28}every training failed"
            continue
        effect = row.get("effect")
        change = "" if effect is None else f"{effect:+.4f}"
        spread = "" if row["sd"] is None else f"± {row['sd']:.4f}"
        f1 = "  ".join(f"{c} {row['f1'][c]:.3f}" for c in scored)
        yield f"{name:<28}{row['mean']:.4f} {spread:<9} {change:<9} {f1}"
    yield f"seconds a full training: {result['seconds_per_training']:.0f}"


def train(result: Mapping[str, Any]) -> Iterator[str]:
    """Tell how fast candidates are trained."""
    yield f"path: {result['path']}"
    yield (
        f"{result['engine_beats_per_s']:,.0f} beats/s, {result['at_once']} candidates at once; "
        f"plain loop {result['reference_beats_per_s']:,.0f}: ratio {result['ratio']:.2f}"
    )
    yield (
        f"plain steps alone, of the first architecture: {result['in_memory_beats_per_s']:,.0f} "
        f"beats/s, with a DataLoader {result['dataloader_beats_per_s']:,.0f}"
    )
    yield (
        f"{result['candidates_per_hour']:,.0f} candidates an hour, "
        f"{result['fold_trainings_per_hour']:,.0f} trainings"
        + ("" if result["peak_mib"] is None else f"; {result['peak_mib']:,.0f} MiB at most")
    )
    yield (
        f"fold scores differ from the plain loop's by {result['difference']:.4f}, from those of "
        f"another seed by {result['spread']:.4f} (mean of {len(result['scores'])} architectures)"
    )


def speed(result: Mapping[str, Any]) -> Iterator[str]:
    """Tell how fast a bundle is."""
    peak = "" if result["peak_mib"] is None else f", {result['peak_mib']:.0f} MiB at most"
    yield (
        f"{result['duration_s'] / 3600:.1f} h, {result['beats']:,} beats: read, found and "
        f"classified in {result['seconds']:.1f} s ({result['times_real_time']:,.0f} times real "
        f"time){peak}"
    )
    yield f"with the beats given: {result['seconds_beats_given']:.1f} s"
    for form, found in (("float32", result), ("INT8", result["int8"])):
        if found is None:
            yield f"{form}: the bundle has no such model"
            continue
        one, many = found["latency_ms"], found["beats_per_s"]
        yield (
            f"{form}: {one['ours']:.3f} ms for one beat; onnxruntime alone {one['onnxruntime']:.3f}"
        )
        yield (
            f"{form}: {many['ours']:,.0f} beats/s in batches of 256; onnxruntime alone "
            f"{many['onnxruntime']:,.0f}; overhead {100 * found['overhead']:.1f} %"
        )
    if result["load"] is not None:
        yield f"load of the machine: {result['load']:.1f}"


def cheaper(result: Mapping[str, Any]) -> Iterator[str]:
    """Tell how well cheaper scores agree with those of full trainings."""
    early = result["early"]
    found = early["foretold"]
    error = "" if found["error"] is None else f", foretold to {found['error']:.4f} (mean error)"
    yield (
        f"early termination: {found['stopped']} of {found['n']} trainings ended early{error}; "
        f"{100 * found['saved']:.0f} % of the epochs saved; {_agreement(found)}"
    )
    for epoch, row in enumerate(early["by_epoch"], 1):
        yield f"score after epoch {epoch} of {early['epochs']}: {_agreement(row)}"
    heirs = result["heirs"]
    yield (
        f"weight inheritance, {100 * heirs['share']:.0f} % of the epochs: {_agreement(heirs)}"
        f"{_cost(heirs)}"
    )
    if (other := result["again"]) is not None:
        yield f"full trainings with other seeds: {_agreement(other)}{_cost(other)}"


def _agreement(row: Mapping[str, Any]) -> str:
    if row["spearman"] is None:
        return "rank correlation undefined"
    low, high = row["interval"]
    return (
        f"rank correlation {row['spearman']:.2f} (95 % {low:.2f} to {high:.2f}), tau-b "
        f"{row['kendall']:.2f}"
    )


def _cost(row: Mapping[str, Any]) -> str:
    return "" if row["seconds"] is None else f"; {row['seconds']:.2f} of the time"
