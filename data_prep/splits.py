"""Who trains and who tests: always whole patients."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from data_prep.errors import DataError
from data_prep.tasks import Task

Side = Literal["train", "test"]

# Deals of which the most even is taken. With more, every seed would find the same folds.
_DEALS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """Which side of the split each patient is on.

    Attributes:
        side: Patient to ``train`` or ``test``.
        left_out: Patient to the reason why it is on neither side.
    """

    side: Mapping[str, Side]
    left_out: Mapping[str, str] = field(default_factory=dict)


def grouped_folds(
    y: NDArray[np.int64],
    patient: NDArray[np.int64],
    n_folds: int,
    seed: int,
    task: Task,
) -> NDArray[np.int64]:
    """Deal whole patients into folds so that each has its share of every scored class.

    The carriers of a class are dealt first, each to the fold that lacks most of what it carries,
    in an order that the seed shuffles a little; the most even of ten deals is taken.
    (scikit-learn's StratifiedGroupKFold deals in a fixed order: on DS1 every seed gives the same
    folds, one of which holds 49 % of the V beats.)

    Args:
        y: ``(beats,)`` index into the task's classes.
        patient: ``(beats,)`` index of the patient of each beat.
        n_folds: Number of folds, at least 2.
        seed: The same seed deals the same folds.
        task: What the beats are told to be.

    Returns:
        ``(beats,)`` int64: the fold in which each beat is held out.

    Raises:
        DataError: If there are fewer patients than folds, or a scored class occurs in one patient
            only, so that a fold's training side would be without it.
    """
    patients, of_beat = np.unique(patient, return_inverse=True)
    if not 2 <= n_folds <= len(patients):
        raise DataError(
            f"the number of folds must be from 2 to the number of training patients, "
            f"{len(patients)}; got {n_folds}"
        )
    classes, scored_names = task.classes, " ".join(task.scored)
    counts = np.zeros((len(patients), len(classes)))
    np.add.at(counts, (of_beat, y), 1)
    scored = [i for i, name in enumerate(classes) if name in task.scored and counts[:, i].any()]
    for index in scored:
        carriers = int((counts[:, index] > 0).sum())
        if carriers < 2:
            raise DataError(
                f"each of the classes {scored_names} must occur in at least 2 training "
                f"patients, so that one can be held out; {classes[index]} occurs in {carriers}"
            )
    share = counts[:, scored] / counts[:, scored].sum(axis=0)
    rng = np.random.default_rng(seed)
    deals = [_deal(share, n_folds, rng) for _ in range(_DEALS)]
    fold = min(deals, key=lambda deal: _unevenness(share, deal, n_folds))
    if _unevenness(share, fold, n_folds)[0]:
        raise DataError(
            f"the training patients must allow {n_folds} folds that each leave every one of "
            f"{scored_names} to train on; these do not: use fewer folds"
        )
    return fold[of_beat]


def _deal(share: NDArray[np.float64], n_folds: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Give each patient, largest carriers first, to the fold where its share weighs least."""
    order = np.argsort(-share.max(axis=1) * rng.lognormal(0, 0.5, len(share)), kind="stable")
    fold = np.zeros(len(share), dtype=np.int64)
    load = np.zeros((n_folds, share.shape[1]))
    size = np.zeros(n_folds)
    for patient in order:
        added = ((load + share[patient]) ** 2 - load**2).sum(axis=1)
        # The number of patients decides between equals, so that no fold stays empty.
        fold[patient] = chosen = np.lexsort((size, added))[0]
        load[chosen] += share[patient]
        size[chosen] += 1
    return fold


def _unevenness(
    share: NDArray[np.float64], fold: NDArray[np.int64], n_folds: int
) -> tuple[bool, float]:
    """Order deals: first those that keep every class in two folds or more, then the even ones."""
    load = np.stack([share[fold == index].sum(axis=0) for index in range(n_folds)])
    size = np.bincount(fold, minlength=n_folds)
    broken = bool(((load > 0).sum(axis=0) < 2).any() or (size == 0).any())
    return broken, float((load**2).sum())


def stratified_halves(
    patients: Mapping[str, Mapping[str, int]], seed: int, task: Task
) -> dict[str, Side]:
    """Split patients into a training and a test half that both carry every class.

    Args:
        patients: Each patient's beats a class.
        seed: The same seed and patients give the same halves.
        task: What the beats are told to be.

    Raises:
        DataError: If there are fewer than two patients, or a scored class has a single carrier.
    """
    names = list(patients)
    cells = [
        (index, code, patients[name].get(label, 0))
        for index, name in enumerate(names)
        for code, label in enumerate(task.classes)
    ]
    times = [count for _, _, count in cells]
    patient = np.repeat([index for index, _, _ in cells], times)
    y = np.repeat([code for _, code, _ in cells], times)
    fold = grouped_folds(y, patient, 2, seed, task)
    test = {names[index] for index in np.unique(patient[fold == 1])}
    return {name: "test" if name in test else "train" for name in names}


def refuse_overlap(train: Iterable[str], test: Iterable[str]) -> None:
    """Refuse a patient on both sides of a split.

    Raises:
        DataError: If there is one.
    """
    if both := sorted(set(train) & set(test)):
        raise DataError(
            f"a patient must be on one side of the split only; on both are {', '.join(both)}"
        )


def read_split(path: Path, patients: Iterable[str]) -> Assignment:
    """Read a user's split: a TOML file with the lists ``train`` and ``test`` of patients.

    A patient that the file does not name is left out.

    Args:
        path: The file.
        patients: All patients that there are.

    Raises:
        DataError: If it cannot be read, names a patient that there is not, or one on both sides.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"the split file {path} must be readable TOML: {error}") from error
    sides: dict[Side, list[str]] = {}
    for side in ("train", "test"):
        names = table.get(side)
        if not isinstance(names, list) or not names:
            raise DataError(
                f'the split file {path} must have lists train = ["…"] and test = ["…"] of '
                f"patients; {side} is {'missing' if names is None else 'not such a list'}"
            )
        sides[side] = [str(name) for name in names]
    refuse_overlap(sides["train"], sides["test"])
    known = list(patients)
    chosen: dict[str, Side] = {name: side for side, names in sides.items() for name in names}
    if unknown := sorted(set(chosen) - set(known)):
        raise DataError(
            f"the split file {path} must name patients of the recordings; there is no "
            f"{', '.join(unknown)}"
        )
    left_out = {name: f"not named in {path.name}" for name in known if name not in chosen}
    return Assignment(side=chosen, left_out=left_out)
