"""The search loop: the only thing that knows both an algorithm and an evaluator."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import TypeAlias

from data_prep.events import Event, OnEvent, ignore
from ecg_nas import seeds
from ecg_nas.evaluation.base import Candidate, Evaluation, Evaluator
from ecg_nas.methods.base import Outcome, SearchAlgorithm
from ecg_nas.methods.engine.run_store import RunStore, StoredProposal
from search_spaces import Architecture, SearchSpace

ParentOf: TypeAlias = Callable[[Architecture, Mapping[int, Architecture]], int | None]
"""Takes an architecture and the trained ones by slot; returns a slot, or none."""

_log = logging.getLogger(__name__)


def run(
    algorithm: SearchAlgorithm,
    evaluator: Evaluator,
    space: SearchSpace,
    store: RunStore,
    *,
    seed: int,
    parent_of: ParentOf | None = None,
    on_event: OnEvent = ignore,
) -> None:
    """Search until the algorithm's budget is spent; begin where ``store`` ends.

    Each proposal gets a slot and a seed made of the run's seed and the slot. Slots that the store
    holds already are skipped, results are stored as they arrive, and the algorithm is told them in
    the order in which it asked. So neither the order in which candidates finish nor a process
    killed at any moment changes what the search finds.

    Args:
        algorithm: Fresh; the state in the store is loaded into it.
        evaluator: Trains the candidates; it is not closed.
        space: Reads the stored architectures.
        store: Holds the evaluations of earlier processes and takes the new ones.
        seed: The run's seed.
        parent_of: Chooses, for a candidate, which of those of earlier batches it starts from.
        on_event: Called with ``{"event": "asked", "n", "seconds"}`` for a batch of proposals,
            ``{"event": "evaluated", "slot", "key", "origin", "score", "metrics", "seconds",
            "failure"}`` for each result and ``{"event": "told", "n", "diagnostics"}`` after a
            batch.

    Raises:
        RunError: If the store is damaged.
    """
    state = store.state()
    if state is not None:
        algorithm.load_state(state)
    while batch := _batch(algorithm, store, on_event):
        evaluations = store.evaluations()
        stored = {evaluation.slot: evaluation.score for evaluation in evaluations}
        first = min(proposal.slot for proposal in batch)
        trained = {
            e.slot: space.from_json(e.architecture)
            for e in evaluations
            if parent_of is not None and e.slot < first and e.score is not None
        }
        candidates = {}
        for proposal in batch:
            architecture = space.from_json(proposal.architecture)
            candidates[proposal.slot] = Candidate(
                slot=proposal.slot,
                architecture=architecture,
                seed=seeds.derive(seed, "candidate", proposal.slot),
                parent=None if parent_of is None else parent_of(architecture, trained),
            )
        origins = {proposal.slot: proposal.origin for proposal in batch}
        open_slots = [candidate for slot, candidate in candidates.items() if slot not in stored]
        for result in evaluator.evaluate(open_slots):
            candidate = candidates[result.slot]
            store.add(candidate, result)
            stored[result.slot] = result.score
            on_event(_evaluated(candidate, origins[result.slot], result))
        algorithm.tell(
            [Outcome(architecture=c.architecture, score=stored[s]) for s, c in candidates.items()]
        )
        store.settle(algorithm.state())
        on_event({"event": "told", "n": len(batch), "diagnostics": algorithm.diagnostics()})


def _batch(algorithm: SearchAlgorithm, store: RunStore, on_event: OnEvent) -> list[StoredProposal]:
    """Return the proposals that wait for results: those of a killed process, or new ones."""
    pending = store.pending()
    if pending:
        return pending
    started = time.perf_counter()
    proposals = algorithm.ask()
    seconds = time.perf_counter() - started
    if not proposals:
        return []
    store.set("ask_seconds", (store.get("ask_seconds") or 0.0) + seconds)
    on_event({"event": "asked", "n": len(proposals), "seconds": seconds})
    return store.propose(store.next_slot(), proposals)


def _evaluated(candidate: Candidate, origin: str, result: Evaluation) -> Event:
    if result.failure is None:
        _log.info("slot %d %s: %.4f", result.slot, candidate.architecture.key, result.score)
    else:
        _log.warning(
            "slot %d %s failed: %s", result.slot, candidate.architecture.key, result.failure
        )
    return {
        "event": "evaluated",
        "slot": result.slot,
        "key": candidate.architecture.key,
        "origin": origin,
        "score": result.score,
        "metrics": result.metrics,
        "seconds": result.seconds,
        "failure": result.failure,
    }
