"""Run methods on a benchmark's table, many seeds in parallel processes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecg_nas import methods as search_methods
from ecg_nas import seeds
from ecg_nas.benchmark import _code, _processes, costs
from ecg_nas.benchmark.result_cache import KeptRuns
from ecg_nas.benchmark.trace import Trace
from ecg_nas.errors import ConfigError
from ecg_nas.evaluation.base import Candidate, Evaluator
from ecg_nas.methods.base import Cost, SearchAlgorithm, Told
from ecg_nas.tables.table_evaluator import ECG1D, TableEvaluator
from search_spaces import Architecture

BENCHMARKS: Mapping[str, tuple[str, str]] = {
    "nb201-cifar10": ("nasbench201", "cifar10"),
    "nb201-cifar100": ("nasbench201", "cifar100"),
    "nb201-imagenet16": ("nasbench201", "imagenet16"),
    "nb101": ("nasbench101", "nb101"),
    "ecg1d": ("ecg1d", ECG1D),
}
"""Search space and data set of each benchmark."""

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
        benchmark: A name of ``BENCHMARKS``.
        table: The benchmark's table.
        method: A name of ``ecg_nas.methods``.
        budget: Look-ups, each standing for a full training.
        seed: The search's seed.
        second: The second objective, if there is one.
    """

    benchmark: str
    table: Path
    method: str
    budget: int
    seed: int
    second: SecondObjective | None = None


def open_table(name: str, table: Path | None, **at_least_1: int) -> TableEvaluator:
    """Return the evaluator of a benchmark's table.

    Args:
        name: A name of ``BENCHMARKS``.
        table: Its table.
        at_least_1: Numbers to check before the table is read.

    Raises:
        ConfigError: If the name is unknown, no table is given or a number is too small.
        TableError: If the table cannot be read.
    """
    if name not in BENCHMARKS:
        raise ConfigError(f"the benchmark must be one of {', '.join(BENCHMARKS)}; got {name!r}")
    if table is None:
        file = "file of `ecg-nas bench table`" if name == ECG1D else "compact Parquet file"
        raise ConfigError(f"{name} needs its table: pass the {file} with --table")
    for what, value in at_least_1.items():
        if value < 1:
            raise ConfigError(f"{what} must be at least 1; got {value}")
    return _evaluator(table, BENCHMARKS[name][1])


def play(job: Job) -> Trace:
    """Run one search to its end.

    Raises:
        TableError: If the table cannot be read.
    """
    evaluator = _evaluator(job.table, BENCHMARKS[job.benchmark][1])
    cost = None if job.second is None else _cost(evaluator, job.second)
    algorithm = search_methods.load(job.method).start(evaluator.space, job.budget, job.seed, cost)
    started = time.perf_counter()
    outcomes = list(_search(algorithm, evaluator, job.seed))
    return Trace(
        method=job.method,
        seed=job.seed,
        scores=tuple(score for score, _ in outcomes),
        test=tuple(float(metrics.get("test_accuracy", nan)) for _, metrics in outcomes),
        cells=tuple(metrics.get("cell") for _, metrics in outcomes),
        seconds=round(time.perf_counter() - started, 3),
        code=code(job.benchmark, job.method),
    )


def compare(
    name: str,
    table: Path | None,
    *,
    methods: Sequence[str],
    budget: int,
    n_seeds: int,
    workers: int = 1,
    out: Path | None = None,
    second: SecondObjective | None = None,
    on_start: Callable[[int, int], None] = lambda kept, missing: None,
    on_trace: Callable[[Trace], None] = lambda _: None,
) -> tuple[TableEvaluator, list[Trace]]:
    """Run every method with seeds ``0..n_seeds - 1``.

    Args:
        name: A name of ``BENCHMARKS``.
        table: The benchmark's table.
        methods: Names of ``ecg_nas.methods``; a repeated one counts once.
        budget: Look-ups a search.
        n_seeds: Searches a method.
        workers: Processes; they do not change any result but the seconds.
        out: Folder of kept runs: what it holds is not run again, what is run is added at once.
        second: A second objective; methods that cannot keep it low search as without.
        on_start: Called once with how many searches were kept and how many are to be run.
        on_trace: Called with each search as it ends; not with the kept ones.

    Returns:
        The table's evaluator, and the traces ordered by method, then seed.

    Raises:
        ConfigError: If a setting is wrong.
        TableError: If the table cannot be read.
        RunError: If a worker process dies, or ``out`` holds runs made with other settings.
    """
    needing = [method for method in methods if search_methods.load(method).cost == "needed"]
    if second is None and needing:
        raise ConfigError(f"{', '.join(needing)} needs a second objective: name one with --cost")
    evaluator = open_table(name, table, budget=budget, seeds=n_seeds, workers=workers)
    assert table is not None
    if budget > len(evaluator):
        raise ConfigError(
            f"the budget must be at most the {len(evaluator)} cells of the table; got {budget}"
        )
    facts = {} if second is None else _facts(second, cell_costs(evaluator, second))
    folder = name if second is None else f"{name}.{second.cost.replace(':', '.')}"
    kept = {
        method: KeptRuns(kept_file(out / folder, method), about(name, evaluator, method) | facts)
        for method in dict.fromkeys(methods)
        if out is not None
    }
    pairs = [(method, seed) for seed in range(n_seeds) for method in dict.fromkeys(methods)]
    found = dict(_kept(kept, pairs, budget))
    jobs = [
        Job(benchmark=name, table=table, method=method, budget=budget, seed=seed, second=second)
        for method, seed in pairs
        if (method, seed) not in found
    ]
    on_start(len(found), len(jobs))
    for trace in _processes.results(play, jobs, workers=workers):
        if out is not None:
            kept[trace.method].add(budget, trace.seed, trace.to_json())
        found[trace.method, trace.seed] = trace
        on_trace(trace)
    return evaluator, [
        found[method, seed] for method in dict.fromkeys(methods) for seed in range(n_seeds)
    ]


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


def kept_file(folder: Path, name: str) -> Path:
    """Return where in ``folder`` the runs of a method or predictor are kept."""
    return folder / f"{name.replace(':', '.')}.json"  # not all systems allow a colon


def about(benchmark: str, evaluator: TableEvaluator, method: str) -> dict[str, Any]:
    """Return all that a method's traces depend on besides budget, seed and code."""
    return {
        "benchmark": benchmark,
        "metric": evaluator.metric,
        "table": evaluator.digest,
        "method": method,
        "settings": search_methods.load(method).settings(),
    }


def code(benchmark: str, method: str) -> str:
    """Return a digest of the code that a method's traces come from."""
    space_name, _ = BENCHMARKS[benchmark]
    module = search_methods.load(method).algorithm.__module__
    return _code.digest(module, f"search_spaces.{space_name}")


def _kept(
    kept: Mapping[str, KeptRuns], pairs: Iterable[tuple[str, int]], budget: int
) -> Iterator[tuple[tuple[str, int], Trace]]:
    for method, seed in pairs:
        run = kept[method].get(budget, seed) if method in kept else None
        if run is not None:
            try:
                trace = Trace.from_json(run, method=method, seed=seed, budget=budget)
            except ValueError as error:
                raise kept[method].unreadable(error) from error
            yield (method, seed), trace


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
                Told(architecture=candidate.architecture, score=result.score)
                for candidate, result in zip(candidates, ordered, strict=True)
            ]
        )
        yield from ((result.score, result.metrics) for result in ordered)


@lru_cache(maxsize=4)
def _evaluator(table: Path, dataset: str) -> TableEvaluator:
    return TableEvaluator(table, dataset)  # once a process, not once a search
