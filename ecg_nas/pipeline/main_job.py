"""The main job: prepare, search, confirm, make the final model, report; each step resumable."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from data_prep.beats.beat_spec import BeatSpec
from data_prep.events import OnEvent, ignore
from data_prep.store.dataset import open_store
from ecg_nas.errors import RunError
from ecg_nas.evaluation.base import Evaluator
from ecg_nas.evaluation.weight_inheritance import parent_of
from ecg_nas.methods.engine import search_loop
from ecg_nas.methods.engine.run_store import RunStore, StoredEvaluation
from ecg_nas.metrics.classification import named_score, score_of
from ecg_nas.pipeline.confirm import confirm, missing_repeats
from ecg_nas.pipeline.final_model import FinalModel, best_of
from ecg_nas.pipeline.final_steps import N_STEPS as N_FINAL_STEPS
from ecg_nas.pipeline.final_steps import steps_of
from ecg_nas.pipeline.step import Step, never, run_steps
from ecg_nas.runs import checksums, evaluator_factory, provenance
from ecg_nas.runs import config as settings
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
            do, ``{"event": "fold", "fold", "folds"}``. All say which ``step`` of how many
            ``steps`` they are from.

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
        job = _Job(folder=folder, config=config, n_workers=n_workers)
        run_steps(_steps(job), on_event, total=_N_STEPS)
        summary: dict[str, Any] = read_json(folder.summary)
    return summary


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """What the steps work on; what they find out is in the folder.

    Attributes:
        folder: The run.
        config: Its settings, the device settled.
        n_workers: Candidates to train at once.
    """

    folder: RunFolder
    config: RunConfig
    n_workers: int

    @property
    def data(self) -> dict[str, Any]:
        """What is known of the data since they were prepared."""
        found: dict[str, Any] = read_json(self.folder.config)["data"]
        return found

    @property
    def store(self) -> Path:
        """The signal store."""
        return Path(self.data["store"])

    def evaluations(self) -> list[StoredEvaluation]:
        """Return what was evaluated so far."""
        with RunStore(self.folder.store, read_only=True) as store:
            return store.evaluations()


_N_STEPS = 4 + N_FINAL_STEPS


def _steps(job: _Job) -> Iterator[Step]:
    """Yield the steps; those of the final model follow the search that finds it."""
    yield Step(name="data", done=never, run=partial(_prepare, job))
    yield Step(name="search", done=partial(_is_searched, job), run=partial(_search, job))
    yield Step(
        name="confirmation",
        text=f"training the {job.config.confirm.candidates} best again with other seeds",
        done=partial(_is_confirmed, job),
        run=partial(_confirm, job),
    )
    yield from steps_of(_final_model(job))
    yield Step(name="report", text="writing the report", done=never, run=partial(_report, job))


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


def _prepare(job: _Job, on_event: OnEvent) -> None:
    """Prepare the data if need be, note what they are, and tell how far the run is."""
    data = store_folder(job.config.data, on_event)
    _settle(job.folder, job.config, data)
    with RunStore(job.folder.store) as store:
        earlier = store.evaluations()
    checksums.begin(job.folder.path)
    on_event({"event": "search", "budget": job.config.budget})
    if earlier:
        best = max((e.score for e in earlier if e.score is not None), default=None)
        on_event({"event": "resumed", "evaluations": len(earlier), "best": best})


def _settle(folder: RunFolder, config: RunConfig, data: Path) -> None:
    """Compare settings and data with those of the run; save them (a grown budget, moved data)."""
    described = provenance.of_data(data)
    _refuse_other_settings(folder, config, described["fingerprint"])
    begun = read_json(folder.config)["begun"] if folder.config.exists() else None
    write_json(
        folder.config,
        {
            "format": FORMAT,
            "settings": settings.to_json(config),
            "data": {**described, "store": str(data.absolute())},
            "versions": provenance.of_versions(),
            "begun": begun or datetime.now(UTC).isoformat(timespec="seconds"),
        },
    )


def _is_searched(job: _Job) -> bool:
    """Say whether the budget is spent and the method knows what came of it."""
    with RunStore(job.folder.store, read_only=True) as store:
        return store.next_slot() >= job.config.budget and not store.pending()


def _search(job: _Job, on_event: OnEvent) -> None:
    config, store_path = job.config, job.store
    space = load(config.space)
    with (
        RunStore(job.folder.store) as store,
        closing(
            evaluator_factory.evaluator(
                config, store_path, job.n_workers, weights=job.folder.weights
            )
        ) as evaluator,
    ):
        search_loop.run(
            settings.algorithm(config, space, evaluator_factory.limits(config, space, store_path)),
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


def _is_confirmed(job: _Job) -> bool:
    with RunStore(job.folder.store, read_only=True) as store:
        return not missing_repeats(store, job.config)


def _confirm(job: _Job, on_event: OnEvent) -> None:
    data = job.store

    def make_evaluator(config: RunConfig) -> Evaluator:
        return evaluator_factory.evaluator(config, data, job.n_workers)

    with RunStore(job.folder.store) as store:
        confirm(store, job.config, make_evaluator, on_event)


def _final_model(job: _Job) -> FinalModel:
    return FinalModel(
        job.folder.winner,
        job.config,
        best_of(job.evaluations()),
        name="the winner",
        data=job.data,
        open_signals=partial(open_store, job.store, "train"),
    )


def _report(job: _Job, on_event: OnEvent) -> None:
    from ecg_nas.report import run_page  # matplotlib and jinja2, a second of import

    del on_event
    run_page.write(job.folder.path, job.folder.report)
    summary = _summary(job)
    write_json(job.folder.summary, summary)
    _log.info("done: %s scored %.4f", summary["best"]["key"], summary["best"]["score"])
    checksums.record(job.folder.path)


def _summary(job: _Job) -> dict[str, Any]:
    folder = job.folder
    with RunStore(folder.store, read_only=True) as store:
        evaluations = store.evaluations()
        repeats = [one for of_slot in store.repeats().values() for one in of_slot.values()]
        spent = {name: store.get(name) or 0.0 for name in ("search_seconds", "ask_seconds")}
    winner = best_of(evaluations)
    final, out_of_fold = read_json(folder.winner.final), read_json(folder.winner.out_of_fold)
    trained = [e for e in evaluations if e.score is not None]
    task = BeatSpec.from_json(final["spec"]).signal.task
    return {
        "run": str(folder.path),
        "evaluations": len(trained),
        "evaluations_from_predictor": sum(e.origin == "predictor" for e in trained),
        "failures": len(evaluations) - len(trained),
        "confirmations": len(repeats),
        "best": {
            "key": winner.key,
            "score": winner.score,
            "mean_score": winner.expected,
            "params": final["params"],
            "macs": final["macs"],
        },
        "held_out": {
            **named_score(score_of(out_of_fold), task),
            "interval": out_of_fold["interval"].get(task.headline),
            "temperature": out_of_fold["temperature"],
        },
        "seconds": {
            "search": spent["search_seconds"],
            "predictor": spent["ask_seconds"],
            "training": sum(e.seconds for e in evaluations),
            "confirming": sum(one["seconds"] for one in repeats),
            "final": final["seconds"],
        },
        "bundle": str(folder.bundle),
        "report": str(folder.report),
    }
