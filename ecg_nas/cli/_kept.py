"""What the commands share that keep their runs."""

from __future__ import annotations

from pathlib import Path

import click

from ecg_nas.cli._output import check_target, remark

out_option = click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder that keeps every run: only missing ones are run.",
)


figure_option = click.option(
    "--figure",
    callback=check_target,
    metavar="FILE.svg",
    help="Draw the comparison.",
)


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


def other_code(name: str, out: Path | None) -> str:
    """Return what to say when kept runs of ``name`` were made with other code than the present."""
    return (
        f"kept runs of {name} were made before its code was changed; if that changed what it "
        f"does, delete its file in {out} and run again"
    )
