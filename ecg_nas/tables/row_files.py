"""Files with one architecture a row: CSV and JSON, as people write them."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecg_nas.errors import TableError

_REMARK = "#"
_DELIMITERS = ",;\t"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFile:
    """What such a file holds.

    Attributes:
        header: What it says of itself, by name.
        rows: Values by column; texts in a CSV file, JSON values in a JSON file.
        places: Where each row is, for messages.
    """

    header: Mapping[str, Any]
    rows: Sequence[Mapping[str, Any]]
    places: Sequence[str]

    @property
    def columns(self) -> list[str]:
        """The columns of all rows, in the order in which they appear."""
        return list(dict.fromkeys(name for row in self.rows for name in row))


def read_rows(path: Path) -> RowFile:
    """Return the rows of ``path``.

    A CSV file has a line of names above the rows and may begin with lines such as ``# unit: %``,
    its header. A JSON file is a list of objects, or an object with that list under
    ``architectures`` and its header beside it.

    Raises:
        TableError: If it is neither, or has no rows.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        file = _json(text) if text.lstrip()[:1] in ("{", "[") else _csv(text)
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise TableError(
            "the file must be CSV with a line of names, or JSON with a list of architectures; "
            f"{path} cannot be read as one ({reason.splitlines()[0]:.120})"
        ) from error
    if not file.rows:
        raise TableError(f"the file must hold architectures, one a row; {path} has none")
    return file


def _json(text: str) -> RowFile:
    content = json.loads(text)
    header = {} if isinstance(content, list) else dict(content)
    rows = content if isinstance(content, list) else header.pop("architectures")
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise ValueError("its architectures are not a list of objects")
    places = [f"architecture {number}" for number in range(1, len(rows) + 1)]
    return RowFile(header=header, rows=rows, places=places)


def _csv(text: str) -> RowFile:
    lines = text.splitlines(keepends=True)
    n_remarks = next(
        (i for i, line in enumerate(lines) if not line.startswith(_REMARK)), len(lines)
    )
    header = {}
    for line in lines[:n_remarks]:
        name, _, value = line.removeprefix(_REMARK).partition(":")
        header[name.strip()] = value.strip()
    if n_remarks == len(lines):
        raise ValueError("it has no line of names")
    delimiter = max(_DELIMITERS, key=lines[n_remarks].count)
    reader = csv.DictReader(lines[n_remarks:], delimiter=delimiter, strict=True)
    names = reader.fieldnames or []
    if len(set(names)) < len(names) or not all(names):
        raise ValueError(f"its columns must have different names; they are {', '.join(names)}")
    rows, places = [], []
    for row in reader:
        place = f"line {n_remarks + reader.line_num}"
        if None in row or None in row.values():
            raise ValueError(f"{place} does not have the {len(names)} values of the line of names")
        rows.append(row)
        places.append(place)
    return RowFile(header=header, rows=rows, places=places)
