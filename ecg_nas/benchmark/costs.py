"""What the cells of a table cost to run: the second objective of a comparison."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecg_nas.errors import ConfigError, TableError
from ecg_nas.tables.table_evaluator import TableEvaluator

LATENCY = "latency:"


def read_costs(
    evaluator: TableEvaluator, cost: str, latency: Path | None = None
) -> NDArray[np.float64]:
    """Return the cost of every cell, in the order of ``evaluator.cells``.

    Args:
        evaluator: The table.
        cost: One that the table has, such as ``params``, or ``latency:DEVICE`` in milliseconds.
        latency: For a latency: NumPy archive with ``device (devices,)`` names and ``latency
            (rows, devices)``, its rows in the order of the table's file (those of HW-NAS-Bench
            and HELP: Li et al. 2021, Lee et al. 2021).

    Raises:
        ConfigError: If there is no such cost, or no file for it.
        TableError: If the file is not such an archive, or a cost of the table is not positive.
    """
    of_table = evaluator.costs
    if cost in of_table:
        if not (of_table[cost] > 0).all():
            raise TableError(f"the costs of a table must be positive; its {cost} is not everywhere")
        return of_table[cost]
    if not cost.startswith(LATENCY):
        names = " or ".join([*of_table, f"{LATENCY}DEVICE"])
        raise ConfigError(f"the cost must be {names}; got {cost!r}")
    if latency is None:
        raise ConfigError(f"the cost {cost} needs measured latencies: pass them with --latency")
    devices, measured = _read_latency(latency, len(evaluator))
    device = cost.removeprefix(LATENCY)
    if device not in devices:
        raise ConfigError(f"the device must be one of {', '.join(devices)}; got {device!r}")
    costs = np.empty(len(measured))
    costs[evaluator.rows] = measured[:, devices.index(device)]
    return costs


def digest(costs: NDArray[np.float64]) -> str:
    """Return 16 hex digits that tell versions of ``costs`` apart."""
    return hashlib.blake2b(np.ascontiguousarray(costs, "<f8").tobytes(), digest_size=8).hexdigest()


def _read_latency(file: Path, n_rows: int) -> tuple[list[str], NDArray[np.float64]]:
    try:
        with np.load(file, allow_pickle=False) as archive:
            devices = [str(name) for name in archive["device"]]
            measured = archive["latency"].astype(np.float64)
    except Exception as error:  # a damaged archive raises what its damage happens to break
        raise TableError(
            f"latencies must be a NumPy archive with device and latency; {file} cannot be read "
            f"as one ({error!s:.120})"
        ) from error
    if measured.shape != (n_rows, len(devices)) or not (measured > 0).all():
        raise TableError(
            f"latencies must be positive, one for each of {n_rows} rows and {len(devices)} "
            f"devices; {file} holds {measured.shape}"
        )
    return devices, measured
