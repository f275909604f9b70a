"""Read a table of trained networks, of whatever kind its file is."""

from __future__ import annotations

from pathlib import Path

from ecg_nas.errors import TableError
from ecg_nas.tables import parquet, trained_table
from ecg_nas.tables.content import TableContent


def read_table(path: Path, metric: str | None = None) -> TableContent:
    """Return what ``path`` holds.

    Args:
        path: A Parquet file of ``import-table``, or a JSON file of ``bench table``.
        metric: Name of one of its metrics, or of a comparison by it; ``None`` for the only one.

    Raises:
        TableError: If ``path`` is no table, or has no such metric.
    """
    if not path.exists():
        raise TableError(
            "the table must be a Parquet file that `ecg-nas import-table` wrote or a JSON file "
            f"that `ecg-nas bench table` wrote; there is none at {path}: pass the right place with "
            "--table"
        )
    try:
        with path.open("rb") as file:
            is_parquet = file.read(len(parquet.MAGIC)) == parquet.MAGIC
    except OSError as error:
        raise TableError(
            f"the table must be a Parquet or JSON file; {path} cannot be read as one "
            f"({error.strerror or error})"
        ) from error
    return (parquet.read if is_parquet else trained_table.read_trained)(path, metric)
