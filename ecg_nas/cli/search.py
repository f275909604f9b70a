"""``ecg-nas search``: the main job."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from ecg_nas.cli._display import shown
from ecg_nas.cli._errors import Interrupted
from ecg_nas.cli._output import json_option, say, write_json
from ecg_nas.cli._settings import search_options

HEADING = "search"


@click.command()
@search_options
@click.option(
    "--method",
    metavar="NAME",
    help="The search method; a name that is none is answered with all. [dcl-enas]",
)
@click.option("--budget", type=int, help="Full trainings in all; may grow on an existing run.")
@click.option("--max-params", type=int, help="Most parameters of a network.")
@click.option("--max-macs", type=int, help="Most multiply-accumulates a beat.")
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
    from ecg_nas.pipeline.main_job import execute

    try:
        with shown(config.budget) as on_event:
            summary = execute(config, out, workers=workers, on_event=on_event)
    except KeyboardInterrupt as error:
        raise Interrupted("interrupted; the same command resumes the run") from error
    for line in _lines(summary):
        say(line, json_to)
    write_json(json_to, summary)


def _lines(summary: Mapping[str, Any]) -> list[str]:
    from ecg_nas.metrics.classification import score_of

    best, seconds = summary["best"], summary["seconds"]
    held_out = summary["held_out"]
    score, bounds = score_of(held_out), held_out["interval"]
    again = "undefined" if score is None else f"{score:.4f}"
    if score is not None and bounds is not None:
        again += f" (95 % over patients {bounds[0]:.3f}–{bounds[1]:.3f})"
    failures = f", {summary['failures']} failed" if summary["failures"] else ""
    mean = (
        f" (with later trainings {best['mean_score']:.4f})"
        if best["mean_score"] != best["score"]
        else ""
    )
    return [
        f"best: {best['key']}  fold score {best['score']:.4f}{mean}  {best['params']:,} "
        f"parameters, {best['macs']:,} multiply-accumulates a beat",
        f"full trainings: {summary['evaluations']}, {summary['evaluations_from_predictor']} of "
        f"them proposed by the predictor{failures}; {summary['confirmations']} more of the best",
        f"its folds trained once more: macro F1 {again}, temperature {held_out['temperature']:g}",
        f"seconds: search {seconds['search']:.0f} (predictor {seconds['predictor']:.0f}), "
        f"final training {seconds['final']:.0f}",
        f"bundle: {summary['bundle']}",
        f"report: {summary['report']}",
        "The fold score is of training patients and the best of many: it is optimistic.",
    ]
