"""``ecg-nas sources``."""

from __future__ import annotations

import click

from ecg_nas.cli._output import json_option, say, write_json

HEADING = "data"


@click.command()
@json_option
def command(json_to: str | None) -> None:
    """List the sources of recordings.

    \b
    Example:
      ecg-nas sources
    """
    from data_prep import sources

    found = []
    for name in sources.available():
        source = sources.load(name)
        found.append(
            {"name": name, "description": source.description, "splits": list(source.splits)}
        )
        splits = f"  splits: {', '.join(source.splits)}" if source.splits else ""
        say(f"{name}  {source.description}{splits}", json_to)
    write_json(json_to, {"sources": found})
