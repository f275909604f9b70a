"""The record of who looked at test patients.

It lies with the data, so that copying a bundle hides nothing. Of a store in the cache it lies in
the cache under the data set's fingerprint: recordings that are moved get a store of another name.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from data_prep import writing
from data_prep.errors import DataError
from data_prep.sources.base import cache_folder

FILE = "test_openings.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """One look at the test patients of a data set.

    Attributes:
        time: When, ISO 8601 in UTC.
        model: SHA-256 of the model.
        architecture: Key of its architecture.
        run: What names the search that it came from: its data, method and seed.
        fingerprint: Fingerprint of the data set.
    """

    time: str
    model: str
    architecture: str
    run: str
    fingerprint: str


def add(folder: Path, opening: Opening) -> list[Opening]:
    """Note ``opening`` with the data set in ``folder``; return all there were, this one last.

    It is noted before any test beat is read: an evaluation that fails has looked, too.

    Raises:
        DataError: If it cannot be noted, or the notes are damaged.
    """
    places = _places(folder, opening.fingerprint)
    earlier = [opening for place in places for opening in read(place)]
    path = places[-1] / FILE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        writing.append_line(path, json.dumps(asdict(opening)))
    except OSError as error:
        if writing.is_full(error):
            raise DataError(writing.not_written(path, error)) from error
        raise DataError(
            f"an evaluation on test patients must be noted in {path}, which cannot be written "
            f"({error.strerror}); copy the data set to a folder that can"
        ) from error
    return [*earlier, opening]


def read(folder: Path) -> list[Opening]:
    """Return the openings noted in ``folder``, oldest first.

    Raises:
        DataError: If a line is not one.
    """
    path = folder / FILE
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} must be readable text: {error}") from error
    return [_parse(line, path, number) for number, line in enumerate(lines, 1)]


def _places(folder: Path, fingerprint: str) -> list[Path]:
    """Return the folders where openings of a data set may be noted; new ones go to the last."""
    cache = cache_folder()
    if cache.resolve() not in folder.resolve().parents:
        return [folder]
    return [folder, cache / "openings" / fingerprint]


def _parse(line: str, path: Path, number: int) -> Opening:
    try:
        values: dict[str, Any] = json.loads(line)
        return Opening(**values)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{path} must hold one opening a line, as evaluate writes them; line {number} is "
            f"damaged ({error}): restore the file"
        ) from error
