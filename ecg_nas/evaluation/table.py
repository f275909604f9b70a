"""Look up what a benchmark measured, instead of training."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from ecg_nas.errors import EcgNasError
from ecg_nas.evaluation.base import Candidate, Evaluation, Evaluator
from search_spaces import Architecture, nasbench201


class TableError(EcgNasError, ValueError):
    """A table is missing, damaged or not the one that was asked for."""


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


DATASETS: Mapping[str, TableColumns] = {
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

_EDGE_COLUMNS = [f"edge_ops_{edge}" for edge in range(len(nasbench201.EDGES))]
_CELLS = len(nasbench201.OPS) ** len(nasbench201.EDGES)


class TableEvaluator(Evaluator):
    """Answers from the compact NAS-Bench-201 table, by the exact cell.

    Twins (cells that compute the same) were trained apart and keep their own values.
    """

    def __init__(self, path: Path, dataset: str) -> None:
        """Read the table.

        Args:
            path: The compact table, a Parquet file.
            dataset: One of ``DATASETS``.

        Raises:
            TableError: If there is no such data set, or ``path`` is not a whole table.
        """
        if dataset not in DATASETS:
            raise TableError(f"the data set must be one of {', '.join(DATASETS)}; got {dataset!r}")
        columns = DATASETS[dataset]
        values = _read(path, [columns.searched, columns.test, columns.params_m, columns.train_s])
        self._scores, self._test, self._params_m, self._train_s = values
        self._dataset = dataset

    @property
    def metric(self) -> str:
        """What ``score`` is, in words."""
        return (
            f"NAS-Bench-201 {self._dataset} validation accuracy in % at 200 epochs, mean over seeds"
        )

    @property
    def optimum(self) -> float:
        """The best score in the table."""
        return float(self._scores.max())

    def __len__(self) -> int:
        return len(self._scores)

    @property
    def digest(self) -> str:
        """16 hex digits of the BLAKE2 hash of the scores: which version of the table it is."""
        values = np.ascontiguousarray(np.stack([self._scores, self._test]), dtype="<f8")
        return hashlib.blake2b(values.tobytes(), digest_size=8).hexdigest()

    def cells(self) -> tuple[list[Architecture], NDArray[np.float64]]:
        """Return every architecture of the table, and their scores in the same order."""
        return list(nasbench201.all_architectures()), self._scores.copy()

    @override
    def evaluate(self, candidates: Sequence[Candidate]) -> Iterator[Evaluation]:
        for candidate in candidates:
            if candidate.architecture.space != nasbench201.SPACE.name:
                raise TableError(
                    f"the table holds cells of {nasbench201.SPACE.name}; got an architecture of "
                    f"{candidate.architecture.space}"
                )
            row = nasbench201.to_index(candidate.architecture)
            metrics: dict[str, Any] = {
                "cell": row,
                "test_accuracy": float(self._test[row]),
                "params": round(float(self._params_m[row]) * 1e6),
                "train_s": float(self._train_s[row]),
            }
            yield Evaluation(slot=candidate.slot, score=float(self._scores[row]), metrics=metrics)


def _read(path: Path, columns: Sequence[str]) -> list[NDArray[np.float64]]:
    """Return ``columns`` of the table, each ordered by ``nasbench201.to_index``."""
    import pyarrow  # only benchmarks need it
    import pyarrow.parquet

    if not path.is_file():
        raise TableError(
            f"the benchmark's table must be a Parquet file; there is none at {path}: "
            "pass its place with --table"
        )
    try:
        table = pyarrow.parquet.read_table(path, columns=[*_EDGE_COLUMNS, *columns])
        edges = np.stack([table[name].to_numpy() for name in _EDGE_COLUMNS], axis=1)
        values = [table[name].to_numpy().astype(np.float64) for name in columns]
    except (pyarrow.ArrowException, OSError, KeyError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TableError(
            f"the benchmark's table must be a compact NAS-Bench-201 Parquet file; {path} cannot "
            f"be read as one ({reason:.120})"
        ) from error
    place = edges.astype(np.int64) @ len(nasbench201.OPS) ** np.arange(edges.shape[1])[::-1]
    whole = np.array_equal(np.sort(place), np.arange(_CELLS))
    if not whole or not all(np.isfinite(column).all() for column in values):
        raise TableError(
            f"the table must hold each of the {_CELLS} cells once, with finite values; {path} has "
            f"{len(place)} rows, {len(np.unique(place))} different cells"
        )
    order = np.argsort(place)
    return [column[order] for column in values]
