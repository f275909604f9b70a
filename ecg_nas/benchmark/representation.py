"""What each choice of representation does to the fold score of one fixed small network."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ecg_nas import seeds
from ecg_nas.errors import ConfigError
from ecg_nas.evaluation.base import Candidate, Evaluation, Evaluator
from ecg_nas.evaluation.representation import OPTIONS
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
    if n_seeds < 2:
        raise ConfigError(f"the number of seeds must be 2 or more; got {n_seeds}")
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
    found: dict[int, Evaluation] = {}
    for evaluation in evaluator.evaluate(candidates):
        found[evaluation.slot] = evaluation
        on_evaluation(evaluation)
    rows = [
        _figures(gene, option, [found[row * n_seeds + column] for column in range(n_seeds)])
        for row, (gene, option) in enumerate(choices)
    ]
    base, *changed = rows
    for row in changed:
        row |= _effect(row["scores"], base["scores"])
    return {"network": network.to_json() | {"representation": dict(BASE)}, "base": base} | {
        "variants": changed
    }


def _seeing(network: Architecture, gene: str | None, option: str | None) -> Architecture:
    """Return ``network`` with one choice changed; names beyond the space's own are allowed."""
    chosen = dict(BASE) if gene is None else {**BASE, gene: str(option)}
    return dataclasses.replace(network, representation=tuple(sorted(chosen.items())))


def _figures(gene: str | None, option: str | None, evaluations: list[Evaluation]) -> dict[str, Any]:
    good = [e for e in evaluations if e.score is not None]
    scores = np.array([e.score for e in good], dtype=np.float64)
    classes = good[0].metrics.get("per_class", {}) if good else {}
    return {
        "gene": gene,
        "option": option,
        "scores": [e.score for e in evaluations],
        "mean": float(scores.mean()) if len(scores) else None,
        "sd": float(scores.std(ddof=1)) if len(scores) > 1 else None,
        "f1": {
            name: float(np.mean([e.metrics["per_class"][name]["f1"] or 0.0 for e in good]))
            for name in classes
        },
    }


def _effect(scores: list[float | None], base: list[float | None]) -> dict[str, float | None]:
    pairs = zip(scores, base, strict=True)
    differences = [a - b for a, b in pairs if a is not None and b is not None]
    return {
        "effect": float(np.mean(differences)) if differences else None,
        "effect_sd": float(np.std(differences, ddof=1)) if len(differences) > 1 else None,
    }
