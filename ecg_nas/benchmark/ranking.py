"""How well predictors rank all cells of a table when they know the scores of a few."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ecg_nas import predictor as known_predictors
from ecg_nas import seeds
from ecg_nas.benchmark import _code, _processes
from ecg_nas.benchmark.harness import BENCHMARKS, kept_file, open_table
from ecg_nas.benchmark.result_cache import KeptRuns
from ecg_nas.benchmark.summary import spread
from ecg_nas.errors import ConfigError
from ecg_nas.tables.table_evaluator import TableEvaluator
from search_spaces import Architecture, load

N_UNLABELLED = 1000
"""Random cells for pre-training, as many as a search draws."""

USUAL_LABELS: Mapping[str, tuple[int, ...]] = {
    "nasbench101": (100, 172, 424),
    "nasbench201": (78, 156, 469),
    "ecg1d": (16, 32),
}
"""Numbers of labels for which other predictors are published, by search space.

For ``ecg1d`` there are none: it is what searches have when they first ask their predictor.

References:
    Lu et al., *PINAT: A Permutation INvariance Augmented Transformer for NAS Predictor*, AAAI
    2023, doi:10.1609/aaai.v37i7.26076.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One predictor on one draw of labels.

    Attributes:
        benchmark: A name of ``BENCHMARKS``.
        table: The benchmark's table.
        predictor: A name of ``ecg_nas.predictor``.
        labels: Numbers of labels to fit it to, one after the other.
        seed: Seed of the draw and of the predictor.
    """

    benchmark: str
    table: Path
    predictor: str
    labels: tuple[int, ...]
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """How a predictor ranked the table.

    Attributes:
        predictor: A name of ``ecg_nas.predictor``.
        labels: How many scores it knew.
        seed: Seed of the draw and of the predictor.
        kendall_tau: Tau-b of its predictions with the scores of all cells; ``None`` if undefined.
        seconds: Wall time of pre-training, fit and prediction of all cells.
        code: Digest of the code that made it.
    """

    predictor: str
    labels: int
    seed: int
    kendall_tau: float | None
    seconds: float
    code: str

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able description without predictor, labels and seed."""
        return {"kendall_tau": self.kendall_tau, "seconds": self.seconds, "code": self.code}

    @classmethod
    def from_json(
        cls, data: Mapping[str, Any], *, predictor: str, labels: int, seed: int
    ) -> Ranking:
        """Return the ranking that ``to_json`` described.

        Raises:
            ValueError: If ``data`` describes none.
        """
        try:
            tau = data["kendall_tau"]
            return cls(
                predictor=predictor,
                labels=labels,
                seed=seed,
                kendall_tau=None if tau is None else float(tau),
                seconds=float(data["seconds"]),
                code=str(data["code"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{labels} labels, seed {seed} is not a ranking") from error


def rank(job: Job) -> list[Ranking]:
    """Fit a predictor to a draw of labels, a few and then more, and let it rank all cells.

    The draws of one seed contain each other, and are the same for all predictors.

    Raises:
        TableError: If the table cannot be read.
    """
    space_name, dataset = BENCHMARKS[job.benchmark]
    archs, scores = _cells(job.table, dataset)
    predictor = known_predictors.load(job.predictor).start(load(space_name), job.seed, sharing=True)
    order = seeds.generator(job.seed, "labels").permutation(len(archs))
    unlabelled = seeds.generator(job.seed, "unlabelled").permutation(len(archs))[:N_UNLABELLED]
    started = time.perf_counter()
    predictor.pretrain([archs[cell] for cell in unlabelled])
    before = time.perf_counter() - started
    rankings = []
    for count in job.labels:
        known = order[:count]
        started = time.perf_counter()
        tau = None
        if len(np.unique(scores[known])) > 1:
            predictor.fit([archs[cell] for cell in known], scores[known].tolist())
            tau = kendall_tau(predictor.predict(archs), scores)
        rankings.append(
            Ranking(
                predictor=job.predictor,
                labels=count,
                seed=job.seed,
                kendall_tau=tau,
                seconds=round(before + time.perf_counter() - started, 3),
                code=code(job.benchmark, job.predictor),
            )
        )
    return rankings


def kendall_tau(predicted: NDArray[np.float64], scores: NDArray[np.float64]) -> float | None:
    """Return Kendall's tau-b, -1..1; ``None`` where it is undefined.

    References:
        Kendall, *The Treatment of Ties in Ranking Problems*, Biometrika 1945,
        doi:10.1093/biomet/33.3.239.
    """
    tau = float(stats.kendalltau(predicted, scores, variant="b").statistic)
    return round(tau, 6) if np.isfinite(tau) else None


def compare(
    name: str,
    table: Path | None,
    *,
    predictors: Sequence[str],
    labels: Sequence[int],
    n_seeds: int,
    workers: int = 1,
    out: Path | None = None,
    on_start: Callable[[int, int], None] = lambda kept, missing: None,
    on_ranking: Callable[[Ranking], None] = lambda _: None,
) -> tuple[TableEvaluator, list[Ranking]]:
    """Fit every predictor to the draws ``0..n_seeds - 1`` of each number of labels.

    Args:
        name: A name of ``BENCHMARKS``.
        table: The benchmark's table.
        predictors: Names of ``ecg_nas.predictor``; a repeated one counts once.
        labels: Numbers of labels; empty for the usual ones of the benchmark's space.
        n_seeds: Draws for each.
        workers: Processes; they do not change any result but the seconds.
        out: Folder of kept rankings: what it holds is not done again, what is done is added.
        on_start: Called once with how many rankings were kept and how many are to be made.
        on_ranking: Called with each new ranking.

    Returns:
        The table's evaluator, and the rankings ordered by predictor, labels and seed.

    Raises:
        ConfigError: If a setting is wrong.
        TableError: If the table cannot be read.
        RunError: If a worker process dies, or ``out`` holds rankings made with other settings.
    """
    evaluator = open_table(name, table, seeds=n_seeds, workers=workers)
    assert table is not None
    counts = sorted(set(labels)) or USUAL_LABELS[BENCHMARKS[name][0]]
    _check(predictors, counts, len(evaluator))
    chosen = list(dict.fromkeys(predictors))
    kept = {
        predictor: KeptRuns(
            kept_file(out / name / "predictors", predictor), about(name, evaluator, predictor)
        )
        for predictor in chosen
        if out is not None
    }
    wanted = [(p, count, seed) for p in chosen for count in counts for seed in range(n_seeds)]
    found = dict(_kept(kept, wanted))
    jobs = [
        Job(benchmark=name, table=table, predictor=predictor, labels=missing, seed=seed)
        for seed in range(n_seeds)
        for predictor in chosen
        if (missing := tuple(n for n in counts if (predictor, n, seed) not in found))
    ]
    on_start(len(found), len(wanted) - len(found))
    for rankings in _processes.results(rank, jobs, workers=workers):
        for ranking in rankings:
            if out is not None:
                kept[ranking.predictor].add(ranking.labels, ranking.seed, ranking.to_json())
            found[ranking.predictor, ranking.labels, ranking.seed] = ranking
            on_ranking(ranking)
    return evaluator, [found[key] for key in wanted]


def summarise(rankings: Sequence[Ranking], *, name: str, metric: str, cells: int) -> dict[str, Any]:
    """Return a comparison of predictors as JSON-able values.

    Returns:
        ``name``, ``metric``, ``cells`` (how many were ranked), ``seeds`` and ``labels``: by number
        of labels and predictor ``kendall_tau`` with mean and standard deviation over draws (of
        those where it is defined), ``seconds`` (mean) and ``code`` (digests of the code that made
        them: more than one if it changed between them).
    """
    by_labels: dict[str, dict[str, Any]] = {}
    for count in sorted({ranking.labels for ranking in rankings}):
        for predictor in dict.fromkeys(ranking.predictor for ranking in rankings):
            these = [r for r in rankings if (r.labels, r.predictor) == (count, predictor)]
            taus = [r.kendall_tau for r in these if r.kendall_tau is not None]
            by_labels.setdefault(str(count), {})[predictor] = {
                "kendall_tau": spread(np.array(taus)),
                "seconds": float(np.mean([r.seconds for r in these])),
                "code": sorted({r.code for r in these}),
            }
    return {
        "name": name,
        "metric": metric,
        "cells": cells,
        "seeds": len({ranking.seed for ranking in rankings}),
        "labels": by_labels,
    }


def about(benchmark: str, evaluator: TableEvaluator, predictor: str) -> dict[str, Any]:
    """Return all that a predictor's rankings depend on besides labels, seed and code."""
    return {
        "benchmark": benchmark,
        "metric": evaluator.metric,
        "table": evaluator.digest,
        "predictor": predictor,
        "unlabelled": N_UNLABELLED,
        "settings": known_predictors.load(predictor).settings(),
    }


def code(benchmark: str, predictor: str) -> str:
    """Return a digest of the code that a predictor's rankings come from."""
    module = known_predictors.load(predictor).make.__module__
    return _code.digest(module, f"search_spaces.{BENCHMARKS[benchmark][0]}")


def _check(predictors: Sequence[str], labels: Sequence[int], n_cells: int) -> None:
    for predictor in predictors:
        known_predictors.load(predictor)
    for count in labels:
        if not 2 <= count <= n_cells:
            raise ConfigError(
                f"labels must be from 2 to the {n_cells} cells of the table; got {count}"
            )


def _kept(
    kept: Mapping[str, KeptRuns], wanted: Iterable[tuple[str, int, int]]
) -> Iterator[tuple[tuple[str, int, int], Ranking]]:
    for predictor, labels, seed in wanted:
        run = kept[predictor].get(labels, seed) if predictor in kept else None
        if run is not None:
            try:
                ranking = Ranking.from_json(run, predictor=predictor, labels=labels, seed=seed)
            except ValueError as error:
                raise kept[predictor].unreadable(error) from error
            yield (predictor, labels, seed), ranking


@lru_cache(maxsize=1)
def _cells(table: Path, dataset: str) -> tuple[list[Architecture], NDArray[np.float64]]:
    return TableEvaluator(table, dataset).cells()
