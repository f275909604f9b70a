"""``ecg-nas export``."""

from __future__ import annotations

from pathlib import Path

import click

from ecg_nas.cli.output import json_option, say, write_json

_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.argument("run", type=_FOLDER)
@click.option("--out", type=_FOLDER, help="Folder of the bundle.  [default: exports/RUN's name]")
@json_option
def command(run: Path, out: Path | None, json_to: str | None) -> None:
    """Take the classifier of a finished run out of it, verified.

    The bundle holds one ONNX model, a manifest that says how to feed it, and a model card.

    \b
    Example:
      ecg-nas export runs/first --out exports/first
    """
    from ecg_nas.deploy import place
    from ecg_nas.deploy.verify import verify
    from ecg_nas.errors import RunError
    from ecg_nas.runs.folder import RunFolder

    folder = RunFolder(run)
    if not folder.config.is_file():
        raise RunError(f"a run is a folder that ecg-nas search was told with --out; {run} is none")
    if not folder.bundle.is_dir():
        raise RunError(
            f"a run must be finished to be exported; {run} has no bundle yet: run the same "
            "ecg-nas search again, it continues"
        )
    target = out if out is not None else Path("exports") / run.resolve().name
    place.copy(folder.bundle, target)
    found = verify(target)
    say(f"{target}: verified, model of {found['bytes']:,} bytes", json_to)
    write_json(json_to, {"run": str(run), "bundle": str(target), **found})
