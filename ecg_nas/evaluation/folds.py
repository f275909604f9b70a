"""Which training patients are held out when: the folds that a score is pooled over."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_prep.splits import grouped_folds
from data_prep.store.dataset import SignalStore
from ecg_nas import seeds
from ecg_nas.errors import ConfigError


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """One training and what it is scored on.

    Attributes:
        train: ``(n,)`` beats to train on, as rows of any cut of the store.
        held_out: ``(m,)`` the beats of the patients that are held out.
        patients: Those patients.
    """

    train: NDArray[np.int64]
    held_out: NDArray[np.int64]
    patients: tuple[str, ...]


def hold_out(store: SignalStore, config: FoldConfig) -> list[Fold]:
    """Return the folds of all repeats, ``n_folds * repeats`` of them.

    Raises:
        DataError: If a scored class has too few patients to be on both sides of every fold.
    """
    has_class = store.beats["y"] >= 0
    y = store.beats["y"][has_class]
    of_record = np.array([store.patients.index(r.patient) for r in store.records], dtype=np.int64)
    patient = of_record[store.beats["record"][has_class]]
    folds = []
    for repeat in range(config.repeats):
        seed = seeds.derive(config.seed, "folds", repeat)
        fold_of = grouped_folds(y, patient, config.n_folds, seed, store.signal_spec.task)
        for index in range(config.n_folds):
            held_out = np.flatnonzero(fold_of == index)
            names = tuple(store.patients[i] for i in np.unique(patient[held_out]))
            folds.append(
                Fold(train=np.flatnonzero(fold_of != index), held_out=held_out, patients=names)
            )
    return folds
