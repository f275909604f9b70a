"""Runs kept on disk, so that a later benchmark adds to them instead of starting again.

A file holds the runs of one method (or predictor) on one benchmark, each on a line of its own::

    {"format": 1,
     "about": {"benchmark": …, "method": …, "table": …, "settings": {…}},
     "runs": {"100": {"0": {…}, "1": {…}}}}

``about`` is all that the runs depend on besides their size (budget or number of labels) and seed.
Runs with another ``about`` are refused, never mixed. A run of one size does not serve another:
a method may plan with its budget.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from data_prep.locks import take_lock
from ecg_nas.errors import RunError
from ecg_nas.files import write_text
from ecg_nas.settings import differing

FORMAT = 1

Runs = dict[int, dict[int, Any]]
"""JSON-able runs by size, then seed."""


class CachedRuns:
    """The runs in one file; several processes may add to it at once."""

    def __init__(self, file: Path, about: Mapping[str, Any]) -> None:
        """Read what ``file`` holds; it need not exist.

        Args:
            file: Where the runs are, or will be, kept.
            about: JSON-able; what they depend on besides size and seed.

        Raises:
            RunError: If the file cannot be read or written, or holds runs with another ``about``.
        """
        place = next(path for path in file.absolute().parents if path.exists())
        if not place.is_dir() or not os.access(place, os.W_OK):
            raise _unwritable(place)  # at once, not after the first hour's run
        self._file = file
        self._about = about
        self._runs = self._read()

    @property
    def file(self) -> Path:
        """Where the runs are kept."""
        return self._file

    def get(self, size: int, seed: int) -> Any:
        """Return the run of this size and seed; ``None`` if it is missing."""
        return self._runs.get(size, {}).get(seed)

    def add(self, size: int, seed: int, run: Any) -> None:
        """Put a run into the file, beside what other processes added meanwhile.

        Raises:
            RunError: If the file cannot be written.
        """
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(self._file.parent) from error
        with alone_in(self._file.parent):
            self._runs = self._read()
            self._runs.setdefault(size, {})[seed] = run
            write_text(self._file, self._text())

    def _read(self) -> Runs:
        try:
            content = json.loads(self._file.read_text(encoding="utf-8"))
            if content["format"] != FORMAT:
                raise ValueError(f"its format is {content['format']!r}, not {FORMAT}")
            about = dict(content["about"])
            runs = {
                int(size): {int(seed): run for seed, run in by_seed.items()}
                for size, by_seed in content["runs"].items()
            }
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise self.unreadable(error) from error
        if changed := differing(about, self._about):
            raise RunError(
                f"the runs in {self._file} must have been made with the present settings; "
                f"{'; '.join(changed)}: delete it to make them again, or choose another --out"
            )
        return runs

    def unreadable(self, reason: object) -> RunError:
        """Return the error to raise when what the file holds cannot be understood."""
        return RunError(
            f"{self._file} must hold the kept runs of a benchmark ({reason!s:.120}): restore "
            "it from a copy or delete it"
        )

    def _text(self) -> str:
        about = json.dumps(self._about, indent=1, ensure_ascii=False).replace("\n", "\n ")
        sizes = ",\n  ".join(_sizes(self._runs))
        return f'{{\n "format": {FORMAT},\n "about": {about},\n "runs": {{\n  {sizes}\n }}\n}}\n'


def _sizes(runs: Runs) -> Iterator[str]:
    for size, by_seed in sorted(runs.items()):
        lines = ",\n   ".join(
            f'"{seed}": {json.dumps(run, separators=(",", ":"), allow_nan=False)}'
            for seed, run in sorted(by_seed.items())
        )
        yield f'"{size}": {{\n   {lines}\n  }}'


def _unwritable(folder: Path) -> RunError:
    return RunError(f"{folder} must be a folder that can be written: choose another --out")


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Wait until no other process is in here; a killed one leaves nothing behind."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        take_lock(handle, wait=True)
        yield
    finally:
        os.close(handle)
