"""Small benchmark tables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet

from search_spaces import Architecture, load, nasbench101


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
