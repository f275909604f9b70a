"""Which way a candidate's folds are trained: on a CPU one by one, on a GPU all at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ecg_nas.training import precision
from ecg_nas.training.batched import FoldsTraining
from ecg_nas.training.config import EngineConfig, TrainConfig
from ecg_nas.training.device_data import DeviceData
from ecg_nas.training.loop import Start, Training

Trainer: TypeAlias = Callable[..., list[nn.Module]]
"""A function with the arguments of ``train_candidate``."""

Watch: TypeAlias = Callable[[int, list[nn.Module]], bool]
"""Takes the number of epochs done and the folds' networks; returns whether that is enough."""


def settled(engine: EngineConfig, device: torch.device) -> EngineConfig:
    """Return ``engine`` with every ``auto`` replaced by what suits ``device``."""
    folds, kind = engine.folds, engine.precision
    if folds == "auto":
        folds = "together" if device.type == "cuda" else "alone"
    if kind == "auto":
        kind = "bfloat16" if precision.has_matrix_units(device) else "float32"
    return EngineConfig(folds=folds, precision=kind)


def reason(engine: EngineConfig, device: torch.device) -> str:
    """Return in words which way ``engine`` trains on ``device``, and why."""
    way = settled(engine, device)
    units = "has" if precision.has_matrix_units(device) else "has no"
    on_gpu = device.type == "cuda"
    if way.folds == "together":
        recorded = ", its steps recorded as a CUDA graph" if on_gpu else ""
        how = f"folds together as one batched model{recorded}"
    else:
        # Each needs torch's random state to itself, which threads share and processes do not.
        candidates = "and candidates too" if on_gpu else "candidates in parallel processes"
        how = f"folds one after the other, one thread each, {candidates}"
    suited = settled(EngineConfig(), device)
    asked = [n for n in ("folds", "precision") if getattr(way, n) != getattr(suited, n)]
    because = f"; {' and '.join(asked)} as asked for" if asked else ""
    return f"{how}; {way.precision}, as {device.type} {units} matrix units for bfloat16{because}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldTrainings:
    """One network trained on each of some folds: what is trained, on what, by which recipe.

    Attributes:
        build: Makes the untrained network from torch's random state.
        data: A split on its device.
        folds: Beats to train on, before thinning, one array a fold.
        config: The recipe.
        seeds: Seed of each fold's initial weights, order and augmentation.
        steps: Steps of an epoch, the same for all folds.
        starts: For each fold, what changes the untrained network: the weights it starts from.
    """

    build: Callable[[], nn.Module]
    data: DeviceData
    folds: Sequence[NDArray[np.int64]]
    config: TrainConfig
    seeds: Sequence[int]
    steps: int
    starts: Sequence[Start] | None = None


def train_candidate(
    asked: FoldTrainings, *, engine: EngineConfig, watch: Watch | None = None
) -> list[nn.Module]:
    """Train a network a fold and return them in evaluation mode.

    Args:
        asked: What to train.
        engine: How.
        watch: Looks at the networks after every epoch, and may end the training.

    Raises:
        DivergedError: If a loss is not finite at the end of an epoch.
    """
    way = settled(engine, asked.data.device)
    bfloat16 = way.precision == "bfloat16"
    config = asked.config
    if way.folds == "together":
        together = FoldsTraining(
            asked.build,
            asked.data,
            asked.folds,
            config,
            fold_seeds=asked.seeds,
            steps=asked.steps,
            bfloat16=bfloat16,
            starts=asked.starts,
        )
        for done in range(1, config.epochs + 1):
            together.epoch()
            if watch is not None and watch(done, together.networks()):
                break
        return together.finish()
    alone = (
        Training(
            asked.build,
            asked.data,
            rows,
            config,
            seed=seed,
            steps=asked.steps,
            bfloat16=bfloat16,
            start=start,
        )
        for rows, seed, start in zip(
            asked.folds, asked.seeds, asked.starts or repeat(None), strict=False
        )
    )
    if watch is None:
        return [_to_the_end(training, config) for training in alone]
    side_by_side = list(alone)
    for done in range(1, config.epochs + 1):
        for training in side_by_side:
            training.epoch()
        if watch(done, [training.module for training in side_by_side]):
            break
    return [training.finish() for training in side_by_side]


def _to_the_end(training: Training, config: TrainConfig) -> nn.Module:
    for _ in range(config.epochs):
        training.epoch()
    return training.finish()
