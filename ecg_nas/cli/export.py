"""``ecg-nas export``."""

from __future__ import annotations

from pathlib import Path

import click

from ecg_nas.cli._output import json_option, say, write_json

HEADING = "model"

_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.argument("run", type=_FOLDER)
@click.option("--out", type=_FOLDER, help="Folder of the bundle.  [default: exports/RUN's name]")
@click.option(
    "--architecture",
    metavar="KEY",
    help="Another candidate than the winner; it is trained as the winner was, and kept in RUN.",
)
@click.option("--no-int8", is_flag=True, help="Leave the INT8 model out.")
@json_option
def command(
    run: Path, out: Path | None, architecture: str | None, no_int8: bool, json_to: str | None
) -> None:
    """Take the classifier of a finished run out of it, verified.

    The bundle holds the ONNX model, in INT8 too where that is good enough, a manifest that says
    how to feed it, and a model card. `ecg-nas runs show RUN` lists the keys of the candidates.

    \b
    Example:
      ecg-nas export runs/first --out exports/first
    """
    from ecg_nas.bundle import atomic_folder
    from ecg_nas.export.bundle_texts import copy_without_int8
    from ecg_nas.inference.verify import verify

    bundle = _bundle(run, architecture)
    target = out if out is not None else Path("exports") / run.resolve().name
    (copy_without_int8 if no_int8 else atomic_folder.copy)(bundle, target)
    found = verify(target)
    size = found["int8_bytes"]
    also = "no INT8 model" if size is None else f"in INT8 of {size:,}"
    say(f"{target}: verified, model of {found['bytes']:,} bytes, {also}", json_to)
    write_json(json_to, {"run": str(run), "bundle": str(target), **found})


def _bundle(run: Path, architecture: str | None) -> Path:
    """Return the folder of the bundle to take out of the run."""
    from ecg_nas.errors import RunError
    from ecg_nas.runs.folder import RunFolder

    folder = RunFolder(run)
    if not folder.config.is_file():
        raise RunError(f"a run is a folder that ecg-nas search was told with --out; {run} is none")
    if architecture is not None:
        from ecg_nas.cli._display import shown
        from ecg_nas.pipeline.candidate_bundle import bundle_of

        with shown(None) as on_event:
            return bundle_of(run, architecture, on_event=on_event)
    if not folder.bundle.is_dir():
        raise RunError(
            f"a run must be finished to be exported; {run} has no bundle yet: run the same "
            "ecg-nas search again, it continues"
        )
    return folder.bundle
