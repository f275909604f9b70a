"""What runs there are and how far each is; reads beside a running search, and without torch."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

from data_prep.locks import take_lock
from ecg_nas import run_json
from ecg_nas.errors import RunError
from ecg_nas.methods.engine.run_store import RunStore, StoredEvaluation, leader, ranked
from ecg_nas.runs import checksums
from ecg_nas.runs.folder import RunFolder, read_json


def find(folder: Path) -> list[Path]:
    """Return the runs in ``folder`` and the folders directly in it, by name.

    Raises:
        RunError: If there is no such folder.
    """
    if not folder.is_dir():
        raise RunError(f"runs are looked for in a folder; {folder} is not one")
    places = [folder, *sorted(path for path in folder.iterdir() if path.is_dir())]
    return [place for place in places if RunFolder(place).config.is_file()]


def describe(path: Path) -> dict[str, Any]:
    """Return what the run in the folder ``path`` is to do and has done, JSON-able.

    ``state`` is ``running`` (a process works on it), ``complete`` or ``stopped`` (the same command
    resumes it). ``best`` is ``None`` before the first score.

    Raises:
        RunError: If there is no run, or its files are damaged.
    """
    folder = RunFolder(path)
    if not folder.config.is_file():
        raise RunError(f"{path} must be the folder of a run, with a config.json; it is not")
    saved = read_json(folder.config)
    try:
        settings, data = saved["settings"], saved["data"]
        chosen = {name: settings[name] for name in ("space", "method", "budget", "seed", "device")}
        source = {name: data[name] for name in ("source", "split", "fingerprint")}
    except (KeyError, TypeError) as error:
        raise RunError(f"{folder.config} must describe a run; it lacks {error}") from error
    evaluations = _evaluations(folder)
    scored = [e for e in evaluations if e.score is not None]
    best = leader(evaluations)
    return {
        "run": str(path),
        "state": _state(folder),
        "begun": saved.get("begun"),
        **chosen,
        "data": source,
        "evaluations": len(scored),
        "evaluations_from_predictor": sum(e.origin == "predictor" for e in scored),
        "failures": len(evaluations) - len(scored),
        "best": None if best is None else _described(best),
        "seconds": {
            "training": sum(e.seconds for e in evaluations),
            "median": statistics.median([e.seconds for e in evaluations]) if evaluations else None,
        },
        "bundle": str(folder.bundle) if folder.bundle.is_dir() else None,
        "report": str(folder.report) if folder.report.is_file() else None,
    }


def check(path: Path) -> dict[str, Any]:
    """Look through the whole store of the run in ``path``, and through its files.

    Returns:
        ``rows_checked``: how many rows are as they were written; ``None`` where the store is of
        the format before rows had digests. ``files_checked``: how many files besides the store
        are; ``None`` where none has a digest, since the run is not complete, or of a release that
        wrote none.

    Raises:
        RunError: If there is no store, a row is altered, gone or put in, or a file is altered or
            gone.
    """
    with RunStore(RunFolder(path).store, read_only=True) as store:
        rows = store.check()
    return {"rows_checked": rows, "files_checked": checksums.check(path)}


def ranking(path: Path) -> list[dict[str, Any]]:
    """Return the evaluations of a run: the best first, failures last; see ``store.ranked``.

    Raises:
        RunError: If the run's store is damaged.
    """
    evaluations = _evaluations(RunFolder(path))
    failed = [e for e in evaluations if e.score is None]
    return [_described(e) for e in (*ranked(evaluations), *failed)]


def _evaluations(folder: RunFolder) -> list[StoredEvaluation]:
    if not folder.store.is_file():  # a run may be found between its settings and its store
        return []
    with RunStore(folder.store, read_only=True) as store:
        evaluations = store.evaluations()
    run_json.refuse_other_candidates(folder.store, evaluations)
    return evaluations


def _described(evaluation: StoredEvaluation) -> dict[str, Any]:
    return {
        "slot": evaluation.slot,
        "key": evaluation.key,
        "origin": evaluation.origin,
        "score": evaluation.score,
        "again": list(evaluation.repeats),
        "params": evaluation.metrics.get("params"),
        "macs": evaluation.metrics.get("macs"),
        "seconds": evaluation.seconds,
        "failure": evaluation.failure,
    }


def _state(folder: RunFolder) -> str:
    if _is_locked(folder.path / "lock"):
        return "running"
    if not folder.summary.is_file():
        return "stopped"
    # A run that goes on with a larger budget still has the summary of the smaller one.
    newer = (
        folder.store.is_file() and folder.config.stat().st_mtime > folder.summary.stat().st_mtime
    )
    return "stopped" if newer else "complete"


def _is_locked(lock: Path) -> bool:
    try:
        with lock.open("rb") as file:
            return not take_lock(file.fileno(), shared=True)
    except OSError:  # no lock file, or one that others may not read
        return False
