"""``ecg-nas runs``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from ecg_nas.cli._output import json_option, say, write_json

HEADING = "search"


@click.group()
def command() -> None:
    """Show what has been searched and trained.

    \b
    Example:
      ecg-nas runs list runs
    """


@command.command("list")
@click.argument("folder", metavar="[DIR]", default="runs", type=click.Path(path_type=Path))
@json_option
def list_command(folder: Path, json_to: str | None) -> None:
    """List the runs in DIR (by default, runs): state, trainings, best fold score, cost.

    \b
    Example:
      ecg-nas runs list runs
    """
    from ecg_nas.errors import RunError
    from ecg_nas.runs.listing import describe, find

    described: list[dict[str, Any]] = []
    for path in find(folder):
        try:
            run = describe(path)
        except RunError as error:  # one damaged run must not hide the others
            run = {"run": str(path), "state": "damaged", "failure": str(error)}
        described.append(run)
        say(_line(run), json_to)
    if not described:
        say(f"no runs in {folder}", json_to)
    write_json(json_to, {"runs": described})


@command.command("show")
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.option(
    "--top", type=click.IntRange(min=0), default=10, show_default=True, help="Candidates to list."
)
@click.option("--check", is_flag=True, help="Look through store and files: are they as written?")
@json_option
def show_command(run: Path, top: int, check: bool, json_to: str | None) -> None:
    """Show one run: its settings, state and best candidates.

    \b
    Example:
      ecg-nas runs show runs/first
    """
    from ecg_nas.runs.listing import check as check_run
    from ecg_nas.runs.listing import describe, ranking

    checked = check_run(run) if check else {}
    described = describe(run)
    candidates = ranking(run)
    data = described["data"]
    say(_line(described), json_to)
    say(
        f"{described['method']} over {described['space']}, seed {described['seed']}, on "
        f"{described['device']}; data {data['source']}, split {data['split']}, fingerprint "
        f"{data['fingerprint']}; begun {described['begun']}",
        json_to,
    )
    for candidate in candidates[:top]:
        say(_candidate(candidate), json_to)
    for name in ("bundle", "report"):
        if described[name]:
            say(f"{name}: {described[name]}", json_to)
    if check:
        rows = checked["rows_checked"]
        say("the store is of a format without digests: its rows cannot be checked; the search "
            "adds them when it goes on" if rows is None else f"the store is whole: {rows} rows",
            json_to)  # fmt: skip
        files = checked["files_checked"]
        say("the files have no digests: the search adds them when it is complete" if files is None
            else f"the files are whole: {files} files", json_to)  # fmt: skip
    write_json(json_to, {**described, "candidates": candidates, **checked})


def _line(run: Mapping[str, Any]) -> str:
    if run["state"] == "damaged":
        return f"{run['run']}  damaged: {run['failure']}"
    best = run["best"]
    done = f"{run['evaluations'] + run['failures']}/{run['budget']} trainings"
    failures = f" ({run['failures']} failed)" if run["failures"] else ""
    score = "no score yet" if best is None else f"best {best['score']:.4f} {_cost(best)}"
    return f"{run['run']}  {run['state']}  {done}{failures}  {score}"


def _candidate(candidate: Mapping[str, Any]) -> str:
    head = f"{candidate['slot']:>4}  {candidate['key']}  {candidate['origin']:<11}"
    if candidate["score"] is None:
        return f"{head}  failed: {candidate['failure']}"
    scores = " ".join(f"{score:.4f}" for score in (candidate["score"], *candidate["again"]))
    return f"{head}  {scores}  {_cost(candidate)}  {candidate['seconds']:.0f} s"


def _cost(described: Mapping[str, Any]) -> str:
    if described["params"] is None:
        return ""
    return f"{described['params']:,} parameters, {described['macs']:,} MACs"
