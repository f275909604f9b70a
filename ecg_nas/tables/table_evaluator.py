"""Look up what a table of trained networks holds, instead of training."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from ecg_nas.errors import TableError
from ecg_nas.evaluation.base import Candidate, Evaluation, Evaluator
from ecg_nas.tables.content import PARAMS, Floats
from ecg_nas.tables.description import Metric, TableDescription
from ecg_nas.tables.reading import read_table
from search_spaces import Architecture, SearchSpace


class TableEvaluator(Evaluator):
    """Answers from a table of trained networks, by the exact architecture.

    Twins of NAS-Bench-201 (cells that compute the same) were trained apart and keep their own
    values. A search wants high scores, so values of which lower ones are better are negated; what
    is reported of them is turned back.
    """

    def __init__(self, path: Path, metric: str | None = None) -> None:
        """Read the table.

        Args:
            path: The table; see ``read_table``.
            metric: Name of one of its metrics, or of a comparison by it; ``None`` for the only
                one.

        Raises:
            TableError: If ``path`` is no table, or has no such metric.
        """
        self._table = read_table(path, metric)

    @property
    def description(self) -> TableDescription:
        """What the table says of itself."""
        return self._table.description

    @property
    def searched(self) -> Metric:
        """The metric that ``score`` is, or its negative."""
        return self._table.metric

    @property
    def space(self) -> SearchSpace:
        """Where to search: the space of the table, confined to its cells if they are not all."""
        return self._table.space

    @property
    def metric(self) -> str:
        """What ``score`` is, in words."""
        return self._table.metric.words

    @property
    def note(self) -> str | None:
        """What must be said with every result; ``None`` for a complete table.

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

    def cells(self) -> tuple[list[Architecture], Floats]:
        """Return every architecture of the table, and their scores in the same order."""
        return self._table.cells.all(), self._table.scores.copy()

    @property
    def costs(self) -> Mapping[str, Floats]:
        """What every cell costs to run, in the order of ``cells``, by the name of the cost."""
        return {name: values.copy() for name, values in self._table.costs.items()}

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
            return table.cells.place(arch)
        except KeyError:
            raise TableError(
                f"the cell must be one of the {len(table.scores)} measured ones; got "
                f"{arch.to_json()}"
            ) from None

    @override
    def evaluate(self, candidates: Sequence[Candidate]) -> Iterator[Evaluation]:
        """Look up; of ``params``, ``train_s`` and ``test_accuracy`` what the table has."""
        table = self._table
        for candidate in candidates:
            place = self.place(candidate.architecture)
            metrics: dict[str, Any] = {"cell": place}
            if PARAMS in table.costs:
                metrics[PARAMS] = int(table.costs[PARAMS][place])
            if table.train_s is not None:
                metrics["train_s"] = float(table.train_s[place])
            if table.test is not None:
                metrics["test_accuracy"] = float(table.test[place])
            yield Evaluation(slot=candidate.slot, score=float(table.scores[place]), metrics=metrics)
