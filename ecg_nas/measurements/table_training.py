"""Make a table of trained networks: random architectures of a space, each trained once in full."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ecg_nas import seeds
from ecg_nas.benchmark.result_cache import alone_in
from ecg_nas.errors import ConfigError, RunError
from ecg_nas.evaluation.base import Candidate, Evaluation, Evaluator
from ecg_nas.files import write_text
from ecg_nas.measurements.random_networks import random_design
from ecg_nas.methods.base import Allowed
from ecg_nas.settings import differing
from ecg_nas.tables.trained_table import TrainedRow, TrainedTable
from search_spaces import SearchSpace


def read_begun(file: Path) -> TrainedTable | None:
    """Return what is in the table already; ``None`` if it is still to be begun.

    Raises:
        TableError: If ``file`` is something else.
    """
    return TrainedTable.read(file) if file.exists() else None


def fill(
    file: Path,
    evaluator: Evaluator,
    space: SearchSpace,
    empty: TrainedTable,
    *,
    n_architectures: int,
    seed: int,
    allowed: Allowed | None = None,
    on_start: Callable[[int], None] = lambda missing: None,
    on_evaluation: Callable[[Evaluation], None] = lambda _: None,
) -> TrainedTable:
    """Train what ``file`` lacks of the first random architectures; write it after each.

    They are those that a search with this seed and these limits begins with, all different; a
    larger number adds to them. Failures are rows too and not trained again.

    Args:
        file: The table; it need not exist.
        evaluator: What trains.
        space: Where architectures are drawn.
        empty: Settings, data and versions of what is trained now, without rows.
        n_architectures: How many, 2 or more.
        seed: Seed of the draw and of the trainings.
        allowed: Which architectures may be drawn; ``None`` for all.
        on_start: Called once with how many are to be trained.
        on_evaluation: Called with each evaluation when it is in the file.

    Returns:
        The table, with all that ``file`` holds.

    Raises:
        ConfigError: If the number is too small, or trainings are to end early.
        RunError: If ``file`` cannot be written, or was made with other settings or data.
        TableError: If ``file`` is no such table.
    """
    design = random_design(space, n_architectures, at_least=2, seed=seed, allowed=allowed)
    if empty.settings.get("early", {}).get("mode") == "stop":
        raise ConfigError("a table must hold whole trainings; got early.mode stop: leave it off")
    table = _joined(file, empty)
    drawn = [
        Candidate(
            slot=slot,
            architecture=arch,
            seed=seeds.derive(seed, "table", slot),
        )
        for slot, arch in enumerate(design)
    ]
    there = {row.slot: row.architecture for row in table.rows}
    if any(there.get(c.slot, c.architecture) != c.architecture for c in drawn):
        raise RunError(
            f"{file} must hold the random architectures that this release draws; it holds others: "
            "choose another --out"
        )
    missing = {c.slot: c for c in drawn if c.slot not in there}
    on_start(len(missing))
    for evaluation in evaluator.evaluate(list(missing.values())):
        table = _add(file, empty, TrainedRow.of(missing[evaluation.slot], evaluation))
        on_evaluation(evaluation)
    return table


def refuse_other(
    file: Path, begun: TrainedTable, settings: Mapping[str, Any], data: Mapping[str, Any]
) -> None:
    """Raise ``RunError`` unless ``begun`` was made with these settings and data."""
    named = differing(begun.settings, settings)
    named += [f"data {text}" for text in differing(begun.data, data)]
    if named:
        raise RunError(
            f"{file} holds a table made with other settings: {', '.join(named)}; use the same "
            "settings (only the number of architectures may change) or another --out"
        )


def _add(file: Path, empty: TrainedTable, row: TrainedRow) -> TrainedTable:
    """Put a row into the file, beside what other processes added meanwhile."""
    with alone_in(file.absolute().parent):
        table = _joined(file, empty).with_row(row)
        write_text(file, table.text())
    return table


def _joined(file: Path, empty: TrainedTable) -> TrainedTable:
    """Return what ``file`` holds, with the present versions among its own."""
    begun = read_begun(file)
    if begun is None:
        return empty
    refuse_other(file, begun, empty.settings, empty.data)
    versions = [*begun.versions, *(v for v in empty.versions if v not in begun.versions)]
    return dataclasses.replace(begun, versions=tuple(versions))
