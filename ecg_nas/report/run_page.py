"""The report of a run: one HTML page that works offline and prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data_prep.beats.beat_spec import BeatSpec
from data_prep.dsp.signal_spec import SignalSpec
from ecg_nas.errors import RunError
from ecg_nas.figures.cell import cell
from ecg_nas.figures.confusion import confusion, folds
from ecg_nas.figures.search_curve import progress
from ecg_nas.files import write_text
from ecg_nas.methods.engine.run_store import RunStore, StoredEvaluation, leader
from ecg_nas.report import _html
from ecg_nas.report.evaluation_part import looks
from ecg_nas.report.out_of_fold_part import of_winner

_METRIC = "macro F1 over N, S, V"


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
    config = _html.read_json(run / "config.json", needed=True)
    final = _html.read_json(run / "final.json")
    for name in ("settings", "data", "versions", "begun"):
        if name not in config:
            raise RunError(f"{run / 'config.json'} must be that of a run; it lacks {name}")
    with RunStore(run / "run.sqlite", read_only=True) as store:
        evaluations = store.evaluations()
    best = leader(evaluations)
    classes = _classes(final)
    return _html.fill(
        "run.html",
        name=run.resolve().name,
        metric=_METRIC,
        config=config,
        settings=list(_flat(config.get("settings", {}))),
        final=final,
        evaluations=evaluations,
        best=best,
        classes=classes,
        cost=_cost(evaluations),
        looks=looks(run),
        **of_winner(run, None if best is None else best.slot),
        **_drawings(evaluations, best, classes),
    )


def _classes(final: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the classes in the order of the confusion matrices."""
    if "spec" in final:
        return BeatSpec.from_json(final["spec"]).signal.classes
    return SignalSpec().classes


def _drawings(
    evaluations: Sequence[StoredEvaluation],
    best: StoredEvaluation | None,
    classes: Sequence[str],
) -> dict[str, str | None]:
    drawn: dict[str, str | None] = dict.fromkeys(("cell", "confusion", "folds"))
    drawn["progress"] = progress(
        [one.score for one in evaluations], [one.origin for one in evaluations], metric=_METRIC
    )
    if best is not None:
        edges = [(int(a), int(b)) for a, b in best.architecture["edges"]]
        drawn["cell"] = cell(best.architecture["ops"], edges)
        metrics = best.metrics
        matrix = np.array(metrics.get("confusion", []), dtype=np.int64)
        if matrix.shape == (len(classes), len(classes)):
            drawn["confusion"] = confusion(matrix, classes)
        if "folds" in metrics:
            scores = [part.get("score") for part in metrics["folds"]]
            drawn["folds"] = folds(scores, best.score, metric=_METRIC)
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
