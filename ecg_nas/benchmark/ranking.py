"""How well predictors rank all cells of a table when they know the scores of a few."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ecg_nas import predictor as known_predictors
from ecg_nas import seeds
from ecg_nas.benchmark.opening import OpenTable, Source, TableRequest, code
from ecg_nas.benchmark.study import SERIAL, Execution, RunKey, Study, check_at_least_1, conduct
from ecg_nas.benchmark.summary import spread
from ecg_nas.errors import ConfigError
from search_spaces import Architecture, SearchSpace, load

N_UNLABELLED = 1000
"""Random cells for pre-training, as many as a search draws."""

USUAL_LABELS = (16, 32)
"""What searches have when they first ask their predictor, where nothing else is usual."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One predictor on one draw of labels.

    Attributes:
        table: Where scores come from.
        predictor: A name of ``ecg_nas.predictor``.
        labels: Numbers of labels to fit it to, one after the other.
        seed: Seed of the draw and of the predictor.
    """

    table: Source
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
        kendall_tau_unseen: The same over the cells whose score it did not know; ``None`` also
            where it was not taken down.
        seconds: Wall time of pre-training, fit and prediction of all cells.
        code: Digest of the code that made it.
    """

    predictor: str
    labels: int
    seed: int
    kendall_tau: float | None
    kendall_tau_unseen: float | None
    seconds: float
    code: str

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able description without predictor, labels and seed."""
        return {
            "kendall_tau": self.kendall_tau,
            "kendall_tau_unseen": self.kendall_tau_unseen,
            "seconds": self.seconds,
            "code": self.code,
        }

    @property
    def key(self) -> RunKey:
        """Predictor, labels and seed."""
        return RunKey(self.predictor, self.labels, self.seed)

    @classmethod
    def from_json(cls, data: Mapping[str, Any], key: RunKey) -> Ranking:
        """Return the ranking that ``to_json`` described.

        Raises:
            ValueError: If ``data`` describes none.
        """
        predictor, labels, seed = key
        try:
            tau, unseen = data["kendall_tau"], data.get("kendall_tau_unseen")
            return cls(
                predictor=predictor,
                labels=labels,
                seed=seed,
                kendall_tau=None if tau is None else float(tau),
                kendall_tau_unseen=None if unseen is None else float(unseen),
                seconds=float(data["seconds"]),
                code=str(data["code"]),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{labels} labels, seed {seed} is not a ranking") from error


def rank(job: Job) -> list[Ranking]:
    """Fit a predictor to a draw of labels, a few and then more, and let it rank all cells.

    The draws of one seed contain each other, and are the same for all predictors.

    Raises:
        TableError: If the table cannot be read.
    """
    space, archs, scores = _cells(job.table)
    predictor = known_predictors.load(job.predictor).start(space, job.seed, sharing=True)
    order = seeds.generator(job.seed, "labels").permutation(len(archs))
    unlabelled = seeds.generator(job.seed, "unlabelled").permutation(len(archs))[:N_UNLABELLED]
    started = time.perf_counter()
    predictor.pretrain([archs[cell] for cell in unlabelled])
    before = time.perf_counter() - started
    rankings = []
    for count in job.labels:
        known = order[:count]
        started = time.perf_counter()
        tau = tau_unseen = None
        if len(np.unique(scores[known])) > 1:
            predictor.fit([archs[cell] for cell in known], scores[known].tolist())
            predicted, unseen = predictor.predict(archs), order[count:]
            tau = kendall_tau(predicted, scores)
            tau_unseen = kendall_tau(predicted[unseen], scores[unseen])
        rankings.append(
            Ranking(
                predictor=job.predictor,
                labels=count,
                seed=job.seed,
                kendall_tau=tau,
                kendall_tau_unseen=tau_unseen,
                seconds=round(before + time.perf_counter() - started, 3),
                code=code_of(space.name, job.predictor),
            )
        )
    return rankings


def kendall_tau(predicted: NDArray[np.float64], scores: NDArray[np.float64]) -> float | None:
    """Return Kendall's tau-b, -1..1; ``None`` where it is undefined.

    References:
        Kendall, *The Treatment of Ties in Ranking Problems*, Biometrika 1945,
        doi:10.1093/biomet/33.3.239.
    """
    if len(scores) < 2:
        return None
    tau = float(stats.kendalltau(predicted, scores, variant="b").statistic)
    return round(tau, 6) if np.isfinite(tau) else None


def compare(
    request: TableRequest,
    *,
    predictors: Sequence[str],
    labels: Sequence[int],
    n_seeds: int,
    execution: Execution = SERIAL,
) -> tuple[OpenTable, list[Ranking]]:
    """Fit every predictor to the draws ``0..n_seeds - 1`` of each number of labels.

    Args:
        request: The table.
        predictors: Names of ``ecg_nas.predictor``; a repeated one counts once.
        labels: Numbers of labels; empty for the usual ones of the table.
        n_seeds: Draws for each.
        execution: How.

    Returns:
        The table, and the rankings ordered by predictor, labels and seed.

    Raises:
        ConfigError: If a setting is wrong.
        TableError: If the table cannot be read.
        RunError: If a worker process dies, or rankings are kept that were made with other settings.
    """
    check_at_least_1(seeds=n_seeds, workers=execution.workers)
    table = request.open()
    n_cells = len(table.evaluator)
    counts = sorted(set(labels)) or _usual(table.evaluator.description.labels, n_cells)
    _check(predictors, counts, n_cells)
    names = list(dict.fromkeys(predictors))
    study = Study(
        wanted=[
            RunKey(p, count, seed) for p in names for count in counts for seed in range(n_seeds)
        ],
        about={name: table.about() | _about(name) for name in names},
        folder=f"{table.name}/predictors",
        read=Ranking.from_json,
        jobs=lambda missing: [
            Job(table=table.source, predictor=name, labels=few_to_many, seed=seed)
            for seed in range(n_seeds)
            for name in names
            if (few_to_many := tuple(n for n in counts if RunKey(name, n, seed) in missing))
        ],
        play=rank,
    )
    return table, conduct(study, execution)


def summarise(rankings: Sequence[Ranking], *, name: str, metric: str, cells: int) -> dict[str, Any]:
    """Return a comparison of predictors as JSON-able values.

    Returns:
        ``name``, ``metric``, ``cells`` (how many were ranked), ``seeds`` and ``labels``: by number
        of labels and predictor ``kendall_tau`` with mean and standard deviation over draws (of
        those where it is defined), ``kendall_tau_unseen`` likewise, over the cells whose score the
        predictor did not know, ``seconds`` (mean) and ``code`` (digests of the code that made
        them: more than one if it changed between them).
    """
    by_labels: dict[str, dict[str, Any]] = {}
    for count in sorted({ranking.labels for ranking in rankings}):
        for predictor in dict.fromkeys(ranking.predictor for ranking in rankings):
            these = [r for r in rankings if (r.labels, r.predictor) == (count, predictor)]
            by_labels.setdefault(str(count), {})[predictor] = {
                "kendall_tau": _spread(r.kendall_tau for r in these),
                "kendall_tau_unseen": _spread(r.kendall_tau_unseen for r in these),
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


def _spread(taus: Iterable[float | None]) -> Mapping[str, float | None]:
    return spread(np.array([tau for tau in taus if tau is not None]))


def _about(predictor: str) -> dict[str, Any]:
    """Return all that a predictor's rankings depend on besides table, labels, seed and code."""
    return {
        "predictor": predictor,
        "unlabelled": N_UNLABELLED,
        "settings": known_predictors.load(predictor).settings(),
    }


def code_of(space: str, predictor: str) -> str:
    """Return a digest of the code that a predictor's rankings on a space come from."""
    return code(space, known_predictors.load(predictor).make.__module__)


def _usual(published: Sequence[int], n_cells: int) -> list[int]:
    """Return the numbers of labels that are usual, or half the cells where those are too many."""
    fitting = [count for count in published or USUAL_LABELS if count < n_cells]
    return fitting or [max(2, n_cells // 2)]


def _check(predictors: Sequence[str], labels: Sequence[int], n_cells: int) -> None:
    for predictor in predictors:
        known_predictors.load(predictor)
    for count in labels:
        if not 2 <= count <= n_cells:
            raise ConfigError(
                f"labels must be from 2 to the {n_cells} cells of the table; got {count}"
            )


@lru_cache(maxsize=1)
def _cells(table: Source) -> tuple[SearchSpace, list[Architecture], NDArray[np.float64]]:
    evaluator = table.read()
    return load(evaluator.space.name), *evaluator.cells()
