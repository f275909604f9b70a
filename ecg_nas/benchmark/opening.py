"""Find the table that a comparison runs on, by its place or by the comparison's name."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from ecg_nas.benchmark import _code
from ecg_nas.errors import ConfigError
from ecg_nas.tables import published
from ecg_nas.tables.table_evaluator import TableEvaluator
from search_spaces import available


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRequest:
    """Which table is wanted, and which of its metrics.

    Attributes:
        name: The table's place; with ``file``, what the comparison is called.
        file: The table's place.
        metric: Name of one of its metrics; ``None`` for the only one, or that of the name.
    """

    name: str
    file: Path | None = None
    metric: str | None = None

    def open(self) -> OpenTable:
        """Return the table.

        Raises:
            ConfigError: If there is no such table, or a metric where the name says it.
            TableError: If the table cannot be read, or is not of that name.
        """
        if self.file is not None and self.metric is not None:
            raise ConfigError(
                f"--metric chooses where a table alone is given; got {self.metric!r} and the name "
                f"{self.name!r}, which says it: leave out one of them"
            )
        if self.file is None and not Path(self.name).exists():
            raise ConfigError(_no_table(self.name))
        named = self.file is not None
        file = Path(self.name) if self.file is None else self.file
        evaluator = _read(file, self.name if named else self.metric)
        searched = evaluator.searched
        source = Source(file=file, metric=searched.name)
        return OpenTable(name=searched.benchmark, source=source, evaluator=evaluator)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where scores come from; it can be sent to a process.

    Attributes:
        file: The table.
        metric: Name of the one of its metrics by which is searched.
    """

    file: Path
    metric: str

    def read(self) -> TableEvaluator:
        """Return the table's evaluator; a process reads a table once, not once a search.

        Raises:
            TableError: If the table cannot be read.
        """
        return _read(self.file, self.metric)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTable:
    """A table that is compared on.

    Attributes:
        name: What the comparison is called.
        source: Where the table is.
        evaluator: What answers from it.
    """

    name: str
    source: Source
    evaluator: TableEvaluator

    def about(self) -> dict[str, Any]:
        """Return all that results depend on of the table."""
        return {
            "benchmark": self.name,
            "metric": self.evaluator.metric,
            "table": self.evaluator.digest,
        }


def code(space: str, module: str) -> str:
    """Return a digest of the code that results come from.

    Args:
        space: Name of the search space.
        module: Of the method or predictor.
    """
    return _code.digest(module, f"search_spaces.{space}")


def _no_table(name: str) -> str:
    if name in published.NAMES:
        return f"{name} needs its table: pass the compact Parquet file with --table"
    if name in available():
        return (
            f"{name} needs its table: pass the file of `ecg-nas import-table` or that of "
            "`ecg-nas bench table` with --table"
        )
    return (
        f"the benchmark must be a table's file, or with --table one of "
        f"{', '.join(published.NAMES)} or a search space; got {name!r}"
    )


@lru_cache(maxsize=4)
def _read(file: Path, metric: str | None) -> TableEvaluator:
    return TableEvaluator(file, metric)
