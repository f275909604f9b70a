"""Score a candidate by training it: macro F1 over patient-grouped folds."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from typing_extensions import override

from data_prep.beats import BeatSpec
from data_prep.dataset import open_store
from ecg_nas import seeds
from ecg_nas.evaluation.base import Candidate, Evaluation, Evaluator
from ecg_nas.evaluation.folds import FoldConfig, hold_out
from ecg_nas.evaluation.representation import beat_spec
from ecg_nas.training.config import TrainConfig
from ecg_nas.training.data import DeviceData, epoch_steps, thin, to_device
from ecg_nas.training.loop import predict, train
from ecg_nas.training.metrics import confusion, macro_f1, per_class
from search_spaces import Architecture, Cost, SearchSpace, load

_log = logging.getLogger(__name__)

_CACHE_BYTES = 320 * 2**20


class TrainingEvaluator(Evaluator):
    """Trains each candidate on every fold of a store's training patients.

    The score is the macro F1 over N, S and V of one confusion matrix, pooled over the folds: a
    mean over folds would let a fold with a hundred S beats weigh as much as one with four hundred.
    Each fold is scored on all its beats, thinned classes included. The side of the test patients
    is never opened.

    Args:
        store: Folder of the signal store.
        space: Name of the search space.
        training: The recipe, the same for every candidate and fold.
        folds: How patients are held out.
        device: Where to train.
        fixed: Representation options that hold for every candidate, whatever its own say; such as
            ``{"causal": "on"}``.

    Raises:
        DataError: If the store cannot be opened, or a scored class has too few patients.
    """

    def __init__(
        self,
        store: Path,
        space: str,
        *,
        training: TrainConfig,
        folds: FoldConfig,
        device: str = "cpu",
        fixed: Mapping[str, str] | None = None,
    ) -> None:
        self._store = open_store(store, "train")
        self._space = load(space)
        self._training = training
        self._device = torch.device(device)
        self._fixed = dict(fixed or {})
        self._cuts: OrderedDict[BeatSpec, DeviceData] = OrderedDict()
        self._folds = hold_out(self._store, folds)

    @override
    def evaluate(self, candidates: Sequence[Candidate]) -> Iterator[Evaluation]:
        for candidate in candidates:
            yield self._evaluate(candidate)

    def _evaluate(self, candidate: Candidate) -> Evaluation:
        started = time.perf_counter()
        score, metrics, failure = None, {}, None
        try:
            metrics = self._score(candidate)
            score = metrics.pop("score")
        except (RuntimeError, MemoryError) as error:
            # RuntimeError: out of device memory, a loss that is not finite, and whatever else
            # torch may refuse in this one network.
            failure = f"{type(error).__name__}: {_first_line(error)}"
            _log.debug("candidate %d failed", candidate.slot, exc_info=True)
            if self._device.type == "cuda":
                torch.cuda.empty_cache()
        return Evaluation(
            slot=candidate.slot,
            score=score,
            metrics=metrics,
            seconds=time.perf_counter() - started,
            failure=failure,
        )

    def _score(self, candidate: Candidate) -> dict[str, Any]:
        spec = beat_spec(self._store.signal_spec, candidate.architecture, self._fixed)
        data = self._cut(spec)
        build = builder(self._space, candidate.architecture, spec)
        kept = [thin(data, fold.train, self._training.keep_every) for fold in self._folds]
        steps = epoch_steps(kept, self._training.batch)
        per_fold = []
        for index, fold in enumerate(self._folds):
            seed = seeds.derive(candidate.seed, "fold", index)
            module = train(build, data, fold.train, self._training, seed=seed, steps=steps)
            predicted = predict(module, data, fold.held_out)
            per_fold.append(confusion(data.labels[fold.held_out], predicted, len(data.classes)))
        pooled = np.sum(per_fold, axis=0)
        cost = cost_of(self._space, candidate.architecture, spec)
        return {
            "score": macro_f1(pooled, data.classes),
            "per_class": per_class(pooled, data.classes),
            "confusion": pooled.tolist(),
            "folds": [
                {
                    "score": macro_f1(counts, data.classes),
                    "confusion": counts.tolist(),
                    "patients": list(fold.patients),
                }
                for counts, fold in zip(per_fold, self._folds, strict=True)
            ],
            "params": cost.params,
            "macs": cost.macs,
            "epochs": self._training.epochs,
            "device": self._device.type,
        }

    def _cut(self, spec: BeatSpec) -> DeviceData:
        """Return the beats of ``spec``, from the few cut last if they are among them."""
        data = self._cuts.pop(spec, None)
        if data is None:
            # Room first: the new cut and all the old ones need not fit at once.
            while self._cuts and sum(d.n_bytes for d in self._cuts.values()) > _CACHE_BYTES // 2:
                self._cuts.popitem(last=False)
            data = to_device(self._store.cut(spec), self._device)
        self._cuts[spec] = data
        return data


def builder(space: SearchSpace, arch: Architecture, spec: BeatSpec) -> Callable[[], nn.Module]:
    """Return what builds the network of ``arch`` for beats cut by ``spec``."""
    return lambda: space.build(arch, **_sizes(spec))


def cost_of(space: SearchSpace, arch: Architecture, spec: BeatSpec) -> Cost:
    """Return the cost of the network of ``arch`` on beats cut by ``spec``."""
    return space.cost(arch, **_sizes(spec))


def _sizes(spec: BeatSpec) -> dict[str, int]:
    return {
        "leads": spec.channels,
        "samples": spec.samples,
        "context": len(spec.context_names),
        "classes": len(spec.signal.classes),
    }


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or ["no message"])[0]
