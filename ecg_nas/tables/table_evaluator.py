"""Look up what a benchmark measured, instead of training."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from ecg_nas.errors import TableError
from ecg_nas.evaluation.base import Candidate, Evaluation, Evaluator
from ecg_nas.tables.content import TableContent
from ecg_nas.tables.trained_table import read_trained
from search_spaces import (
    Architecture,
    ArchitectureError,
    ConfinedSpace,
    SearchSpace,
    nasbench101,
    nasbench201,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableColumns:
    """Which columns of the compact NAS-Bench-201 table belong to a data set.

    Attributes:
        searched: The score, accuracy in %: mean over the runs of validation accuracy at 200 epochs.
        test: Test accuracy in %, reported only.
        params_m: Parameters in millions.
        train_s: Seconds of the 200-epoch training.
    """

    searched: str
    test: str
    params_m: str
    train_s: str


NB201: Mapping[str, TableColumns] = {
    "cifar10": TableColumns(
        searched="c10valid_val", test="c10_test", params_m="c10_params_M", train_s="c10_train_s"
    ),
    "cifar100": TableColumns(
        searched="c100_val", test="c100_test", params_m="c100_params_M", train_s="c100_train_s"
    ),
    "imagenet16": TableColumns(
        searched="img_val", test="img_test", params_m="img_params_M", train_s="img_train_s"
    ),
}

NB101 = "nb101"
"""NAS-Bench-101, whose one data set is CIFAR-10."""

ECG1D = "ecg1d"
"""Networks of ``ecg1d`` that were trained here, on any recordings."""

DATASETS = (*NB201, NB101, ECG1D)

_EDGE_COLUMNS = [f"edge_ops_{edge}" for edge in range(len(nasbench201.EDGES))]
_CELLS = len(nasbench201.OPS) ** len(nasbench201.EDGES)

_BEST = 8  # cells whose scores a note on a partial table compares

_Floats = NDArray[np.float64]


class TableEvaluator(Evaluator):
    """Answers from the table of a benchmark, by the exact cell.

    Twins of NAS-Bench-201 (cells that compute the same) were trained apart and keep their own
    values.
    """

    def __init__(self, path: Path, dataset: str) -> None:
        """Read the table.

        Args:
            path: The compact table, a Parquet file; that of ``ecg1d`` is JSON.
            dataset: One of ``DATASETS``.

        Raises:
            TableError: If there is no such data set, or ``path`` is not a table of it.
        """
        if dataset not in DATASETS:
            raise TableError(f"the data set must be one of {', '.join(DATASETS)}; got {dataset!r}")
        self._table = _read(path, dataset)

    @property
    def space(self) -> SearchSpace:
        """Where to search: the space of the table, confined to its cells if they are not all."""
        return self._table.space

    @property
    def metric(self) -> str:
        """What ``score`` is, in words."""
        return self._table.metric

    @property
    def note(self) -> str | None:
        """What must be said with every result; ``None`` for a whole table.

        With a note the optimum is that of a sample, so that reaching it says little.
        """
        return self._table.note

    @property
    def optimum(self) -> float:
        """The best score in the table."""
        return float(self._table.scores.max())

    def __len__(self) -> int:
        return len(self._table.scores)

    @property
    def digest(self) -> str:
        """16 hex digits of the BLAKE2 hash of the scores: which version of the table it is."""
        test = self._table.test
        columns = [self._table.scores] if test is None else [self._table.scores, test]
        values = np.ascontiguousarray(np.stack(columns), dtype="<f8")
        return hashlib.blake2b(values.tobytes(), digest_size=8).hexdigest()

    def cells(self) -> tuple[list[Architecture], _Floats]:
        """Return every architecture of the table, and their scores in the same order."""
        return self._table.cells(), self._table.scores.copy()

    @property
    def params(self) -> NDArray[np.int64]:
        """Trainable parameters of every cell, in the order of ``cells``."""
        return self._table.params.copy()

    @property
    def rows(self) -> NDArray[np.int64]:
        """Place in ``cells`` of each row of the file, for what else comes in the file's order."""
        return self._table.rows.copy()

    def place(self, arch: Architecture) -> int:
        """Return where ``arch`` is in ``cells``.

        Raises:
            TableError: If it is of another space or not in the table.
        """
        table = self._table
        if arch.space != table.space.name:
            raise TableError(
                f"the table holds cells of {table.space.name}; got an architecture of {arch.space}"
            )
        try:
            return table.place(arch)
        except KeyError:
            raise TableError(
                f"the cell must be one of the {len(table.scores)} measured ones; got "
                f"{arch.to_json()}"
            ) from None

    @override
    def evaluate(self, candidates: Sequence[Candidate]) -> Iterator[Evaluation]:
        """Look up; the metrics have no ``test_accuracy`` where the table has none."""
        table = self._table
        for candidate in candidates:
            place = self.place(candidate.architecture)
            metrics: dict[str, Any] = {
                "cell": place,
                "params": int(table.params[place]),
                "train_s": float(table.train_s[place]),
            }
            if table.test is not None:
                metrics["test_accuracy"] = float(table.test[place])
            yield Evaluation(slot=candidate.slot, score=float(table.scores[place]), metrics=metrics)


def _read(path: Path, dataset: str) -> TableContent:
    if dataset == ECG1D:
        return read_trained(path, ECG1D)
    return _read_nb101(path) if dataset == NB101 else _read_nb201(path, dataset)


def _read_nb201(path: Path, dataset: str) -> TableContent:
    names = NB201[dataset]
    columns = [names.searched, names.test, names.params_m, names.train_s]
    raw = _columns(path, "NAS-Bench-201", [*_EDGE_COLUMNS, *columns])
    edges = np.stack([raw[name] for name in _EDGE_COLUMNS], axis=1).astype(np.int64)
    place = edges @ len(nasbench201.OPS) ** np.arange(edges.shape[1])[::-1]
    whole = np.array_equal(np.sort(place), np.arange(_CELLS))
    values = [raw[name].astype(np.float64) for name in columns]
    if not whole or not all(np.isfinite(column).all() for column in values):
        raise TableError(
            f"the table must hold each of the {_CELLS} cells once, with finite values; {path} has "
            f"{len(place)} rows, {len(np.unique(place))} different cells"
        )
    scores, test, params_m, train_s = (column[np.argsort(place)] for column in values)
    return TableContent(
        space=nasbench201.SPACE,
        cells=lambda: list(nasbench201.all_architectures()),
        place=nasbench201.to_index,
        rows=place,
        metric=f"NAS-Bench-201 {dataset} validation accuracy in % at 200 epochs, mean over seeds",
        scores=scores,
        test=test,
        params=np.rint(params_m * 1e6).astype(np.int64),
        train_s=train_s,
    )


def _read_nb101(path: Path) -> TableContent:
    """Read a table of all cells or of some; ``n_runs`` and test accuracy are optional columns."""
    needed = ["edge_bits", "ops", "val_acc_108", "params", "train_s_108"]
    raw = _columns(path, "NAS-Bench-101", needed, ["test_acc_108", "n_runs"])
    places = {
        (int(bits), str(ops)): row
        for row, (bits, ops) in enumerate(zip(raw["edge_bits"], raw["ops"], strict=True))
    }
    scores, params, train_s = (raw[name].astype(np.float64) for name in needed[-3:])
    if len(places) < max(len(scores), 2) or not np.isfinite([scores, params, train_s]).all():
        raise TableError(
            "the table must hold two cells or more, each once, with finite values; "
            f"{path} has {len(scores)} rows, {len(places)} different cells"
        )
    runs = raw["n_runs"].astype(np.int64) if "n_runs" in raw else np.ones(len(scores), np.int64)
    trainings = "-".join(str(n) for n in dict.fromkeys((int(runs.min()), int(runs.max()))))

    def cells() -> list[Architecture]:
        return [nasbench101.from_bits(bits, ops) for bits, ops in places]

    whole = len(places) == nasbench101.N_CELLS
    return TableContent(
        space=nasbench101.SPACE if whole else _confined(cells, path),
        cells=cells,
        place=lambda arch: places[nasbench101.to_bits(arch)],
        rows=np.arange(len(scores)),
        metric="NAS-Bench-101 CIFAR-10 validation accuracy in % at 108 epochs, "
        + ("one training each" if trainings == "1" else f"mean of {trainings} trainings"),
        note=None if whole and trainings != "1" else _note(100 * scores, whole),
        scores=100 * scores,
        test=100 * raw["test_acc_108"].astype(np.float64) if "test_acc_108" in raw else None,
        params=params.astype(np.int64),
        train_s=train_s,
    )


def _confined(cells: Callable[[], list[Architecture]], path: Path) -> SearchSpace:
    try:
        return ConfinedSpace(nasbench101.SPACE, cells())
    except (ArchitectureError, ValueError) as error:
        raise TableError(
            f"the table must hold cells of NAS-Bench-101; {path} does not: {error}"
        ) from error


def _note(scores: _Floats, whole: bool) -> str:
    """Return what a result on scores that cannot tell the best cell must say."""
    best = np.sort(scores)[-_BEST:]
    share = len(scores) / nasbench101.N_CELLS
    confined = (
        ""
        if whole
        else f"proposals were confined to the {len(scores):,} measured cells, {share:.2%} of all; "
    )
    return (
        f"{confined}the best {len(best)} are within {best[-1] - best[0]:.2f} points, too close for "
        "a hit rate"
    )


def _columns(
    path: Path, benchmark: str, needed: Sequence[str], optional: Sequence[str] = ()
) -> dict[str, NDArray[Any]]:
    """Return columns of a Parquet file, without those ``optional`` ones that it lacks."""
    import pyarrow  # only benchmarks need it
    import pyarrow.parquet

    if not path.is_file():
        raise TableError(
            f"the benchmark's table must be a Parquet file; there is none at {path}: "
            "pass its place with --table"
        )
    try:
        there = set(pyarrow.parquet.read_schema(path).names)
        names = [*needed, *(name for name in optional if name in there)]
        table = pyarrow.parquet.read_table(path, columns=names)
        return {name: table[name].to_numpy() for name in names}
    except (pyarrow.ArrowException, OSError, KeyError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TableError(
            f"the benchmark's table must be a compact {benchmark} Parquet file; {path} cannot "
            f"be read as one ({reason:.120})"
        ) from error
