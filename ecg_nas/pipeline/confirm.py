"""The best candidates trained again with other seeds, so that luck does not choose the winner."""

from __future__ import annotations

import dataclasses
from contextlib import closing
from pathlib import Path

from data_prep.events import OnEvent
from ecg_nas import seeds
from ecg_nas.evaluation.base import Candidate
from ecg_nas.evaluation.config import EarlyConfig, InheritConfig
from ecg_nas.methods.engine.run_store import RunStore
from ecg_nas.runs import evaluator_factory
from ecg_nas.runs.config import RunConfig
from search_spaces import load


def confirm(
    store: RunStore, config: RunConfig, data: Path, n_workers: int, on_event: OnEvent
) -> None:
    """Train the best candidates of ``store`` again; what was trained again before is not.

    They are trained whole and from untrained weights, on the same folds: early ends and inherited
    weights were for the search.

    Args:
        store: Holds the evaluations and takes the later trainings.
        config: Settings of the run, the device settled.
        data: The signal store.
        n_workers: Candidates at once.
        on_event: Called with ``{"event": "stage", "text"}``, then with ``{"event": "confirmed",
            "key", "score", "done", "total"}`` for each training.

    Raises:
        RunError: If the store is damaged.
    """
    asked = config.confirm
    scored = [one for one in store.evaluations() if one.score is not None]
    best = sorted(scored, key=lambda one: (-(one.score or 0.0), one.slot))[: asked.candidates]
    known = store.again()
    missing = [
        (one, turn)
        for one in best
        for turn in range(asked.trainings)
        if str(turn) not in known.get(str(one.slot), {})
    ]
    if len(best) < 2 or not missing:
        return
    text = f"training the {len(best)} best again with other seeds, {len(missing)} trainings"
    on_event({"event": "stage", "text": text})
    space = load(config.space)
    candidates = [
        Candidate(
            slot=place,
            architecture=space.from_json(one.architecture),
            seed=seeds.derive(config.seed, "confirm", one.slot, turn),
        )
        for place, (one, turn) in enumerate(missing)
    ]
    whole = dataclasses.replace(config, early=EarlyConfig(), inherit=InheritConfig())
    with closing(evaluator_factory.evaluator(whole, data, n_workers)) as evaluator:
        for done, found in enumerate(evaluator.evaluate(candidates), 1):
            one, turn = missing[found.slot]
            store.add_again(one.slot, turn, found.score, found.seconds)
            on_event(
                {
                    "event": "confirmed",
                    "key": one.key,
                    "score": found.score,
                    "done": done,
                    "total": len(missing),
                }
            )
