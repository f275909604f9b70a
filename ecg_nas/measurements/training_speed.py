"""How fast candidates are trained here, beside the plainest honest loop on the same ones."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ecg_nas import seeds
from ecg_nas.errors import ConfigError
from ecg_nas.evaluation.base import Candidate, Evaluation, Evaluator
from ecg_nas.evaluation.fold_training import TrainingEvaluator
from ecg_nas.measurements._plain_training import some_steps, train_plainly
from search_spaces import Architecture

_STEPS = 40


def plain_trainer() -> Callable[..., Any]:
    """Return what trains a candidate plainly on all cores; for ``TrainingEvaluator``."""
    return partial(train_plainly, threads=len(os.sched_getaffinity(0)))


def measure(
    engine: Evaluator,
    reference: TrainingEvaluator,
    architectures: Sequence[Architecture],
    *,
    at_once: int,
    on_evaluation: Callable[[Evaluation], None] = lambda _: None,
) -> dict[str, Any]:
    """Score the same architectures with the engine, twice, and plainly.

    A side's speed is its beats by the seconds of its candidates, times the candidates trained at
    once: processes starting and waiting for the last candidate do not count, cutting beats does.

    Args:
        engine: As a search uses it.
        reference: One with ``plain_trainer()``, otherwise alike.
        architectures: What to train.
        at_once: Candidates that ``engine`` trains at once.
        on_evaluation: Called with each evaluation as it comes.

    Returns:
        ``reference_beats_per_s``, ``engine_beats_per_s`` (trained beats, all folds and epochs),
        ``dataloader_beats_per_s`` and ``in_memory_beats_per_s`` (some plain steps of the first
        architecture, fed by a DataLoader or as in the reference), ``ratio``,
        ``candidates_per_hour``, ``fold_trainings_per_hour``, ``scores`` (by architecture:
        engine, engine with another seed, reference), ``difference`` (mean absolute, engine to
        reference) and ``spread`` (mean absolute, engine to engine with another seed).

    Raises:
        ConfigError: If a training fails.
    """
    first, again = (
        [
            Candidate(slot=slot, architecture=arch, seed=seeds.derive(turn, "bench", slot))
            for slot, arch in enumerate(architectures)
        ]
        for turn in (0, 1)
    )
    # First: an engine may set up this process in ways that speed up any loop.
    plain = _evaluated(reference, first, on_evaluation)
    by_loader, from_memory = (_rate(reference, first[0], loader=one) for one in (True, False))
    ours = _evaluated(engine, first, on_evaluation)
    other = _evaluated(engine, again, on_evaluation)
    beats = sum(reference.trained_beats(candidate) for candidate in first)
    seconds = [sum(e.seconds for e in found) for found in (ours, other, plain)]
    engine_rate = 2 * beats * at_once / (seconds[0] + seconds[1])
    reference_rate = beats / seconds[2]
    scores = np.array([[e.score for e in found] for found in (ours, other, plain)], dtype=float)
    per_hour = 3600 * 2 * len(first) * at_once / (seconds[0] + seconds[1])
    return {
        "device": reference.device.type,
        "reference_beats_per_s": reference_rate,
        "dataloader_beats_per_s": by_loader,
        "in_memory_beats_per_s": from_memory,
        "engine_beats_per_s": engine_rate,
        "ratio": engine_rate / reference_rate,
        "candidates_per_hour": per_hour,
        "fold_trainings_per_hour": per_hour * reference.n_folds,
        "at_once": at_once,
        "scores": {
            arch.key: column for arch, column in zip(architectures, scores.T.tolist(), strict=True)
        },
        "difference": float(np.abs(scores[0] - scores[2]).mean()),
        "spread": float(np.abs(scores[0] - scores[1]).mean()),
    }


def _evaluated(
    evaluator: Evaluator, candidates: Sequence[Candidate], told: Callable[[Evaluation], None]
) -> list[Evaluation]:
    found = []
    for evaluation in evaluator.evaluate(candidates):
        told(evaluation)
        if evaluation.failure is not None:
            raise ConfigError(
                f"every training must succeed to be compared; {evaluation.failure}: other "
                "settings or another --seed may do"
            )
        found.append(evaluation)
    return sorted(found, key=lambda evaluation: evaluation.slot)


def _rate(reference: TrainingEvaluator, candidate: Candidate, *, loader: bool) -> float:
    build, data, rows, config = reference.plain_parts(candidate)
    started = time.perf_counter()
    seen = some_steps(
        build,
        data,
        rows,
        config,
        steps=_STEPS,
        loader=loader,
        threads=len(os.sched_getaffinity(0)),
    )
    return seen / (time.perf_counter() - started)
