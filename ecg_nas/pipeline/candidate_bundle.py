"""Another candidate of a run than its winner: trained and exported when someone asks for it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from data_prep.errors import DataError
from data_prep.events import OnEvent, ignore
from data_prep.store.dataset import SignalStore, open_store
from ecg_nas.errors import RunError
from ecg_nas.methods.engine.run_store import RunStore, StoredEvaluation
from ecg_nas.pipeline.final_model import FinalModel, best_of
from ecg_nas.pipeline.final_steps import steps_of
from ecg_nas.pipeline.step import run_steps
from ecg_nas.runs import checksums
from ecg_nas.runs import config as settings
from ecg_nas.runs.config import RunConfig
from ecg_nas.runs.data import store_folder
from ecg_nas.runs.folder import read_json, working_on


def bundle_of(run: Path, key: str, *, on_event: OnEvent = ignore) -> Path:
    """Return the bundle of the candidate ``key`` of a run, made as the winner's if need be.

    What was trained stays in the run's folder, so an interrupted call goes on and a repeated one
    trains nothing, and needs no data.

    Args:
        run: Folder of a run, not in use.
        key: Key of an evaluated architecture, or its beginning.
        on_event: Called with the events of the steps that follow a search; see
            ``main_job.execute``.

    Raises:
        RunError: If there is no such candidate, it failed in the search, or the data of the run
            are no longer there.
        ConfigError: If the run's device is not here.
    """
    with working_on(run) as folder:
        with RunStore(folder.store, read_only=True) as store:
            evaluations = store.evaluations()
        chosen = _find(run, evaluations, key)
        if folder.bundle.is_dir() and chosen.slot == best_of(evaluations).slot:
            return folder.bundle
        saved = read_json(folder.config)
        config = settings.from_json(saved["settings"])
        model = FinalModel(
            folder.candidate(chosen.key),
            config,
            chosen,
            name=chosen.key,
            data=saved["data"],
            open_signals=partial(_signals, run, config, saved["data"]["fingerprint"], on_event),
        )
        steps = steps_of(model)
        if not all(step.done() for step in steps):
            _refuse_missing_device(config)
            model.folder.path.mkdir(parents=True, exist_ok=True)
            with checksums.rewriting(run, f"candidates/{chosen.key}"):
                run_steps(steps, on_event, total=len(steps))
    return model.folder.bundle


def _find(run: Path, evaluations: list[StoredEvaluation], key: str) -> StoredEvaluation:
    alike = [e for e in evaluations if e.key.startswith(key)] if key else []
    keys = sorted({e.key for e in alike})
    if len(keys) != 1:
        found = f"{len(keys)} begin with it" if keys else "there is none"
        raise RunError(
            f"the architecture must be one that {run} evaluated, by its key or the beginning of "
            f"it; of {key!r} {found}: ecg-nas runs show {run} lists them"
        )
    if all(e.score is None for e in alike):
        raise RunError(f"the architecture must have been trained; {keys[0]} failed in the search")
    return best_of(alike)


def _refuse_missing_device(config: RunConfig) -> None:
    from ecg_nas.runs.evaluator_factory import settled  # torch

    settled(config)


def _signals(run: Path, config: RunConfig, fingerprint: str, on_event: OnEvent) -> SignalStore:
    """Open the training patients' side of the store that ``run`` was searched on."""
    try:
        found = open_store(store_folder(config.data, on_event), "train")
    except DataError as error:
        raise RunError(
            f"the data that {run} was searched on must be there to train another of its "
            f"candidates; {error}"
        ) from error
    if found.fingerprint != fingerprint:
        raise RunError(
            f"the data that {run} was searched on must be there to train another of its "
            f"candidates; {found.folder} holds others (fingerprint {found.fingerprint}, not "
            f"{fingerprint})"
        )
    return found
