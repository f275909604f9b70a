"""Run methods on a benchmark's table, many seeds in parallel processes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecg_nas import methods as search_methods
from ecg_nas import seeds
from ecg_nas.benchmark import costs
from ecg_nas.benchmark.opening import OpenTable, Source, TableRequest, code
from ecg_nas.benchmark.study import SERIAL, Execution, RunKey, Study, check_at_least_1, conduct
from ecg_nas.benchmark.trace import Trace
from ecg_nas.errors import ConfigError
from ecg_nas.evaluation.base import Candidate, Evaluator
from ecg_nas.methods.base import Cost, Outcome, SearchAlgorithm
from ecg_nas.tables.table_evaluator import TableEvaluator
from search_spaces import Architecture

DEFAULT = ("dcl-enas", "regularized-evolution", "random")

DEFAULT_WITH_COST = ("dcl-enas", "nsga2", "random")


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondObjective:
    """What a search shall keep low beside its score.

    Attributes:
        cost: ``params`` or ``latency:DEVICE``; see ``costs.read_costs``.
        latency: File of measured latencies.
    """

    cost: str
    latency: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One search: a method with a seed.

    Attributes:
        table: Where scores come from.
        method: A name of ``ecg_nas.methods``.
        budget: Look-ups, each standing for a full training.
        seed: The search's seed.
        second: The second objective, if there is one.
    """

    table: Source
    method: str
    budget: int
    seed: int
    second: SecondObjective | None = None


def play(job: Job) -> tuple[Trace]:
    """Run one search to its end.

    Raises:
        TableError: If the table cannot be read.
    """
    evaluator = job.table.read()
    cost = None if job.second is None else _cost(evaluator, job.second)
    algorithm = search_methods.load(job.method).start(evaluator.space, job.budget, job.seed, cost)
    started = time.perf_counter()
    outcomes = list(_search(algorithm, evaluator, job.seed))
    trace = Trace(
        method=job.method,
        seed=job.seed,
        scores=tuple(score for score, _ in outcomes),
        test=tuple(float(metrics.get("test_accuracy", nan)) for _, metrics in outcomes),
        cells=tuple(metrics.get("cell") for _, metrics in outcomes),
        seconds=round(time.perf_counter() - started, 3),
        code=code_of(evaluator.space.name, job.method),
    )
    return (trace,)


def compare(
    request: TableRequest,
    *,
    methods: Sequence[str],
    budget: int,
    n_seeds: int,
    second: SecondObjective | None = None,
    execution: Execution = SERIAL,
) -> tuple[OpenTable, list[Trace]]:
    """Run every method with seeds ``0..n_seeds - 1``.

    Args:
        request: The table.
        methods: Names of ``ecg_nas.methods``; a repeated one counts once.
        budget: Look-ups a search.
        n_seeds: Searches a method.
        second: A second objective; methods that cannot keep it low search as without.
        execution: How.

    Returns:
        The table, and the traces ordered by method, then seed.

    Raises:
        ConfigError: If a setting is wrong.
        TableError: If the table cannot be read.
        RunError: If a worker process dies, or runs are kept that were made with other settings.
    """
    needing = [method for method in methods if search_methods.load(method).cost == "needed"]
    if second is None and needing:
        raise ConfigError(f"{', '.join(needing)} needs a second objective: name one with --cost")
    check_at_least_1(budget=budget, seeds=n_seeds, workers=execution.workers)
    table = request.open()
    if budget > len(table.evaluator):
        raise ConfigError(
            f"the budget must be at most the {len(table.evaluator)} cells of the table; got "
            f"{budget}"
        )
    costs_of = {} if second is None else _facts(second, cell_costs(table.evaluator, second))
    names = list(dict.fromkeys(methods))
    study = Study(
        # A seed of every method, then the next: what is stopped can be compared.
        wanted=[RunKey(name, budget, seed) for seed in range(n_seeds) for name in names],
        about={name: table.about() | _about(name) | costs_of for name in names},
        folder=table.name if second is None else f"{table.name}.{second.cost.replace(':', '.')}",
        read=Trace.from_json,
        jobs=lambda missing: [
            Job(table=table.source, second=second, method=name, budget=size, seed=seed)
            for name, size, seed in missing
        ],
        play=play,
    )
    traces = conduct(study, execution)
    return table, sorted(traces, key=lambda trace: names.index(trace.method))


@lru_cache(maxsize=4)
def cell_costs(evaluator: TableEvaluator, second: SecondObjective) -> NDArray[np.float64]:
    """Return the cost of every cell, in the order of ``evaluator.cells``.

    Raises:
        ConfigError: If there is no such cost, or no file for it.
        TableError: If the file cannot be read.
    """
    # Once a process, not once a search, as the table.
    return costs.read_costs(evaluator, second.cost, second.latency)


def _cost(evaluator: TableEvaluator, second: SecondObjective) -> Cost:
    values = cell_costs(evaluator, second)

    def cost(architecture: Architecture) -> float:
        return float(values[evaluator.place(architecture)])

    return cost


def _facts(second: SecondObjective, values: NDArray[np.float64]) -> dict[str, Any]:
    return {"cost": second.cost, "costs": costs.digest(values)}


def _about(method: str) -> dict[str, Any]:
    """Return all that a method's traces depend on besides table, budget, seed and code."""
    return {"method": method, "settings": search_methods.load(method).settings()}


def code_of(space: str, method: str) -> str:
    """Return a digest of the code that a method's traces on a space come from."""
    return code(space, search_methods.load(method).algorithm.__module__)


def _search(
    algorithm: SearchAlgorithm, evaluator: Evaluator, seed: int
) -> Iterator[tuple[float | None, Mapping[str, Any]]]:
    slot = 0
    while proposals := algorithm.ask():
        candidates = [
            Candidate(
                slot=slot + i,
                architecture=proposal.architecture,
                seed=seeds.derive(seed, "candidate", slot + i),
            )
            for i, proposal in enumerate(proposals)
        ]
        slot += len(candidates)
        results = {result.slot: result for result in evaluator.evaluate(candidates)}
        ordered = [results[candidate.slot] for candidate in candidates]
        algorithm.tell(
            [
                Outcome(architecture=candidate.architecture, score=result.score)
                for candidate, result in zip(candidates, ordered, strict=True)
            ]
        )
        yield from ((result.score, result.metrics) for result in ordered)
