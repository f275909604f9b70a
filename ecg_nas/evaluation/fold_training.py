"""Score a candidate by training it: macro F1 over patient-grouped folds."""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from typing_extensions import override

from data_prep.beats.beat_spec import BeatSpec
from data_prep.store.dataset import open_store
from data_prep.tasks import Task
from ecg_nas import seeds
from ecg_nas.errors import RunError
from ecg_nas.evaluation.base import Candidate, Evaluation, Evaluator
from ecg_nas.evaluation.config import EarlyConfig, InheritConfig
from ecg_nas.evaluation.curve_extrapolation import predicted_score
from ecg_nas.evaluation.folds import Fold, FoldConfig, hold_out
from ecg_nas.evaluation.representation import beat_spec
from ecg_nas.evaluation.weight_inheritance import Weights, take_over
from ecg_nas.metrics.classification import confusion, macro_f1, per_class
from ecg_nas.training import gpu
from ecg_nas.training.batched import peak_bytes
from ecg_nas.training.config import EngineConfig, TrainConfig
from ecg_nas.training.device_data import DeviceData, epoch_steps, thin, to_device
from ecg_nas.training.engine import FoldTrainings, Trainer, settled, train_candidate
from ecg_nas.training.loop import predict
from search_spaces import Architecture, Cost, SearchSpace, load

_log = logging.getLogger(__name__)

_CACHE_BYTES = 320 * 2**20  # of cut beats, in each process
_CACHE_SHARE = 0.2  # of a GPU's memory; trainings have most of the rest


class TrainingEvaluator(Evaluator):
    """Trains each candidate on every fold of a store's training patients.

    The score is the task's, of one confusion matrix pooled over the folds: a
    mean over folds would let a fold with a hundred S beats weigh as much as one with four hundred.
    Each fold is scored on all its beats, thinned classes included. The side of the test patients
    is never opened.

    Args:
        store: Folder of the signal store.
        space: Name of the search space.
        training: The recipe, the same for every candidate and fold.
        folds: How patients are held out.
        device: Where to train.
        engine: How the folds of a candidate are trained; by default as suits the device.
        early: Whether trainings end early; by default they do not.
        inherit: Whether candidates start from their parent's weights; by default they do not.
        weights: Folder that keeps the weights of all candidates, where they do.
        trainer: What trains the folds of a candidate.
        fixed: Representation options that hold for every candidate, whatever its own say; such as
            ``{"causal": "on"}``.

    Raises:
        DataError: If the store cannot be opened, or a scored class has too few patients.
        RunError: While evaluating, if weights cannot be read or kept, or the GPU is lost.
    """

    def __init__(
        self,
        store: Path,
        space: str,
        *,
        training: TrainConfig,
        folds: FoldConfig,
        device: str = "cpu",
        engine: EngineConfig | None = None,
        early: EarlyConfig | None = None,
        inherit: InheritConfig | None = None,
        weights: Path | None = None,
        trainer: Trainer = train_candidate,
        fixed: Mapping[str, str] | None = None,
    ) -> None:
        self._store = open_store(store, "train")
        self._space = load(space)
        self._training = training
        self._device = torch.device(device)
        self._engine = settled(engine or EngineConfig(), self._device)
        self._early = early or EarlyConfig()
        self._inherit = inherit or InheritConfig()
        self._weights = Weights(weights) if weights and self._inherit.enabled else None
        self._trainer = trainer
        self._fixed = dict(fixed or {})
        self._cutting = threading.Lock()
        self._cuts: OrderedDict[BeatSpec, DeviceData] = OrderedDict()
        self._folds = hold_out(self._store, folds)

    @property
    def device(self) -> torch.device:
        """Where it trains."""
        return self._device

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
        except RunError:
            raise  # a fault of the run's folder, not of this network
        except (RuntimeError, MemoryError) as error:
            # RuntimeError: out of device memory, a loss that is not finite, and whatever else
            # torch may refuse in this one network.
            failure = f"{type(error).__name__}: {_first_line(error)}"
            _log.debug("candidate %d failed", candidate.slot, exc_info=True)
        if failure is not None:
            self._recover()  # only now: the error held what the training had allocated
        return Evaluation(
            slot=candidate.slot,
            score=score,
            metrics=metrics,
            seconds=time.perf_counter() - started,
            failure=failure,
        )

    def _recover(self) -> None:
        try:
            gpu.recover(self._device)
        except RuntimeError as error:
            raise RunError(
                "the GPU must go on working after a candidate that failed; it does not "
                f"({_first_line(error)}): start the same command again, it continues"
            ) from error

    def _score(self, candidate: Candidate) -> dict[str, Any]:
        data, build = self._parts(candidate)
        training, starts = self._training, None
        if self._weights is not None and candidate.parent is not None:
            states = self._weights.load(candidate.parent, len(self._folds))
            starts = [partial(take_over, state=state) for state in states]
            epochs = max(1, round(self._inherit.share * training.epochs))
            training = dataclasses.replace(training, epochs=epochs)
        off = self._early.mode == "off"
        watch = None if off else _Watch(self._early, data, self._folds, training.epochs)
        trainings = FoldTrainings(
            build=build,
            data=data,
            folds=[fold.train for fold in self._folds],
            config=training,
            seeds=[seeds.derive(candidate.seed, "fold", i) for i in range(len(self._folds))],
            steps=self._steps(data),
            starts=starts,
        )
        modules = self._trainer(trainings, engine=self._engine, watch=watch)
        if self._weights is not None:
            self._weights.save(candidate.slot, modules)
        per_fold = _confusions(modules, data, [fold.held_out for fold in self._folds])
        pooled = np.sum(per_fold, axis=0)
        watched = {} if watch is None else watch.facts()
        spec = beat_spec(self._store.signal_spec, candidate.architecture, self._fixed)
        cost = cost_of(self._space, candidate.architecture, spec)
        return {
            "score": watched.get("foretold", _score(pooled, data.task)),
            "per_class": per_class(pooled, data.classes),
            "confusion": pooled.tolist(),
            "folds": [
                {
                    "score": macro_f1(counts, data.task),
                    "confusion": counts.tolist(),
                    "patients": list(fold.patients),
                }
                for counts, fold in zip(per_fold, self._folds, strict=True)
            ],
            "params": cost.params,
            "macs": cost.macs,
            "epochs": training.epochs,
            **({} if starts is None else {"parent": candidate.parent}),
            **watched,
            "device": self._device.type,
            "engine": dataclasses.asdict(self._engine),
        }

    @property
    def n_folds(self) -> int:
        """How many trainings a candidate takes, repeats included."""
        return len(self._folds)

    def trained_beats(self, candidate: Candidate) -> int:
        """Return how many beats the trainings of ``candidate`` see, all folds and epochs."""
        steps = self._steps(self._parts(candidate)[0])
        return steps * self._training.batch * self._training.epochs * len(self._folds)

    def plain_parts(
        self, candidate: Candidate
    ) -> tuple[Callable[[], nn.Module], DeviceData, NDArray[np.int64], TrainConfig]:
        """Return what a training of the first fold is made from."""
        data, build = self._parts(candidate)
        return build, data, self._folds[0].train, self._training

    def peak_bytes(self, candidate: Candidate) -> int:
        """Return about how much device memory the training of ``candidate`` takes.

        Its beats are cut and count for nothing: they stay on the device.
        """
        data, build = self._parts(candidate)
        return peak_bytes(build, data, self._training, folds=len(self._folds))

    def _parts(self, candidate: Candidate) -> tuple[DeviceData, Callable[[], nn.Module]]:
        spec = beat_spec(self._store.signal_spec, candidate.architecture, self._fixed)
        return self._cut(spec), builder(self._space, candidate.architecture, spec)

    def _steps(self, data: DeviceData) -> int:
        kept = [thin(data, fold.train, self._training.keep_every) for fold in self._folds]
        return epoch_steps(kept, self._training.batch)

    def _cut(self, spec: BeatSpec) -> DeviceData:
        """Return the beats of ``spec``, from the few cut last if they are among them."""
        limit = _CACHE_BYTES
        if self._device.type == "cuda":
            total = torch.cuda.get_device_properties(self._device).total_memory
            limit = int(_CACHE_SHARE * total)
        with self._cutting:
            data = self._cuts.pop(spec, None)
            if data is None:
                # Room first: the new cut and all the old ones need not fit at once.
                while self._cuts and sum(d.n_bytes for d in self._cuts.values()) > limit // 2:
                    self._cuts.popitem(last=False)
                data = to_device(self._store.cut(spec), self._device)
            self._cuts[spec] = data
        return data


class _Watch:
    """Scores a candidate after every epoch, and says when that is enough."""

    def __init__(
        self, config: EarlyConfig, data: DeviceData, folds: Sequence[Fold], epochs: int
    ) -> None:
        self._config, self._data, self._epochs = config, data, epochs
        self._rows = [thin(data, fold.held_out, config.keep_every) for fold in folds]
        common = [
            sum(np.count_nonzero(data.labels[rows] == data.common) for rows in sides)
            for sides in ([fold.held_out for fold in folds], self._rows)
        ]
        # A normal beat that is looked at stands for those that are not: else too few of them would
        # be taken for others, and F1 would flatter.
        self._stands_for = common[0] / max(common[1], 1)
        self._curve: list[float] = []
        self._predicted: float | None = None

    def __call__(self, done: int, modules: list[nn.Module]) -> bool:
        pooled = np.sum(_confusions(modules, self._data, self._rows), axis=0)
        common = self._data.common
        pooled[common] = np.rint(pooled[common] * self._stands_for)
        self._curve.append(_score(pooled, self._data.task))
        if self._config.mode == "stop" and done < self._epochs:
            self._predicted = predicted_score(self._curve, self._epochs, self._config)
        return self._predicted is not None

    def facts(self) -> dict[str, Any]:
        """Return ``curve``, and of a training that ended early its score, ``foretold``."""
        facts: dict[str, Any] = {"curve": self._curve}
        return facts if self._predicted is None else facts | {"foretold": self._predicted}


def _confusions(
    modules: Sequence[nn.Module], data: DeviceData, rows: Sequence[NDArray[np.int64]]
) -> list[NDArray[np.int64]]:
    return [
        confusion(data.labels[held_out], predict(module, data, held_out), len(data.classes))
        for module, held_out in zip(modules, rows, strict=True)
    ]


def _score(pooled: NDArray[np.int64], task: Task) -> float:
    score = macro_f1(pooled, task)
    if score is None:
        raise RuntimeError("a scored class was neither held out nor predicted: there is no score")
    return score


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
