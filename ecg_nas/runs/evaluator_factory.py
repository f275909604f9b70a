"""What a run is put together from, given its settings and data."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch

from data_prep.store.dataset import open_store
from ecg_nas.errors import ConfigError
from ecg_nas.evaluation.base import Evaluator
from ecg_nas.evaluation.fold_training import TrainingEvaluator, cost_of
from ecg_nas.evaluation.gpu_streams import StreamsEvaluator
from ecg_nas.evaluation.process_pool import PoolEvaluator
from ecg_nas.evaluation.representation import beat_spec
from ecg_nas.methods.base import Allowed
from ecg_nas.runs.config import RunConfig
from ecg_nas.training import engine, gpu
from ecg_nas.training.config import EngineConfig
from ecg_nas.training.engine import Trainer
from search_spaces import Architecture, SearchSpace

_STREAMS = 4  # candidates at once on one GPU, unless asked for otherwise


def evaluator(
    config: RunConfig, data: Path, n_workers: int, *, weights: Path | None = None
) -> Evaluator:
    """Return what trains candidates on the store ``data``, ``n_workers`` at once.

    They are processes on CPUs and streams on a GPU. ``weights`` is the folder that keeps the
    candidates' weights where others start from them.
    """
    make = partial(training_evaluator, config, data, weights=weights)
    here = make()  # in any case: data that cannot be used are refused before workers start
    if n_workers == 1:
        return here
    if config.device == "cuda":
        return StreamsEvaluator(here, n_workers)
    return PoolEvaluator(make, n_workers)


def training_evaluator(
    config: RunConfig,
    data: Path,
    *,
    weights: Path | None = None,
    trainer: Trainer = engine.train_candidate,
) -> TrainingEvaluator:
    """Return what trains one candidate after the other, in this process."""
    return TrainingEvaluator(
        data,
        config.space,
        training=config.training,
        folds=config.folds,
        device=config.device,
        engine=config.engine,
        early=config.early,
        inherit=config.inherit,
        weights=weights,
        trainer=trainer,
        fixed=config.fixed_representation,
    )


def path_taken(config: RunConfig) -> str:
    """Return in words how candidates are trained, and why so."""
    return engine.reason(config.engine, torch.device(config.device))


def limits(
    config: RunConfig, space: SearchSpace, data: Path, *, min_params: int = 0
) -> Allowed | None:
    """Return whether a network is small enough to be proposed, and has ``min_params``."""
    if config.max_params is None and config.max_macs is None and not min_params:
        return None
    signal = open_store(data, "train").signal_spec
    fixed = config.fixed_representation
    max_params = config.max_params or float("inf")
    max_macs = config.max_macs or float("inf")

    def allowed(architecture: Architecture) -> bool:
        cost = cost_of(space, architecture, beat_spec(signal, architecture, fixed))
        return min_params <= cost.params <= max_params and cost.macs <= max_macs

    return allowed


def n_workers(workers: int | None, device: str) -> int:
    """Return ``workers`` or, without a number, what suits the machine and ``device``.

    Raises:
        ConfigError: If ``workers`` is below 1, or more than a GPU takes.
    """
    if workers is not None:
        if device == "cuda" and workers > gpu.MOST_STREAMS:
            raise ConfigError(
                f"--workers must be {gpu.MOST_STREAMS} or less on a GPU (a stream each); "
                f"got {workers}"
            )
        if workers < 1:
            raise ConfigError(f"--workers must be 1 or more; got {workers}")
        return workers
    # Cores this process may use, not those of the machine.
    return _STREAMS if device == "cuda" else len(os.sched_getaffinity(0))


def device_peak_mib(device: str) -> float | None:
    """Return the most memory that tensors have taken on a GPU, in MiB; ``None`` without one."""
    return torch.cuda.max_memory_allocated() / 2**20 if device == "cuda" else None


def settled(config: RunConfig, *, begun: Mapping[str, Any] | None = None) -> RunConfig:
    """Return ``config`` with every ``auto`` settled: as a run was begun, else the best there is.

    Args:
        config: The settings.
        begun: Settings that the run was begun with, as JSON, if it was.

    Raises:
        ConfigError: If CUDA is asked for and there is none.
    """
    there = torch.cuda.is_available()
    device = config.device
    if device == "auto":
        device = begun["device"] if begun else "cuda" if there else "cpu"
    if device == "cuda" and not there:
        raise ConfigError(
            "device cuda needs a CUDA device that torch can use; there is none: use --device cpu "
            "(a run begun on CUDA goes on there only)"
        )
    chosen = config.engine
    if begun:
        named = {k: v for k, v in dataclasses.asdict(chosen).items() if v != "auto"}
        # Settings of before there were engines name none: then the run is refused, not here.
        chosen = EngineConfig(**{**begun.get("engine", {}), **named})
    return dataclasses.replace(
        config, device=device, engine=engine.settled(chosen, torch.device(device))
    )
