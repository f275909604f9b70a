"""What the commands share that compare on a table and keep their runs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import click

from ecg_nas.cli._output import check_target, json_option, remark

_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.argument("name", metavar="TABLE|NAME"),
    click.option(
        "--table",
        type=click.Path(path_type=Path),
        help="The table, where the comparison is given by its name.",
    ),
    click.option(
        "--metric", metavar="NAME", help="By which of the table's metrics; not needed with one."
    ),
    click.option(
        "--workers", default=1, show_default=True, help="Processes; results do not depend on it."
    ),
    click.option(
        "--out",
        type=click.Path(file_okay=False, path_type=Path),
        help="Folder that keeps every run: only missing ones are run.",
    ),
    click.option(
        "--figure", callback=check_target, metavar="FILE.svg", help="Draw the comparison."
    ),
    json_option,
)


def study_options(command: Any) -> Any:
    """Add to a command the options of a comparison on a table."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


class Count:
    """Tells on standard error how far a comparison is."""

    def __init__(self, out: Path | None) -> None:
        self._out = out
        self._done = self._all = 0

    def start(self, kept: int, missing: int) -> None:
        """Take in how many runs there will be, and say how many are kept."""
        self._done, self._all = kept, kept + missing
        if kept:
            remark(f"{kept} of {self._all} runs are kept in {self._out}")

    def one_more(self, text: str) -> None:
        """Count a run, described by ``text``."""
        self._done += 1
        remark(f"{self._done}/{self._all}  {text}")


def notes_on_code(codes: Mapping[str, tuple[Collection[str], str]], out: Path | None) -> None:
    """Say of which kept runs the code has changed.

    Args:
        codes: By method or predictor, digests of the code that its runs were made with, and of
            the present one.
        out: Where the runs are kept.
    """
    for name, (made_with, present) in codes.items():
        if set(made_with) != {present}:
            remark(
                f"Note: kept runs of {name} were made before its code was changed; if that changed "
                f"what it does, delete its file in {out} and run again"
            )
