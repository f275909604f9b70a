"""Run methods on a benchmark's table, many seeds in parallel processes."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from ecg_nas import seeds
from ecg_nas.algorithm import SearchAlgorithm, Told
from ecg_nas.benchmark.methods import METHODS
from ecg_nas.errors import ConfigError, RunError
from ecg_nas.evaluation.base import Candidate, Evaluator
from ecg_nas.evaluation.table import TableEvaluator
from search_spaces import load

BENCHMARKS: Mapping[str, tuple[str, str]] = {
    "nb201-cifar10": ("nasbench201", "cifar10"),
    "nb201-cifar100": ("nasbench201", "cifar100"),
    "nb201-imagenet16": ("nasbench201", "imagenet16"),
}
"""Search space and data set of each benchmark."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One search: a method with a seed.

    Attributes:
        benchmark: A name of ``BENCHMARKS``.
        table: The benchmark's table.
        method: A name of ``METHODS``.
        budget: Look-ups, each standing for a full training.
        seed: The search's seed.
    """

    benchmark: str
    table: Path
    method: str
    budget: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What a search saw.

    Attributes:
        method: Its method.
        seed: Its seed.
        scores: Searched metric of each look-up, in order; ``None`` for a failure.
        test: Test accuracy of each, in %.
        seconds: Wall time of the search, start-up aside.
    """

    method: str
    seed: int
    scores: tuple[float | None, ...]
    test: tuple[float, ...]
    seconds: float


def check(
    name: str, table: Path | None, methods: Sequence[str], budget: int, n_seeds: int, workers: int
) -> TableEvaluator:
    """Return the table's evaluator if all of a comparison's settings are right.

    Raises:
        ConfigError: If a name is unknown, no table is given or a number is too small.
        TableError: If the table cannot be read.
    """
    if name not in BENCHMARKS:
        raise ConfigError(f"the benchmark must be one of {', '.join(BENCHMARKS)}; got {name!r}")
    for method in methods:
        if method not in METHODS:
            raise ConfigError(f"the method must be one of {', '.join(METHODS)}; got {method!r}")
    if table is None:
        raise ConfigError(f"{name} needs its table: pass the compact Parquet file with --table")
    for what, value in (("budget", budget), ("seeds", n_seeds), ("workers", workers)):
        if value < 1:
            raise ConfigError(f"{what} must be at least 1; got {value}")
    return _evaluator(table, BENCHMARKS[name][1])


def traces(jobs: Sequence[Job], *, workers: int) -> Iterator[Trace]:
    """Yield the traces of ``jobs`` as they finish; a trace depends on nothing but its job.

    Raises:
        RunError: If a worker process dies.
    """
    if workers == 1:
        yield from map(play, jobs)
        return
    context = multiprocessing.get_context("spawn")  # a forked torch may hang
    with ProcessPoolExecutor(min(workers, len(jobs)), mp_context=context) as pool:
        try:
            for future in as_completed([pool.submit(play, job) for job in jobs]):
                yield future.result()
        except BrokenProcessPool as error:
            raise RunError(
                f"all {workers} worker processes must live to the end; one was killed, perhaps "
                "for want of memory: try fewer --workers"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def play(job: Job) -> Trace:
    """Run one search to its end.

    Raises:
        TableError: If the table cannot be read.
    """
    space_name, dataset = BENCHMARKS[job.benchmark]
    evaluator = _evaluator(job.table, dataset)
    algorithm = METHODS[job.method].start(load(space_name), job.budget, job.seed)
    started = time.perf_counter()
    outcomes = list(_search(algorithm, evaluator, job.seed))
    return Trace(
        method=job.method,
        seed=job.seed,
        scores=tuple(score for score, _ in outcomes),
        test=tuple(float(metrics["test_accuracy"]) for _, metrics in outcomes),
        seconds=time.perf_counter() - started,
    )


def compare(
    name: str,
    table: Path | None,
    *,
    methods: Sequence[str],
    budget: int,
    n_seeds: int,
    workers: int = 1,
    on_trace: Callable[[Trace], None] = lambda _: None,
) -> tuple[TableEvaluator, list[Trace]]:
    """Run every method with seeds ``0..n_seeds - 1``.

    Args:
        name: A name of ``BENCHMARKS``.
        table: The benchmark's table.
        methods: Names of ``METHODS``; a repeated one counts once.
        budget: Look-ups a search.
        n_seeds: Searches a method.
        workers: Processes; they do not change any result but the seconds.
        on_trace: Called with each search as it ends.

    Returns:
        The table's evaluator, and the traces ordered by method, then seed.

    Raises:
        ConfigError: If a setting is wrong.
        TableError: If the table cannot be read.
        RunError: If a worker process dies.
    """
    evaluator = check(name, table, methods, budget, n_seeds, workers)
    assert table is not None
    jobs = [
        Job(benchmark=name, table=table, method=method, budget=budget, seed=seed)
        for seed in range(n_seeds)
        for method in dict.fromkeys(methods)
    ]
    found: dict[tuple[str, int], Trace] = {}
    for trace in traces(jobs, workers=workers):
        found[trace.method, trace.seed] = trace
        on_trace(trace)
    return evaluator, _ordered(found, dict.fromkeys(methods), n_seeds)


def _ordered(
    found: Mapping[tuple[str, int], Trace], methods: Iterable[str], n_seeds: int
) -> list[Trace]:
    return [found[method, seed] for method in methods for seed in range(n_seeds)]


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
