"""``ecg-nas import-table``: an official NAS-Bench file, made small."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from ecg_nas.cli._display import counted
from ecg_nas.cli._output import check_target, json_option, say, write_json

HEADING = "research"


@click.command()
@click.argument("file", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--out",
    required=True,
    metavar="TABLE",
    callback=check_target,
    help="The compact table to write, a Parquet file.",
)
@json_option
def command(file: Path, out: str, json_to: str | None) -> None:
    """Turn an official NAS-Bench file into the compact table that benchmark reads.

    FILE is nasbench_only108.tfrecord or nasbench_full.tfrecord (NAS-Bench-101),
    NATS-tss-v1_0-3ffb9-simple.tar or the folder it unpacks to (NATS-Bench), or
    NAS-Bench-201-v1_1-096897.pth. Pickles inside may hold plain values only; one that names
    anything else is refused, and nothing of it is run.

    \b
    Example:
      ecg-nas import-table NATS-tss-v1_0-3ffb9-simple.tar --out nb201.parquet
    """
    if out == "-":
        raise click.UsageError("--out must be a file; got -", click.get_current_context())
    from ecg_nas.tables.official.convert import import_table

    with counted("reading") as on_event:
        summary = import_table(file, Path(out), on_event=on_event)
    say("\n".join(_lines(summary)), json_to)
    say(f"table: {out}", json_to)
    write_json(json_to, {**summary, "out": out})


def _lines(summary: Mapping[str, Any]) -> Iterator[str]:
    fewest, most = summary["runs"]
    runs = f"{fewest}" if fewest == most else f"{fewest} to {most}"
    yield f"{summary['benchmark']}, {summary['cells']:,} cells, values are means of {runs} runs"
    if not summary["complete"]:
        yield "note: not every cell of the space is there with all its values"
