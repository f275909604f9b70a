"""What an evaluation found, as a page of its own and as a part of the report of its run."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from data_prep import tasks
from data_prep.tasks import Task
from data_prep.writing import not_written
from ecg_nas import run_json
from ecg_nas.assessment.evaluate import Assessment
from ecg_nas.assessment.protocol import describe
from ecg_nas.assessment.strips import of_mistake
from ecg_nas.errors import RunError
from ecg_nas.figures.calibration_diagram import reliability
from ecg_nas.figures.confusion import confusion
from ecg_nas.figures.per_record import Part, records
from ecg_nas.figures.strip import clock
from ecg_nas.files import write_text
from ecg_nas.report import _html
from ecg_nas.report._stored_drawing import rebuilt

FOLDER: Final = "evaluations"
"""Where a run keeps what was found about its bundles."""

_MOST_RECORDS = 60


def write(assessment: Assessment, out: Path) -> None:
    """Write the page of an evaluation to the file ``out``.

    Raises:
        RunError: If ``out`` cannot be written.
    """
    look = _look(_saved(assessment), name="evaluation")
    write_text(out, _html.fill("evaluation.html", look=look))


def add_to_run(assessment: Assessment, run: Path) -> None:
    """Keep an evaluation with the run that its bundle is from, for the run's report.

    An earlier one of the same beats of the same data set is replaced.

    Raises:
        RunError: If it cannot be written.
    """
    saved = _saved(assessment)
    file, key = run / place(assessment), _key(assessment)
    folder = file.parent
    if folder.is_symlink():
        raise RunError(
            f"the files of a run must lie in its folder; {folder} is a link, which is not "
            "followed: put in its place what it points to"
        )
    if not re.fullmatch(r"\w[\w.-]*", key):  # of what the store says of itself
        raise RunError(
            "what an evaluation is called must be letters, digits, _, . and -, from split, beats "
            f"and fingerprint of its data; got {key!r:.80}: prepare the data again"
        )
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise RunError(not_written(folder, error)) from error
    write_text(file, json.dumps(saved, allow_nan=False) + "\n")


def place(assessment: Assessment) -> str:
    """Return where in a run's folder an evaluation is kept."""
    return f"{FOLDER}/{_key(assessment)}.json"


def looks(run: Path) -> list[dict[str, Any]]:
    """Return what the report of the run in folder ``run`` shows of each of its evaluations.

    Raises:
        RunError: If one of them is damaged.
    """
    found = []
    for number, path in enumerate(sorted((run / FOLDER).glob("*.json"))):
        try:
            saved = run_json.load(path, run_json.EVALUATION)
            found.append(_look(saved, name=f"evaluation{number}"))
        # What has the right types may still not fit together, in numbers or names.
        except (OSError, RunError, ValueError, LookupError, TypeError, ArithmeticError) as error:
            raise RunError(
                f"{path} must be as ecg-nas evaluate wrote it; it is not ({_reason(error)}): "
                "remove it and evaluate again"
            ) from error
    return found


def _reason(error: Exception) -> str:
    text = str(error) if isinstance(error, RunError | ValueError) else repr(error)
    return " ".join(text.split())[:300]


def _saved(assessment: Assessment) -> dict[str, Any]:
    """Return all that a page needs as JSON-able values."""
    result, key = assessment.result, _key(assessment)
    strips = [
        of_mistake(assessment.store, assessment.outcomes, mistake, name=f"{key}-strip{number}")
        for number, mistake in enumerate(result["mistakes"])
    ]
    task = assessment.outcomes.task.to_json()
    return {"key": key, "task": task, "result": result, "strips": strips}


def _key(assessment: Assessment) -> str:
    protocol = assessment.result["protocol"]
    return f"{protocol['split']}-{protocol['beats']}-{protocol['fingerprint'][:8]}"


def _look(saved: Mapping[str, Any], *, name: str) -> dict[str, Any]:
    """Return what the template shows.

    Args:
        saved: What was stored, perhaps by a stranger.
        name: Prefix of the ids of its drawings.
    """
    key, result = saved["key"], saved["result"]
    # Evaluations of before tasks had names were all of the default one.
    task = Task.from_json(saved["task"]) if "task" in saved else tasks.load(tasks.DEFAULT)
    parts = _parts(result["records"], task)
    drawn = {
        "confusion": _confusion(result, name=f"{name}-confusion"),
        "records": records(parts, task, name=f"{name}-records"),
        "reliability": reliability(
            {kind: bins for kind, bins in result["calibration"]["reliability"].items() if bins},
            task,
            name=f"{name}-reliability",
        ),
    }
    return {
        "key": key,
        "task": task,
        "result": result,
        "protocol": describe(result["protocol"]),
        "ec57_protocol": describe(
            result["protocol"]
            | {"mapping": result["ec57"]["mapping"], "start_s": result["ec57"]["start_s"]}
        ),
        "records_shown": len(parts),
        "strips": [
            {
                "caption": _caption(mistake),
                "svg": _html.drawing(rebuilt(svg, name=f"{name}-strip{number}")),
            }
            for number, (mistake, svg) in enumerate(
                zip(result["mistakes"], saved["strips"], strict=True)
            )
        ],
        **{kind: _html.drawing(svg) for kind, svg in drawn.items()},
    }


def _confusion(result: Mapping[str, Any], *, name: str) -> str:
    matrix = np.array(result["confusion"], dtype=np.int64)
    missed, false = (
        np.array([result[which][kind] for kind in result["classes"]], dtype=np.int64)
        for which in ("missed", "false_beats")
    )
    if result["protocol"]["beats"] == "reference":
        return confusion(matrix, result["classes"], name=name)
    whole = np.block([[matrix, missed[:, None]], [false[None, :], np.zeros((1, 1), np.int64)]])
    return confusion(whole, result["classes"], beyond=("no beat", "missed"), name=name)


def _parts(
    by_record: Mapping[str, Mapping[str, Any]], task: Task
) -> dict[str, dict[str, tuple[Part, Part]]]:
    """Return, by record and class, how many are right of the reference's and of those called."""
    parts: dict[str, dict[str, tuple[Part, Part]]] = {}
    for name, record in by_record.items():
        matrix = np.array(record["confusion"], dtype=np.int64)
        parts[name] = {}
        for kind in task.sought:
            at = task.index(kind)
            right = int(matrix[at, at])
            there = int(matrix[at].sum()) + int(record["missed"][kind])
            called = int(matrix[:, at].sum()) + int(record["false_beats"][kind])
            parts[name][kind] = ((right, there), (right, called))
    most = sorted(parts, key=lambda name: -sum(part[0][1] for part in parts[name].values()))
    kept = set(most[:_MOST_RECORDS])
    return {name: part for name, part in parts.items() if name in kept}


def _caption(mistake: Mapping[str, Any]) -> str:
    """Say what is wrong, how sure the classifier was, and how often it happened."""
    where = f"Record {mistake['record']} at {clock(mistake['time_s'])}"
    alike = f"{mistake['alike']:,} alike"
    if mistake["probability"] is None:
        return f"{where}: a beat of class {mistake['truth']} was missed ({alike})."
    what = (
        "no beat for the annotators"
        if mistake["truth"] == "no beat"
        else f"{mistake['truth']} for the annotators"
    )
    sure = f"{100 * mistake['probability']:.1f} %"
    return f"{where}: {what}, {mistake['called']} for the model with {sure} ({alike})."
