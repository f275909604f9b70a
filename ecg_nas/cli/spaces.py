"""``ecg-nas spaces``."""

from __future__ import annotations

import click

from ecg_nas.cli._output import json_option, say, write_json

HEADING = "data"


@click.command()
@json_option
def command(json_to: str | None) -> None:
    """List the search spaces.

    \b
    Example:
      ecg-nas spaces
    """
    from importlib import import_module

    import search_spaces

    spaces = []
    for name in search_spaces.available():
        space = search_spaces.load(name)
        summary = (import_module(type(space).__module__).__doc__ or "").partition("\n")[0]
        spaces.append({"name": name, "trains": space.trains, "summary": summary})
        use = "search" if space.trains else "benchmark"
        say(f"{name}  ({use})  {summary}", json_to)
    write_json(json_to, {"spaces": spaces})
