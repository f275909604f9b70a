"""Whose recording each record is, where its name does not say so."""

from __future__ import annotations

import csv
import tomllib
from collections import Counter
from pathlib import Path

from data_prep.errors import DataError
from data_prep.io.limits import refuse_above


def read_patients(path: Path) -> dict[str, str]:
    """Read a table of patients: CSV with the columns ``record,patient``, or TOML.

    In TOML, one line a record, as in ``"rec1" = "patient1"``, alone or under ``[patients]``.

    Raises:
        DataError: If it cannot be read, or names a record twice.
    """
    try:
        refuse_above("table_bytes", path.stat().st_size, "bytes", f"the table of patients {path}")
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix.lower() == ".toml":
            table = tomllib.loads(text)
            table = table.get("patients", table)
            if not all(isinstance(patient, str | int) for patient in table.values()):
                raise ValueError("a patient must be a text or a whole number")
            rows = [(str(record), str(patient)) for record, patient in table.items()]
        else:
            lines = list(csv.DictReader(text.splitlines()))
            rows = [(line["record"].strip(), line["patient"].strip()) for line in lines]
    except (OSError, ValueError, KeyError, AttributeError, csv.Error) as error:
        raise DataError(
            f"the table of patients {path} must be CSV with columns record,patient, or TOML: "
            f"{error}"
        ) from error
    twice = sorted(name for name, count in Counter(name for name, _ in rows).items() if count > 1)
    if twice or not rows or not all(record and patient for record, patient in rows):
        raise DataError(
            f"the table of patients {path} must give each record one patient; "
            + (f"twice: {', '.join(twice)}" if twice else "a name is missing")
        )
    return dict(rows)
