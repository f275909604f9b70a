"""Tables as Parquet files, which keep their description in the metadata of their schema."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecg_nas.errors import TableError
from ecg_nas.files import whole
from ecg_nas.tables import published
from ecg_nas.tables.content import TableContent, assemble
from ecg_nas.tables.description import TableDescription
from ecg_nas.tables.forms import form_of

MAGIC = b"PAR1"
"""What such a file begins with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompactTable:
    """A table before it is written, one row an architecture.

    Attributes:
        columns: Values by column, all of one length; NaN where nothing was measured.
        description: What the values are.
    """

    columns: Mapping[str, NDArray[Any] | Sequence[str]]
    description: TableDescription

    @property
    def n_cells(self) -> int:
        """Number of rows."""
        return len(next(iter(self.columns.values())))

    def write(self, out: Path) -> None:
        """Write the Parquet file ``out``, which appears whole or not at all."""
        import pyarrow  # only benchmarks need it
        import pyarrow.parquet

        # from_pandas: NaN becomes null, as in the tables that others make.
        arrays = {
            name: pyarrow.array(values, from_pandas=True) for name, values in self.columns.items()
        }
        table = pyarrow.table(arrays).replace_schema_metadata(self.description.to_metadata())
        with whole(out) as part:
            pyarrow.parquet.write_table(table, part)

    def summary(self) -> dict[str, Any]:
        """Return what it is as JSON-able values.

        Returns:
            ``benchmark`` (its search space), ``source``, ``cells``, ``complete``, ``runs`` (fewest
            and most trainings that a value is the mean of; ``None`` if unknown), ``columns``.
        """
        runs = self.description.runs
        return {
            "benchmark": self.description.space,
            "source": self.description.source,
            "cells": self.n_cells,
            "complete": self.description.complete,
            "runs": None if runs is None else list(runs),
            "columns": list(self.columns),
        }


def read(path: Path, metric: str | None) -> TableContent:
    """Return the content of a Parquet file.

    Args:
        path: The file.
        metric: Name of a metric, or of a comparison by it; ``None`` for the only one.

    Raises:
        TableError: If it is no such table, or not as complete as it says, or has no such metric.
    """
    import pyarrow

    try:
        description = _description(path)
        chosen = description.metric(metric, str(path))
        form = form_of(description)
        test = () if chosen.test is None else (chosen.test,)
        numbers = (column.name for column in (*chosen.needed, *test))
        columns = _columns(path, (*form.columns, *numbers))
        keys = form.keys(columns)
    except TableError:
        raise
    except (pyarrow.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TableError(
            "the table must be a Parquet file that `ecg-nas import-table` wrote, or one like it; "
            f"{path} cannot be read as one ({reason:.120})"
        ) from error
    return assemble(description, chosen, form=form, keys=keys, columns=columns, where=str(path))


def _description(path: Path) -> TableDescription:
    import pyarrow.parquet

    schema = pyarrow.parquet.read_schema(path)
    stored = TableDescription.from_metadata(schema.metadata)
    if stored is not None:
        return stored
    names = set(schema.names)
    # A file of before tables described themselves, which kept no more than this.
    part = (schema.metadata or {}).get(b"ecg_nas.complete") == b"false"
    if names.issuperset(published.EDGE_OPS):
        return published.describe_201(names, complete=not part)
    if names.issuperset(published.EDGE_BITS):
        runs = _columns(path, names & {published.N_RUNS}).get(published.N_RUNS, np.ones(1))
        return published.describe_101(
            names, complete=False, final_runs=(int(runs.min()), int(runs.max()))
        )
    raise ValueError("it does not describe itself, and its columns are those of no known table")


def _columns(path: Path, names: Iterable[str]) -> dict[str, NDArray[Any]]:
    import pyarrow.parquet

    wanted = list(dict.fromkeys(names))
    table = pyarrow.parquet.read_table(path, columns=wanted)
    return {name: table[name].to_numpy() for name in wanted}
