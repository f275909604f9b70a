"""The official TFRecord files of NAS-Bench-101: all budgets, or 108 epochs only.

References:
    Ying et al. 2019, NAS-Bench-101, arXiv:1902.09635.
"""

from __future__ import annotations

import base64
import json
import math
import re
import struct
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecg_nas.errors import TableError
from ecg_nas.tables import published
from ecg_nas.tables.parquet import CompactTable
from search_spaces import nasbench101

_RUNS = 3  # of each cell at each budget
_BUDGETS = (4, 12, 36, 108)
_OPS = {"conv3x3-bn-relu": "0", "conv1x1-bn-relu": "1", "maxpool3x3": "2"}
_HASH = re.compile("[0-9a-f]{32}")

# Fields of the messages ModelMetrics and EvaluationData.
_EVALUATION_DATA, _TRAINABLE_PARAMETERS = 1, 2
_TRAINING_TIME, _VALIDATION_ACCURACY, _TEST_ACCURACY = 2, 4, 5


@dataclass(slots=True, kw_only=True)
class _Measured:
    """What has been read: cells by their hash, and runs, in the order of the file."""

    rows: dict[str, int] = field(default_factory=dict)
    cells: list[tuple[int, int, str, int]] = field(default_factory=list)
    row: array[int] = field(default_factory=lambda: array("I"))
    budget: array[int] = field(default_factory=lambda: array("B"))
    validation: array[float] = field(default_factory=lambda: array("d"))
    test: array[float] = field(default_factory=lambda: array("d"))
    train_s: array[float] = field(default_factory=lambda: array("d"))

    def add(self, record: bytes) -> None:
        """Take in one training.

        Raises:
            ValueError: If ``record`` is not one of this benchmark; also ``KeyError``,
                ``TypeError``, ``struct.error`` and ``IndexError``.
        """
        key, budget, adjacency, operations, encoded = json.loads(record)
        metrics = _fields(base64.b64decode(encoded))
        if budget not in _BUDGETS or not _HASH.fullmatch(key):
            raise ValueError(f"hash {key!r:.40}, {budget!r:.10} epochs")
        if key not in self.rows:
            self.rows[key] = len(self.cells)
            self.cells.append((*_cell(adjacency, operations), *metrics[_TRAINABLE_PARAMETERS]))
        _, _, end = metrics[_EVALUATION_DATA]  # at the start, half-way and at the end of training
        figures = _fields(end)
        [validation], [test] = figures[_VALIDATION_ACCURACY], figures[_TEST_ACCURACY]
        [train_s] = figures[_TRAINING_TIME]
        if not (0 <= validation <= 1 and 0 <= test <= 1 and 0 <= train_s < math.inf):
            raise ValueError(f"accuracies {validation}, {test}, {train_s} s")
        self.row.append(self.rows[key])
        self.budget.append(budget)
        self.validation.append(validation)
        self.test.append(test)
        self.train_s.append(train_s)


def read(records: Iterable[bytes], where: str) -> CompactTable:
    """Return the compact table: for each cell and budget the means over its runs.

    Columns: ``hash``, ``n_vertices``, ``edge_bits``, ``ops``, ``params``, ``n_runs`` (at the
    largest budget), for each budget ``val_acc_E``, ``test_acc_E`` (means, 0..1) and ``train_s_E``
    (mean, seconds), and the single runs ``val_acc_108_runs_K``. Rows are sorted by hash.

    Args:
        records: The data of the file's records.
        where: Names the file in errors.

    Raises:
        TableError: If a record is not one of NAS-Bench-101, or there is none.
    """
    measured = _Measured()
    for number, record in enumerate(records, 1):
        try:
            measured.add(record)
        except (ValueError, KeyError, TypeError, IndexError, struct.error) as error:
            raise TableError(
                "a record of NAS-Bench-101 must be a JSON list of hash, epochs, adjacency, "
                f"operations and metrics; record {number} of {where} is not "
                f"({type(error).__name__}: {error!s:.80})"
            ) from error
    if not measured.cells:
        raise TableError(f"the file must hold records of NAS-Bench-101; {where} has none")
    return _compact(measured)


def _compact(measured: _Measured) -> CompactTable:
    hashes = list(measured.rows)
    order = sorted(range(len(hashes)), key=hashes.__getitem__)
    vertices, bits, ops, params = zip(*(measured.cells[row] for row in order), strict=True)
    columns: dict[str, Any] = {
        "hash": [hashes[row] for row in order],
        "n_vertices": np.array(vertices, dtype=np.int8),
        "edge_bits": np.array(bits, dtype=np.uint32),
        "ops": list(ops),
        "params": np.array(params, dtype=np.int32),
    }
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    row = place[np.frombuffer(measured.row, dtype=np.uint32)]
    budget = np.frombuffer(measured.budget, dtype=np.uint8)
    counts = []
    for epochs in np.unique(budget):
        chosen = budget == epochs
        n_runs = np.bincount(row[chosen], minlength=len(order))
        counts.append(n_runs)
        columns["n_runs"] = n_runs.astype(np.int8)  # the largest budget comes last
        for name, values in (
            ("val_acc", measured.validation),
            ("test_acc", measured.test),
            ("train_s", measured.train_s),
        ):
            runs = np.frombuffer(values)[chosen]
            columns[f"{name}_{epochs}"] = _means(runs, row[chosen], n_runs)
    chosen = budget == _BUDGETS[-1]
    columns |= _single_runs(np.frombuffer(measured.validation)[chosen], row[chosen], len(order))
    runs_range = (int(np.min(counts)), int(np.max(counts)))
    final = columns[published.N_RUNS]
    description = published.describe_101(
        columns,
        complete=len(order) == nasbench101.N_CELLS and runs_range == (_RUNS, _RUNS),
        final_runs=(int(final.min()), int(final.max())),
        runs=runs_range,
        source="NAS-Bench-101 TFRecord",
    )
    return CompactTable(columns=columns, description=description)


def _means(
    values: NDArray[np.float64], row: NDArray[np.int64], n_runs: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return the mean of the values of each row, NaN where there are none."""
    sums = np.bincount(row, weights=values, minlength=len(n_runs))
    with np.errstate(invalid="ignore"):
        return (sums / n_runs).astype(np.float32)


def _single_runs(
    values: NDArray[np.float64], row: NDArray[np.int64], n_rows: int
) -> dict[str, NDArray[np.float32]]:
    """Return the first, second and third value of each row, in the order of the file."""
    order = np.argsort(row, kind="stable")
    starts = np.searchsorted(row[order], np.arange(n_rows))
    nth = np.arange(len(order)) - starts[row[order]]
    runs = np.full((_RUNS, n_rows), np.nan, dtype=np.float32)
    kept = nth < _RUNS
    runs[nth[kept], row[order][kept]] = values[order][kept]
    return {f"val_acc_{_BUDGETS[-1]}_runs_{k}": run for k, run in enumerate(runs)}


def _cell(adjacency: str, operations: str) -> tuple[int, int, str]:
    """Return vertices, edges and inner operations of a cell as the compact table has them.

    Edges: the upper triangle of the adjacency matrix row by row, the first one the lowest bit.
    """
    first, *inner, last = operations.split(",")
    n_vertices = len(inner) + 2
    if (first, last) != ("input", "output") or not 2 <= n_vertices <= 7:
        raise ValueError(f"operations {operations!r:.60}")
    if len(adjacency) != n_vertices**2 or not set(adjacency) <= {"0", "1"}:
        raise ValueError(f"adjacency {adjacency!r:.60}")
    upper = [a * n_vertices + b for a in range(n_vertices) for b in range(a + 1, n_vertices)]
    bits = sum(1 << bit for bit, place in enumerate(upper) if adjacency[place] == "1")
    if bits.bit_count() != adjacency.count("1"):
        raise ValueError(f"adjacency {adjacency!r:.60}, not upper triangular")
    return n_vertices, bits, "".join(_OPS[op] for op in inner)


def _fields(message: bytes) -> Mapping[int, list[Any]]:
    """Return the values of a protocol buffers message by field number.

    References:
        Protocol Buffers, Encoding, https://protobuf.dev/programming-guides/encoding/.
    """
    fields: dict[int, list[Any]] = {}
    for number, value in _wire(message):
        fields.setdefault(number, []).append(value)
    return fields


def _wire(message: bytes) -> Iterator[tuple[int, Any]]:
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        match tag & 7:
            case 0:
                value, position = _varint(message, position)
                yield tag >> 3, value
            case 1:
                yield tag >> 3, struct.unpack_from("<d", message, position)[0]
                position += 8
            case 2:
                length, position = _varint(message, position)
                if position + length > len(message):
                    raise ValueError("metrics are cut off")
                yield tag >> 3, message[position : position + length]
                position += length
            case 5:
                position += 4  # no field that we read has 32 bits
            case kind:
                raise ValueError(f"metrics have wire type {kind}")


def _varint(message: bytes, position: int) -> tuple[int, int]:
    """Return the number at ``position``, seven bits a byte, and where the next one starts."""
    value = shift = 0
    while True:
        byte = message[position]
        value |= (byte & 0x7F) << shift
        position += 1
        if byte < 0x80:
            return value, position
        shift += 7
