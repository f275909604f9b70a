"""A compact table before it is written."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ecg_nas.tables.description import TableFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class CompactTable:
    """One row a cell.

    Attributes:
        columns: Values by column, all of one length; NaN where nothing was measured.
        facts: What the values are.
    """

    columns: Mapping[str, NDArray[Any] | Sequence[str]]
    facts: TableFacts

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
        table = pyarrow.table(arrays).replace_schema_metadata(self.facts.to_metadata())
        part = out.with_name(f".{out.name}.{os.getpid()}.part")
        try:
            pyarrow.parquet.write_table(table, part)
            part.replace(out)
        finally:
            part.unlink(missing_ok=True)
