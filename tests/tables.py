"""Small benchmark tables."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
from numpy.typing import ArrayLike, NDArray

from ecg_nas.benchmark.opening import TableRequest
from ecg_nas.benchmark.study import Execution
from ecg_nas.evaluation.base import Candidate, Evaluation
from ecg_nas.evaluation.landscape import SyntheticEvaluator
from ecg_nas.tables.table_evaluator import TableEvaluator
from ecg_nas.tables.trained_table import TrainedRow, TrainedTable
from search_spaces import Architecture, load, nasbench101


def compared(
    compare: Callable[..., Any], name: str, table: Path | None, **options: Any
) -> tuple[TableEvaluator, list[Any]]:
    """Call ``compare``, of searches or of predictors; return evaluator and results.

    Args:
        compare: The function.
        name: What the comparison is called.
        table: Its table.
        options: Those of ``compare``, and of the execution.
    """
    how = {k: options.pop(k) for k in ("workers", "out", "on_start", "on_run") if k in options}
    request = TableRequest(name=name, file=table)
    opened, results = compare(request, execution=Execution(**how), **options)
    return opened.evaluator, results


def write_nb101(
    path: Path,
    n_cells: int = 60,
    spoil: Callable[[dict[str, Any]], Any] | None = None,
    **columns: Any,
) -> tuple[Path, list[Architecture]]:
    """Write a table of the first different samples; cell ``i`` scores 90 + ``i / 100`` %.

    Returns:
        ``path``, and the cells of the table with some more behind.
    """
    rng = np.random.default_rng(0)
    cells = list(dict.fromkeys(load("nasbench101").sample(rng) for _ in range(4 * n_cells)))
    bits, ops = zip(*map(nasbench101.to_bits, cells[:n_cells]), strict=True)
    values = {
        "edge_bits": np.array(bits, np.uint32),
        "ops": list(ops),
        "params": np.arange(n_cells, dtype=np.int32) + 1000,
        "val_acc_108": (0.9 + np.arange(n_cells) / 10_000).astype("float32"),
        "train_s_108": np.ones(n_cells, "float32"),
        **columns,
    }
    if spoil is not None:
        spoil(values)
    pyarrow.parquet.write_table(pyarrow.table(values), path)
    return path, cells


def nb201_ops() -> NDArray[np.int64]:
    """Return the six operations of each NAS-Bench-201 cell, ``(15625, 6)``."""
    return np.stack(np.unravel_index(np.arange(15_625), (5,) * 6), axis=1)


def write_nb201(
    path: Path, columns: tuple[str, str], score: ArrayLike, test: ArrayLike | None = None
) -> Path:
    """Write a table of one data set.

    Args:
        path: Where.
        columns: What names of validation and of all other columns begin with.
        score: Validation accuracy of each cell.
        test: Test accuracy; ``None`` for the same.
    """
    ops, (searched, prefix) = nb201_ops(), columns
    values = {f"edge_ops_{edge}": ops[:, edge].astype("int8") for edge in range(6)}
    values[f"{searched}_val"] = np.asarray(score, "float32")
    values[f"{prefix}_test"] = np.asarray(score if test is None else test, "float32")
    for name in ("params_M", "train_s"):
        values[f"{prefix}_{name}"] = np.ones(len(ops), "float32")
    pyarrow.parquet.write_table(pyarrow.table(values), path)
    return path


SETTINGS = {"space": "ecg1d", "seed": 0, "device": "cpu", "engine": {"folds": "alone"}}
DATA = {"fingerprint": "f" * 16, "source": "synthetic", "split": "standard"}


class AsTrained(SyntheticEvaluator):
    """Says of its made-up scores what training says of its own; asked one by one, it counts."""

    def __init__(self, **options: float) -> None:
        super().__init__(load("ecg1d"), **options)
        self.asked: list[int] = []

    def evaluate(self, candidates: Sequence[Candidate]) -> Iterator[Evaluation]:
        for candidate in candidates:
            self.asked.append(candidate.slot)
            for found in super().evaluate([candidate]):
                metrics = {
                    "folds": [{"score": found.score, "patients": ["mine"]}],
                    "per_class": {"S": {"se": 1 / 3, "ppv": None, "f1": 0.4}},
                    "confusion": [[1]],
                    "params": 2_000 + candidate.slot,
                    "macs": 3_000,
                    "epochs": 6,
                    "device": "cpu",
                    "engine": {"folds": "alone"},
                }
                yield dataclasses.replace(found, metrics=metrics if found.score else {})


def write_ecg1d(path: Path, n_cells: int = 40) -> list[Architecture]:
    """Write a table of the first different samples, with made-up scores; return the samples."""
    rng = np.random.default_rng(0)
    cells = list(dict.fromkeys(load("ecg1d").sample(rng) for _ in range(2 * n_cells)))[:n_cells]
    candidates = [Candidate(slot=i, architecture=cell, seed=i) for i, cell in enumerate(cells)]
    rows = map(TrainedRow.of, candidates, AsTrained().evaluate(candidates))
    table = TrainedTable(settings=SETTINGS, data=DATA, versions=({"torch": "2"},), rows=tuple(rows))
    path.write_text(table.text(), encoding="utf-8")
    return cells
