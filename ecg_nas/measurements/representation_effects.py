"""What each choice of representation does to the fold score of one fixed small network."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from ecg_nas import seeds
from ecg_nas.evaluation.base import Candidate, Evaluation, Evaluator
from ecg_nas.evaluation.representation import OPTIONS
from ecg_nas.measurements._effects import check_seeds, compared, figures, told
from search_spaces import Architecture, load

NETWORK: Mapping[str, Any] = {
    "space": "ecg1d",
    "ops": ["conv_5", "conv_5"],
    "edges": [[0, 1], [0, 3], [1, 2], [2, 3]],
    "macro": {
        "activation": "relu",
        "cells": 1,
        "context_join": "concat",
        "growth_pct": 150,
        "head_hidden": 32,
        "head_pool": "avg+max",
        "reduce": "max",
        "stages": 3,
        "stem_kernel": 11,
        "stem_stride": 2,
        "width": 16,
    },
    "representation": {
        "reference_beat": "off",
        "rr": "patient",
        "scale": "record",
        "window": "narrow",
    },
}
"""A plain residual network of 3 stages, about 26,000 parameters."""

BASE: Mapping[str, str] = {
    **NETWORK["representation"],
    "baseline": "two-median",
    "causal": "off",
}
"""What a beat looks like where nothing is varied."""


def variants() -> list[tuple[str, str]]:
    """Return every choice that differs from ``BASE`` in one gene, as ``(gene, option)``."""
    return [
        (gene, option)
        for gene, options in OPTIONS.items()
        for option in options
        if option != BASE[gene]
    ]


def measure(
    evaluator: Evaluator,
    *,
    n_seeds: int,
    seed: int,
    on_evaluation: Callable[[Evaluation], None] = lambda _: None,
) -> dict[str, Any]:
    """Score the fixed network with the base representation and with every single change of it.

    Args:
        evaluator: What scores; by training patients only.
        n_seeds: Trainings of each, 2 or more; the same seeds for every variant.
        seed: Seed of the trainings.
        on_evaluation: Called with each evaluation as it comes.

    Returns:
        ``base`` and, for each variant, ``gene``, ``option``, ``scores`` (one a seed, ``null`` for
        a failure), ``mean``, ``sd``, ``effect`` (mean difference to the base, seed by seed),
        ``effect_sd`` (of these differences) and the mean F1 a class, ``f1``.

    Raises:
        ConfigError: If a number is too small.
    """
    check_seeds(n_seeds)
    network = load("ecg1d").from_json(NETWORK)
    choices: list[tuple[str | None, str | None]] = [(None, None), *variants()]
    candidates = [
        Candidate(
            slot=row * n_seeds + column,
            architecture=_seeing(network, gene, option),
            seed=seeds.derive(seed, "representation", column),
        )
        for row, (gene, option) in enumerate(choices)
        for column in range(n_seeds)
    ]
    found = {e.slot: e for e in told(evaluator.evaluate(candidates), on_evaluation)}
    rows = [
        {"gene": gene, "option": option}
        | figures([found[row * n_seeds + column] for column in range(n_seeds)])
        for row, (gene, option) in enumerate(choices)
    ]
    network_json = network.to_json() | {"representation": dict(BASE)}
    return {"network": network_json} | compared(rows)


def _seeing(network: Architecture, gene: str | None, option: str | None) -> Architecture:
    """Return ``network`` with one choice changed; names beyond the space's own are allowed."""
    chosen = dict(BASE) if gene is None else {**BASE, gene: str(option)}
    return dataclasses.replace(network, representation=tuple(sorted(chosen.items())))
