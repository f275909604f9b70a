"""Beats in a table, for who has no WFDB tools: ``RECORD.ANNOTATOR.csv``.

The first line names the columns, in any order and beside others: ``symbol`` (one character, as in
WFDB), and ``sample`` (counted from the recording's first) or ``time`` (seconds since then). Cells
are separated by ``,``, ``;`` or tab.
"""

from __future__ import annotations

import csv
import itertools
from array import array
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, TextIO

import numpy as np

from data_prep.errors import DataError
from data_prep.io.annotations import Annotations, refuse_crowd
from data_prep.io.limits import current, listed, quoted, refuse_above

_SYMBOL: Final = "symbol"
_SAMPLE: Final = "sample"
_TIME: Final = "time"


def read_table(file: Path, fs_hz: float) -> Annotations:
    """Read the annotations of a table, in the order of time.

    Args:
        file: The table.
        fs_hz: Sampling rate at which its ``sample`` counts; times are rounded to its samples.

    Raises:
        DataError: If it cannot be read, passes a limit, or a line has no position or no symbol.
    """
    places, marks = array("q"), array("i")
    try:
        refuse_above("table_bytes", file.stat().st_size, "bytes", f"the table of beats {file}")
        with file.open(encoding="utf-8-sig") as opened:
            for n, (sample, symbol) in enumerate(_rows(file, opened, fs_hz), start=1):
                refuse_above("annotations", n, "annotations", f"the table of beats {file}")
                places.append(sample)
                marks.append(ord(symbol))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"the table of beats {file} must be text that can be read: {error}") from (
            error
        )
    samples = np.array(places, dtype=np.int64)
    refuse_crowd(samples, f"the table of beats {file}")
    order = np.argsort(samples, kind="stable")
    return Annotations(
        samples=samples[order],
        symbols=np.array(marks, dtype="<i4").view("<U1")[order],
        subtypes=np.zeros(len(order), dtype=np.int64),
        aux=("",) * len(order),
        fs_hz=fs_hz,
    )


def _lines(file: Path, opened: TextIO) -> Iterator[str]:
    """Yield the lines, none longer than the limit."""
    longest = int(current().line_bytes)
    while line := opened.readline(longest + 1):
        refuse_above("line_bytes", len(line), "characters in a line", f"the table of beats {file}")
        yield line


def _rows(file: Path, opened: TextIO, fs_hz: float) -> Iterator[tuple[int, str]]:
    """Yield position and symbol of every line that is not blank."""
    lines = _lines(file, opened)
    first = next(lines, "")
    separator = max(",;\t", key=first.count)
    lines = itertools.chain([first], lines)
    # A quotation mark is a symbol of WFDB, too: cells are not quoted.
    table = csv.reader(lines, delimiter=separator, quoting=csv.QUOTE_NONE)
    names = [name.strip().strip("'\"").casefold() for name in next(table, [])]
    if _SYMBOL not in names or not {_SAMPLE, _TIME} & set(names):
        raise DataError(
            f"the table of beats {file} must name the columns symbol, and sample or time (seconds) "
            f"in its first line; it names {listed(names) or 'none'}"
        )
    for number, cells in enumerate(table, start=2):
        if not any(cell.strip() for cell in cells):
            continue
        line = dict(zip(names, (cell.strip() for cell in cells), strict=False))
        position, symbol = _position(line, fs_hz), line.get(_SYMBOL, "")
        if position is None or len(symbol) != 1:
            raise DataError(
                f"line {number} of {file} must give a position from 0 on and a symbol of one "
                f"character, as in N; got {quoted(separator.join(cells))}"
            )
        yield position, symbol


def _position(line: Mapping[str, str], fs_hz: float) -> int | None:
    """Return the sample, or ``None`` where there is none; a decimal comma may stand in times."""
    counted = line.get(_SAMPLE, "")
    if len(counted or line.get(_TIME, "")) > current().number_characters:
        return None
    try:
        at = float(counted) if counted else float(line[_TIME].replace(",", ".")) * fs_hz
    except (KeyError, ValueError):
        return None
    if not 0 <= at <= current().positions or (counted and at != int(at)):
        return None
    return round(at)
