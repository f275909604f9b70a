"""Beats in a table, for who has no WFDB tools: ``RECORD.ANNOTATOR.csv``.

The first line names the columns, in any order and beside others: ``symbol`` (one character, as in
WFDB), and ``sample`` (counted from the recording's first) or ``time`` (seconds since then). Cells
are separated by ``,``, ``;`` or tab.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import numpy as np

from data_prep.errors import DataError
from data_prep.io.annotations import Annotations

_SYMBOL: Final = "symbol"
_SAMPLE: Final = "sample"
_TIME: Final = "time"


def read_table(file: Path, fs_hz: float) -> Annotations:
    """Read the annotations of a table, in the order of time.

    Args:
        file: The table.
        fs_hz: Sampling rate at which its ``sample`` counts; times are rounded to its samples.

    Raises:
        DataError: If it cannot be read, or a line has no position or no symbol.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"the table of beats {file} must be text that can be read: {error}") from (
            error
        )
    rows = sorted(_rows(file, text, fs_hz), key=lambda row: row[0])
    return Annotations(
        samples=np.array([sample for sample, _ in rows], dtype=np.int64),
        symbols=np.array([symbol for _, symbol in rows], dtype="<U1"),
        subtypes=np.zeros(len(rows), dtype=np.int64),
        aux=("",) * len(rows),
        fs_hz=fs_hz,
    )


def _rows(file: Path, text: str, fs_hz: float) -> Iterator[tuple[int, str]]:
    """Yield position and symbol of every line that is not blank."""
    lines = text.splitlines()
    separator = max(",;\t", key=lines[0].count) if lines else ","
    # A quotation mark is a symbol of WFDB, too: cells are not quoted.
    table = csv.reader(lines, delimiter=separator, quoting=csv.QUOTE_NONE)
    names = [name.strip().strip("'\"").casefold() for name in next(table, [])]
    if _SYMBOL not in names or not {_SAMPLE, _TIME} & set(names):
        raise DataError(
            f"the table of beats {file} must name the columns symbol, and sample or time (seconds) "
            f"in its first line; it names {', '.join(names) or 'none'}"
        )
    for number, cells in enumerate(table, start=2):
        if not any(cell.strip() for cell in cells):
            continue
        line = dict(zip(names, (cell.strip() for cell in cells), strict=False))
        position, symbol = _position(line, fs_hz), line.get(_SYMBOL, "")
        if position is None or len(symbol) != 1:
            raise DataError(
                f"line {number} of {file} must give a position from 0 on and a symbol of one "
                f"character, as in N; got {separator.join(cells)[:60]!r}"
            )
        yield position, symbol


def _position(line: Mapping[str, str], fs_hz: float) -> int | None:
    """Return the sample, or ``None`` where there is none; a decimal comma may stand in times."""
    counted = line.get(_SAMPLE, "")
    try:
        at = float(counted) if counted else float(line[_TIME].replace(",", ".")) * fs_hz
    except (KeyError, ValueError):
        return None
    if not math.isfinite(at) or at < 0 or (counted and at != int(at)):
        return None
    return round(at)
