"""The main job: prepare, search, train the winner, export, report; each stage resumable."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from data_prep.events import OnEvent, ignore
from ecg_nas.errors import RunError
from ecg_nas.evaluation.weight_inheritance import parent_of
from ecg_nas.methods.engine import search_loop
from ecg_nas.methods.engine.run_store import RunStore, StoredEvaluation
from ecg_nas.pipeline.confirm import confirm
from ecg_nas.pipeline.final_model import finish
from ecg_nas.pipeline.final_training import best_of
from ecg_nas.runs import config as settings
from ecg_nas.runs import evaluator_factory, provenance
from ecg_nas.runs.config import RunConfig
from ecg_nas.runs.data import store_folder
from ecg_nas.runs.folder import FORMAT, RunFolder, read_json, working_on, write_json
from search_spaces import load

_log = logging.getLogger(__name__)


def execute(
    config: RunConfig,
    out: Path,
    *,
    workers: int | None = None,
    on_event: OnEvent = ignore,
) -> dict[str, Any]:
    """Do the main job in the run folder ``out``, from wherever an earlier process left it.

    Args:
        config: The settings; on an existing run, those it was begun with (but for the budget).
        out: The run folder.
        workers: Processes that train candidates, one CPU thread each; 1 trains in this process.
            By default one a CPU core, or one on CUDA. The results do not depend on it.
        on_event: Called with the events of ``search_loop.run`` and, before them, with
            ``{"event": "search", "budget"}`` and ``{"event": "resumed", "evaluations", "best"}``;
            besides with ``{"event": "stage", "text"}``, with the events of ``confirm`` and, as the
            winner trains, with ``{"event": "final", "epoch", "epochs", "loss"}`` and, as its folds
            do, ``{"event": "fold", "fold", "folds"}``.

    Returns:
        What ``ecg-nas search --json`` prints.

    Raises:
        RunError: If the folder is in use, damaged, or holds a run with other settings.
        ConfigError: If a setting cannot be met here.
        DataError: If the data cannot be used.
    """
    with working_on(out) as folder:
        _log.info("working on %s with ecg-nas %s", out, version("ecg-nas"))
        begun = read_json(folder.config)["settings"] if folder.config.exists() else None
        config = evaluator_factory.settled(config, begun=begun)
        # Before the data are looked at: preparing them may take minutes.
        n_workers = evaluator_factory.n_workers(workers, config.device)
        _refuse_other_settings(folder, config, None)
        data = store_folder(config.data, on_event)
        _settle(folder, config, data)
        with RunStore(folder.store) as store:
            _search(store, config, data, n_workers, folder.weights, on_event)
            confirm(store, config, data, n_workers, on_event)
            evaluations = store.evaluations()
            again = [one for turns in store.again().values() for one in turns.values()]
            spent = {name: store.get(name) or 0.0 for name in ("search_seconds", "ask_seconds")}
        winner = best_of(evaluations)
        told = read_json(folder.config)["data"]
        finish(folder.winner, config, data, winner, name="the winner", data=told, on_event=on_event)
        on_event({"event": "stage", "text": "writing the report"})
        from ecg_nas.report import run_page  # matplotlib and jinja2, a second of import

        run_page.write(folder.path, folder.report)
        summary = _summary(folder, evaluations, winner, again, spent)
        write_json(folder.summary, summary)
        _log.info("done: %s scored %.4f", winner.key, winner.score)
    return summary


def _refuse_other_settings(folder: RunFolder, config: RunConfig, fingerprint: str | None) -> None:
    if not folder.config.exists():
        return
    saved = read_json(folder.config)
    if saved.get("format") != FORMAT:
        raise RunError(
            f"{folder.path} must be a run of format {FORMAT}; it is of {saved.get('format')}: use "
            "the release of ecg-nas that made it, or another --out"
        )
    named = settings.differences(saved["settings"], settings.to_json(config))
    if fingerprint is not None and saved["data"]["fingerprint"] != fingerprint:
        named.append(f"data (fingerprint {saved['data']['fingerprint']}, now {fingerprint})")
    if named:
        raise RunError(
            f"{folder.path} holds a run with other settings: {', '.join(named)}; use the same "
            "settings (only the budget may change) or another --out"
        )


def _settle(folder: RunFolder, config: RunConfig, data: Path) -> None:
    """Compare settings and data with those of the run; save them (a grown budget, moved data)."""
    told = provenance.of_data(data)
    _refuse_other_settings(folder, config, told["fingerprint"])
    begun = read_json(folder.config)["begun"] if folder.config.exists() else None
    write_json(
        folder.config,
        {
            "format": FORMAT,
            "settings": settings.to_json(config),
            "data": {**told, "store": str(data.absolute())},
            "versions": provenance.of_versions(),
            "begun": begun or datetime.now(UTC).isoformat(timespec="seconds"),
        },
    )


def _search(
    store: RunStore,
    config: RunConfig,
    data: Path,
    n_workers: int,
    weights: Path,
    on_event: OnEvent,
) -> None:
    space = load(config.space)
    earlier = store.evaluations()
    on_event({"event": "search", "budget": config.budget})
    if earlier:
        best = max((e.score for e in earlier if e.score is not None), default=None)
        on_event({"event": "resumed", "evaluations": len(earlier), "best": best})
    with closing(
        evaluator_factory.evaluator(config, data, n_workers, weights=weights)
    ) as evaluator:
        search_loop.run(
            settings.algorithm(config, space, evaluator_factory.limits(config, space, data)),
            evaluator,
            space,
            store,
            seed=config.seed,
            parent_of=partial(parent_of, space=space) if config.inherit.enabled else None,
            on_event=_timed(store, on_event),
        )


def _timed(store: RunStore, on_event: OnEvent) -> OnEvent:
    """Return ``on_event`` that also adds the time since the last event to the store's count."""
    last = time.perf_counter()

    def timed(event: Mapping[str, Any]) -> None:
        nonlocal last
        now = time.perf_counter()
        store.set("search_seconds", (store.get("search_seconds") or 0.0) + now - last)
        last = now
        on_event(event)

    return timed


def _summary(
    folder: RunFolder,
    evaluations: list[StoredEvaluation],
    winner: StoredEvaluation,
    again: Sequence[Mapping[str, Any]],
    spent: Mapping[str, float],
) -> dict[str, Any]:
    final, held_out = read_json(folder.winner.final), read_json(folder.winner.held_out)
    trained = [e for e in evaluations if e.score is not None]
    return {
        "run": str(folder.path),
        "evaluations": len(trained),
        "evaluations_from_predictor": sum(e.origin == "predictor" for e in trained),
        "failures": len(evaluations) - len(trained),
        "confirmations": len(again),
        "best": {
            "key": winner.key,
            "score": winner.score,
            "mean_score": winner.expected,
            "params": final["params"],
            "macs": final["macs"],
        },
        "held_out": {
            "macro_f1_nsv": held_out["macro_f1_nsv"],
            "interval": held_out["interval"].get("macro_f1_nsv"),
            "temperature": held_out["temperature"],
        },
        "seconds": {
            "search": spent["search_seconds"],
            "predictor": spent["ask_seconds"],
            "training": sum(e.seconds for e in evaluations),
            "confirming": sum(one["seconds"] for one in again),
            "final": final["seconds"],
        },
        "bundle": str(folder.bundle),
        "report": str(folder.report),
    }
