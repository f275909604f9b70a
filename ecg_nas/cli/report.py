"""``ecg-nas report``."""

from __future__ import annotations

from pathlib import Path

import click

from ecg_nas.cli._output import json_option, say, write_json

HEADING = "search"


@click.command()
@click.argument("run", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--out",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.html",
    help="The page to write.",
)
@json_option
def command(run: Path, out: Path, json_to: str | None) -> None:
    """Write the report of a run: one page that works offline and prints.

    A run that still searches has a report, too.

    \b
    Example:
      ecg-nas report runs/first --out first.html
    """
    from ecg_nas.report import run_page
    from ecg_nas.runs.checksums import rewriting

    own = [out.name] if out.resolve().parent == run.resolve() else []
    with rewriting(run, *own):
        run_page.write(run, out)
    say(f"{out}", json_to)
    write_json(json_to, {"run": str(run), "report": str(out)})
