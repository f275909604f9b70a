"""What a run is put together from, given its settings and data."""

from __future__ import annotations

import dataclasses
import os
from functools import partial
from pathlib import Path

import torch

from data_prep.dataset import open_store
from ecg_nas.algorithm import Allowed
from ecg_nas.errors import ConfigError
from ecg_nas.evaluation._pool import PoolEvaluator
from ecg_nas.evaluation.base import Evaluator
from ecg_nas.evaluation.representation import beat_spec
from ecg_nas.evaluation.training import TrainingEvaluator, cost_of
from ecg_nas.runs.config import RunConfig
from search_spaces import Architecture, SearchSpace


def evaluator(config: RunConfig, data: Path, n_workers: int) -> Evaluator:
    """Return what trains candidates on the store ``data``, in ``n_workers`` processes."""
    make = partial(
        TrainingEvaluator,
        data,
        config.space,
        training=config.training,
        folds=config.folds,
        device=config.device,
        fixed=config.fixed_representation,
    )
    here = make()  # in any case: data that cannot be used are refused before workers start
    return here if n_workers == 1 else PoolEvaluator(make, n_workers)


def limits(config: RunConfig, space: SearchSpace, data: Path) -> Allowed | None:
    """Return whether a network is small enough to be proposed."""
    if config.max_params is None and config.max_macs is None:
        return None
    signal = open_store(data, "train").signal_spec
    fixed = config.fixed_representation
    max_params = config.max_params or float("inf")
    max_macs = config.max_macs or float("inf")

    def allowed(architecture: Architecture) -> bool:
        cost = cost_of(space, architecture, beat_spec(signal, architecture, fixed))
        return cost.params <= max_params and cost.macs <= max_macs

    return allowed


def n_workers(workers: int | None, device: str) -> int:
    """Return ``workers`` or, without a number, what suits the machine and ``device``.

    Raises:
        ConfigError: If ``workers`` is below 1.
    """
    if workers is not None:
        if workers < 1:
            raise ConfigError(f"--workers must be 1 or more; got {workers}")
        return workers
    # Cores this process may use, not those of the machine.
    return 1 if device == "cuda" else len(os.sched_getaffinity(0))


def with_device(config: RunConfig, *, begun_on: str | None = None) -> RunConfig:
    """Return ``config`` with ``auto`` settled: the device a run was begun on, else the best one.

    Raises:
        ConfigError: If CUDA is asked for and there is none.
    """
    there = torch.cuda.is_available()
    device = config.device
    if device == "auto":
        device = begun_on or ("cuda" if there else "cpu")  # type: ignore[assignment]
    if device == "cuda" and not there:
        raise ConfigError(
            "device cuda needs a CUDA device that torch can use; there is none: use --device cpu "
            "(a run begun on CUDA goes on there only)"
        )
    return dataclasses.replace(config, device=device)
