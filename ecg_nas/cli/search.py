"""``ecg-nas search``: the main job."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from ecg_nas.cli.errors import Interrupted
from ecg_nas.cli.output import json_option, names, say, write_json
from ecg_nas.cli.progress import shown

_FILE = click.Path(exists=True, dir_okay=False)


@click.command()
@click.option(
    "--data",
    metavar="NAME|DIR",
    help="A source, a prepared store, or a folder of WFDB recordings. [synthetic]",
)
@click.option("--records", type=click.Path(), help="Folder of the source's recordings.")
@click.option("--split", metavar="NAME|FILE", help="A split of the source. [standard]")
@click.option("--labels", type=_FILE, help="TOML file that gives each beat symbol its class.")
@click.option("--patients", type=_FILE, help="CSV or TOML file that gives each record its patient.")
@click.option("--leads", metavar="A,B", callback=names, help="As for ecg-nas prepare.")
@click.option("--annotators", metavar="A,B", callback=names, help="As for ecg-nas prepare.")
@click.option("--space", help="The search space. [ecg1d]")
@click.option("--preset", metavar="NAME", help="quick, standard or full. [quick]")
@click.option("--method", help="dcl-enas, random or regularized-evolution. [dcl-enas]")
@click.option("--budget", type=int, help="Full trainings in all; may grow on an existing run.")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of everything random. [0]")
@click.option("--max-params", type=int, help="Most parameters of a network.")
@click.option("--max-macs", type=int, help="Most multiply-accumulates a beat.")
@click.option("--device", metavar="NAME", help="auto, cpu or cuda. [auto]")
@click.option("--workers", type=int, help="Processes that train; results do not depend on it.")
@click.option(
    "--config",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="TOML file with any of these settings and more; options win.",
)
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), metavar="RUN", help="The run's folder."
)
@json_option
def command(
    file: Path | None, workers: int | None, out: Path, json_to: str | None, **flags: Any
) -> None:
    """Search for the best network, train it, export it and report.

    Prepares the data if need be. The same command again resumes a run that was interrupted.
    Training patients only; `ecg-nas evaluate` reads the test patients.

    \b
    Example:
      ecg-nas search --data synthetic --preset quick --out runs/first
    """
    from ecg_nas.runs.config import resolve  # without torch: a wrong name is refused at once

    config = resolve(file=file, flags=flags)
    from ecg_nas.runs.execute import execute

    try:
        with shown(config.budget) as on_event:
            summary = execute(config, out, workers=workers, on_event=on_event)
    except KeyboardInterrupt as error:
        raise Interrupted("interrupted; the same command resumes the run") from error
    for line in _lines(summary):
        say(line, json_to)
    write_json(json_to, summary)


def _lines(summary: Mapping[str, Any]) -> list[str]:
    best, seconds = summary["best"], summary["seconds"]
    failures = f", {summary['failures']} failed" if summary["failures"] else ""
    return [
        f"best: {best['key']}  fold score {best['score']:.4f}  {best['params']:,} parameters, "
        f"{best['macs']:,} multiply-accumulates a beat",
        f"full trainings: {summary['evaluations']}, {summary['evaluations_from_predictor']} of "
        f"them proposed by the predictor{failures}",
        f"seconds: search {seconds['search']:.0f} (predictor {seconds['predictor']:.0f}), "
        f"final training {seconds['final']:.0f}",
        f"bundle: {summary['bundle']}",
        f"report: {summary['report']}",
        "The fold score is of training patients and the best of many: it is optimistic.",
    ]
