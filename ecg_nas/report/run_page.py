"""The report of a run: one HTML page that works offline and prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data_prep import tasks
from data_prep.beats.beat_spec import BeatSpec
from data_prep.errors import DataError
from data_prep.tasks import Task
from ecg_nas import run_json
from ecg_nas.errors import EcgNasError, RunError
from ecg_nas.figures.cell import cell
from ecg_nas.figures.confusion import confusion, folds
from ecg_nas.figures.search_curve import progress
from ecg_nas.files import write_text
from ecg_nas.methods.engine.run_store import RunStore, StoredEvaluation, leader
from ecg_nas.report import _html
from ecg_nas.report.evaluation_part import looks
from ecg_nas.report.out_of_fold_part import of_winner


def write(run: Path, out: Path) -> None:
    """Write the report of the run in folder ``run`` to the file ``out``.

    A run that is still going, or has failed on every candidate, has a report too.

    Raises:
        RunError: If ``run`` is not a run, or ``out`` cannot be written.
    """
    write_text(out, render(run))


def render(run: Path) -> str:
    """Return the report of the run in folder ``run`` as HTML.

    Raises:
        RunError: If ``run`` is not a run.
    """
    try:
        return _rendered(run)
    # What has the right types may still not fit together, in numbers or names.
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        if isinstance(error, DataError | EcgNasError):
            raise
        raise RunError(
            f"the files of {run} must be as ecg-nas search wrote them; what they hold does not fit "
            f"together ({' '.join(repr(error).split()):.200}): restore them from a copy"
        ) from error


def _rendered(run: Path) -> str:
    config = _html.read_json(run / "config.json", needed=True)
    final = _html.read_json(run / "final.json")
    for name in ("settings", "data", "versions", "begun"):
        if name not in config:
            raise RunError(f"{run / 'config.json'} must be that of a run; it lacks {name}")
    with RunStore(run / "run.sqlite", read_only=True) as store:
        evaluations = store.evaluations()
    run_json.refuse_other_candidates(run / "run.sqlite", evaluations)
    best = leader(evaluations)
    task = _task(config, final)
    return _html.fill(
        "run.html",
        name=run.resolve().name,
        metric=task.score_text,
        task=task,
        config=config,
        settings=list(_flat(config.get("settings", {}))),
        final=final,
        evaluations=evaluations,
        best=best,
        classes=task.classes,
        cost=_cost(evaluations),
        looks=looks(run),
        **of_winner(run, None if best is None else best.slot, task),
        **_drawings(evaluations, best, task),
    )


def _task(config: Mapping[str, Any], final: Mapping[str, Any]) -> Task:
    """Return what the beats were told to be; of a run that names no task, the default."""
    if "spec" in final:
        return BeatSpec.from_json(final["spec"]).signal.task
    named = config["data"].get("task")
    return tasks.load(tasks.DEFAULT) if named is None else Task.from_json(named)


def _drawings(
    evaluations: Sequence[StoredEvaluation],
    best: StoredEvaluation | None,
    task: Task,
) -> dict[str, str | None]:
    drawn: dict[str, str | None] = dict.fromkeys(("cell", "confusion", "folds"))
    drawn["progress"] = progress(
        [one.score for one in evaluations],
        [one.origin for one in evaluations],
        metric=task.score_text,
    )
    if best is not None:
        edges = [(int(a), int(b)) for a, b in best.architecture["edges"]]
        drawn["cell"] = cell(best.architecture["ops"], edges)
        metrics = best.metrics
        matrix = np.array(metrics.get("confusion", []), dtype=np.int64)
        if matrix.shape == (len(task.classes),) * 2:
            drawn["confusion"] = confusion(matrix, task.classes)
        if "folds" in metrics:
            scores = [part.get("score") for part in metrics["folds"]]
            drawn["folds"] = folds(scores, best.score, metric=task.score_text)
    return {name: None if svg is None else _html.drawing(svg) for name, svg in drawn.items()}


def _cost(evaluations: Sequence[StoredEvaluation]) -> dict[str, float]:
    return {
        "seconds": sum(one.seconds for one in evaluations),
        "failed": sum(one.failure is not None for one in evaluations),
        "from_predictor": sum(one.origin == "predictor" for one in evaluations),
    }


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Return nested settings as ``(a.b, text)`` rows."""
    rows: list[tuple[str, str]] = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            rows += _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list) and any(isinstance(one, Mapping) for one in value):
            rows += _flat({str(n): one for n, one in enumerate(value)}, f"{prefix}{name}.")
        elif isinstance(value, list):
            rows.append((prefix + name, ", ".join(map(str, value))))
        else:
            rows.append((prefix + name, "–" if value is None else str(value)))
    return rows
