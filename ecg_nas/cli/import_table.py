"""``ecg-nas import-table``: a table that describes itself, from official files or from rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from ecg_nas.cli._display import counted
from ecg_nas.cli._output import check_target, json_option, names, say, write_json

HEADING = "research"


@click.command()
@click.argument("file", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--out",
    required=True,
    metavar="TABLE",
    callback=check_target,
    help="The table to write, a Parquet file.",
)
@click.option("--space", metavar="NAME", help="FILE is CSV or JSON with architectures of this.")
@click.option("--name", help="What comparisons on the table are called. [the space's name]")
@click.option(
    "--scores",
    callback=names,
    metavar="COLUMN,…",
    help="Columns by which can be searched. [score]",
)
@click.option("--metric", metavar="TEXT", help="What the score is, in words. [its column]")
@click.option("--unit", help="Of the scores.")
@click.option(
    "--direction", type=click.Choice(["higher", "lower"]), help="Which scores are better. [higher]"
)
@click.option("--test", metavar="COLUMN", help="Test scores, reported only. [test, if there]")
@click.option("--params", metavar="COLUMN", help="Parameters. [params, if there]")
@click.option("--costs", callback=names, metavar="COLUMN,…", help="Further costs of a network.")
@click.option("--seconds", metavar="COLUMN", help="Of each training. [seconds, if there]")
@click.option("--runs", type=click.IntRange(min=1), help="Trainings that a value is the mean of.")
@click.option("--epochs", type=click.IntRange(min=1), help="Of each training.")
@click.option("--source", metavar="TEXT", help="Where the values come from. [FILE's name]")
@json_option
def command(file: Path, out: str, space: str | None, json_to: str | None, **rows: Any) -> None:
    """Turn trained networks into the table that benchmark reads.

    Without --space, FILE is one that the authors of a benchmark publish:
    nasbench_only108.tfrecord or nasbench_full.tfrecord (NAS-Bench-101),
    NATS-tss-v1_0-3ffb9-simple.tar or the folder it unpacks to (NATS-Bench), or
    NAS-Bench-201-v1_1-096897.pth. Pickles inside may hold plain values only; one that names
    anything else is refused, and nothing of it is run.

    With --space, FILE has one architecture of that space a row, in a column `architecture` (its
    JSON) or `key`, and a score. It is CSV, or JSON with a list `architectures`. What the options
    below tell may also stand in it: in lines such as `# unit: %` above a CSV file's names, or
    beside the list. Rows without a score are left out.

    \b
    Example:
      ecg-nas import-table NATS-tss-v1_0-3ffb9-simple.tar --out nb201.parquet
      ecg-nas import-table mine.csv --space ecg1d --unit % --out mine.parquet
    """
    if out == "-":
        raise click.UsageError("--out must be a file; got -", click.get_current_context())
    given = [f"--{name}" for name, value in rows.items() if value is not None]
    if space is None and given:
        raise click.UsageError(
            f"{', '.join(given)} describe CSV or JSON: name its search space with --space",
            click.get_current_context(),
        )
    if space is None:
        from ecg_nas.tables.official.convert import import_table

        with counted("reading") as on_event:
            summary = import_table(file, Path(out), on_event=on_event)
    else:
        from ecg_nas.tables.any_space import RowDescription, import_rows

        summary = import_rows(file, Path(out), space, RowDescription(**rows))
    say("\n".join(_lines(summary)), json_to)
    say(f"table: {out}", json_to)
    write_json(json_to, {**summary, "out": out})


def _lines(summary: Mapping[str, Any]) -> Iterator[str]:
    runs = ""
    if summary["runs"] is not None:
        fewest, most = summary["runs"]
        of = f"{fewest}" if fewest == most else f"{fewest} to {most}"
        runs = f", values are means of {of} runs"
    yield f"{summary['benchmark']}, {summary['cells']:,} cells{runs}"
    for metric in summary.get("metrics", ()):
        yield f"{metric['benchmark']}: {metric['words']}"
    if summary.get("left_out"):
        yield f"note: {summary['left_out']} rows without a score are left out"
    if not summary["complete"]:
        yield "note: not every cell of the space is there with all its values"
