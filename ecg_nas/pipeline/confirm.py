"""The best candidates trained again with other seeds, so that luck does not choose the winner."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from contextlib import closing

from data_prep.events import OnEvent
from ecg_nas import seeds
from ecg_nas.evaluation.base import Candidate, Evaluator
from ecg_nas.evaluation.config import EarlyConfig, InheritConfig
from ecg_nas.methods.engine.run_store import RunStore, StoredEvaluation
from ecg_nas.runs.config import RunConfig
from search_spaces import load


def missing_repeats(store: RunStore, config: RunConfig) -> list[tuple[StoredEvaluation, int]]:
    """Return the trainings to confirm the best of ``store`` that it does not hold: of what, which.

    Raises:
        RunError: If the store is damaged.
    """
    scored = [one for one in store.evaluations() if one.score is not None]
    ranked = sorted(scored, key=lambda one: (-(one.score or 0.0), one.slot))
    best = ranked[: config.confirm.candidates]
    known = store.repeats()
    missing = [
        (one, repeat)
        for one in best
        for repeat in range(config.confirm.trainings)
        if str(repeat) not in known.get(str(one.slot), {})
    ]
    return missing if len(best) > 1 else []


def confirm(
    store: RunStore,
    config: RunConfig,
    make_evaluator: Callable[[RunConfig], Evaluator],
    on_event: OnEvent,
) -> None:
    """Train the best candidates of ``store`` again; what was trained again before is not.

    They are trained whole and from untrained weights, on the same folds: early ends and inherited
    weights were for the search.

    Args:
        store: Holds the evaluations and takes the later trainings.
        config: Settings of the run, the device settled.
        make_evaluator: Returns what trains candidates by some settings; it is closed here.
        on_event: Called with ``{"event": "confirmed", "key", "score", "done", "total"}`` for each
            training.

    Raises:
        RunError: If the store is damaged.
    """
    missing = missing_repeats(store, config)
    space = load(config.space)
    candidates = [
        Candidate(
            slot=place,
            architecture=space.from_json(one.architecture),
            seed=seeds.derive(config.seed, "confirm", one.slot, repeat),
        )
        for place, (one, repeat) in enumerate(missing)
    ]
    whole = dataclasses.replace(config, early=EarlyConfig(), inherit=InheritConfig())
    with closing(make_evaluator(whole)) as evaluator:
        for done, found in enumerate(evaluator.evaluate(candidates), 1):
            one, repeat = missing[found.slot]
            store.add_repeat(one.slot, repeat, found.score, found.seconds)
            on_event(
                {
                    "event": "confirmed",
                    "key": one.key,
                    "score": found.score,
                    "done": done,
                    "total": len(missing),
                }
            )
