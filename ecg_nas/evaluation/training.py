"""Score a candidate by training it: macro F1 over patient-grouped folds."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from typing_extensions import override

from data_prep.beats import BeatSpec
from data_prep.dataset import SignalStore, open_store
from data_prep.errors import DataError
from data_prep.split import grouped_folds
from ecg_nas import seeds
from ecg_nas.errors import ConfigError
from ecg_nas.evaluation.base import Candidate, Evaluation, Evaluator
from ecg_nas.evaluation.representation import beat_spec
from ecg_nas.training.config import TrainConfig
from ecg_nas.training.data import DeviceData, epoch_steps, thin, to_device
from ecg_nas.training.loop import predict, train
from ecg_nas.training.metrics import SCORED_CLASSES, confusion, macro_f1, per_class
from search_spaces import Architecture, Cost, SearchSpace, load

_log = logging.getLogger(__name__)

_CACHE_BYTES = 320 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldConfig:
    """How the training patients are held out in turn.

    Attributes:
        n_folds: Parts of the patients; each is held out once.
        repeats: Times that all folds are trained, each time with other seeds and other folds.
            More repeats, a more reliable score.
        seed: Seed of the folds: the same folds for every candidate.
    """

    n_folds: int = 3
    repeats: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.n_folds < 2:
            raise ConfigError(f"folds setting n_folds must be 2 or more; got {self.n_folds}")
        if self.repeats < 1:
            raise ConfigError(f"folds setting repeats must be 1 or more; got {self.repeats}")


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
    ) -> None:
        self._store = open_store(store, "train")
        self._space = load(space)
        self._training = training
        self._folds = folds
        self._device = torch.device(device)
        self._cuts: OrderedDict[BeatSpec, DeviceData] = OrderedDict()
        self._held_out, self.patients = hold_out(self._store, folds)

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
        spec = beat_spec(self._store.signal_spec, dict(candidate.architecture.representation))
        data = self._cut(spec)
        build = builder(self._space, candidate.architecture, spec)
        per_fold = []
        for repeat, fold_of in enumerate(self._held_out):
            sides = [np.flatnonzero(fold_of != fold) for fold in range(self._folds.n_folds)]
            kept = [thin(data, side, self._training.keep_every) for side in sides]
            steps = epoch_steps(kept, self._training.batch)
            for fold, side in enumerate(sides):
                seed = seeds.derive(candidate.seed, "fold", repeat, fold)
                module = train(build, data, side, self._training, seed=seed, steps=steps)
                rows = np.flatnonzero(fold_of == fold)
                predicted = predict(module, data, rows)
                per_fold.append(confusion(data.labels[rows], predicted, len(data.classes)))
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
                    "patients": list(
                        self.patients[i // self._folds.n_folds][i % self._folds.n_folds]
                    ),
                }
                for i, counts in enumerate(per_fold)
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


def hold_out(
    store: SignalStore, folds: FoldConfig
) -> tuple[list[NDArray[np.int64]], list[list[tuple[str, ...]]]]:
    """Return for each repeat the fold of each beat, and the patients of each fold.

    Raises:
        DataError: If a scored class does not occur, or in too few patients to be held out.
    """
    has_class = store.beats["y"] >= 0
    y = store.beats["y"][has_class]
    of_record = np.array([store.patients.index(r.patient) for r in store.records], dtype=np.int64)
    patient = of_record[store.beats["record"][has_class]]
    classes = store.signal_spec.classes
    missing = [name for name in SCORED_CLASSES if not (y == classes.index(name)).any()]
    if missing:
        raise DataError(
            f"the training patients must have beats of {', '.join(SCORED_CLASSES)}; "
            f"{store.folder} has no {', '.join(missing)}: add recordings or check the label mapping"
        )
    fold_of = [
        grouped_folds(y, patient, folds.n_folds, seeds.derive(folds.seed, "folds", repeat))
        for repeat in range(folds.repeats)
    ]
    names = np.array(store.patients)
    return fold_of, [
        [tuple(names[np.unique(patient[f == fold])].tolist()) for fold in range(folds.n_folds)]
        for f in fold_of
    ]


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
