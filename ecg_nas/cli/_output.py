"""What every command does with its result: text for people, ``--json`` for scripts."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from ecg_nas.files import write_text


def check_target(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Refuse a file that cannot be written before the work starts, not after an hour of it."""
    if value is None or value == "-":
        return value
    path = Path(value)
    if path.is_dir():
        raise click.BadParameter(f"must be a file or -; {value} is a folder", ctx, param)
    if not path.parent.is_dir():
        raise click.BadParameter(f"its folder must exist; {path.parent} does not", ctx, param)
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise click.BadParameter(f"must be writable; {value} is not", ctx, param)
    return value


json_option = click.option(
    "--json",
    "json_to",
    metavar="FILE",
    callback=check_target,
    help="Write the result as JSON to FILE; '-' is standard output, which then holds only that.",
)


# Texts come from files and folders of strangers, too. A terminal obeys control characters, and
# marks of direction make it show another order than there is; both are shown as what they are, and
# so are the bytes of a file's name that are no text.
_CONTROLS = [*range(9), *range(11, 32), *range(127, 160), *range(0x202A, 0x202F),
             *range(0x2066, 0x206A), *range(0xD800, 0xE000)]  # fmt: skip
_SHOWN = {code: f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" for code in _CONTROLS}


def printable(text: str) -> str:
    """Return ``text`` with control characters, but for line ends and tabs, written out."""
    return text.translate(_SHOWN)


def say(text: str, json_to: str | None = None) -> None:
    """Print ``text`` for people, unless standard output belongs to ``--json -``."""
    if json_to != "-":
        click.echo(printable(text))


def remark(text: str) -> None:
    """Print ``text`` on standard error: progress, notes and warnings."""
    click.echo(printable(text), err=True)


def write_json(json_to: str | None, result: Mapping[str, Any]) -> None:
    """Write ``result`` where ``--json`` says; without it, do nothing.

    NaN and infinities become null, numpy values plain numbers and lists. A file appears whole
    or not at all.
    """
    if json_to is None:
        return
    text = json.dumps(_plain(result), indent=2, allow_nan=False) + "\n"
    if json_to == "-":
        click.echo(text, nl=False)
        return
    target = Path(json_to)
    if target.exists() and not target.is_file():  # a device or pipe cannot be replaced
        target.write_text(text, encoding="utf-8")
        return
    write_text(target, text)


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):  # numpy scalars and arrays, without importing numpy
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Path):
        return str(value)
    return value


def names(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    """Return the parts of an option's value that has commas between names."""
    if value is None:
        return None
    parts = tuple(name.strip() for name in value.split(","))
    if not all(parts):
        raise click.BadParameter(
            f"must be names with commas between them; got {value!r}", ctx, param
        )
    return parts
