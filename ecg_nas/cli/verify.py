"""``ecg-nas verify``."""

from __future__ import annotations

from pathlib import Path

import click

from ecg_nas.cli._output import json_option, say, write_json

HEADING = "model"


@click.command()
@click.argument("bundle", type=click.Path(file_okay=False, path_type=Path))
@json_option
def command(bundle: Path, json_to: str | None) -> None:
    """Check that a bundle is whole and computes what it did when it was made.

    Every file against its SHA-256, the manifest against its schema, the model's inputs, versions
    and metadata against the manifest, and the model's answers against the golden ones. Needs no
    torch. The exit code is 0 only if all of it holds.

    \b
    Example:
      ecg-nas verify exports/first
    """
    from ecg_nas.inference.verify import verify

    found = verify(bundle)
    say(f"{bundle}: whole, {found['files']} files; format {found['format_version']}", json_to)
    say(
        f"model.onnx: {found['bytes']:,} bytes, opset {found['opset']}, IR {found['ir_version']}; "
        f"differs by {found['golden_difference']:.1e} on {found['golden_beats']} golden beats",
        json_to,
    )
    if found["int8_bytes"] is not None:
        say(
            f"model.int8.onnx: {found['int8_bytes']:,} bytes; reproduces its golden answers; "
            f"as promised, they differ from model.onnx's by up to "
            f"{found['int8_golden_difference']:.2g} ({found['int8_golden_agreement']:.0%} in the "
            "same class)",
            json_to,
        )
    write_json(json_to, {"bundle": str(bundle), **found})
