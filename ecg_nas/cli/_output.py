"""What every command does with its result: text for people, ``--json`` for scripts."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from ecg_nas.cli._errors import Failed
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
        _print(f"{printable(text)}\n")


def remark(text: str, *, instead: bool = False) -> None:
    """Print ``text`` on standard error: progress, notes and warnings.

    Args:
        text: What to print.
        instead: Whether to print it on standard output where standard error is closed.
    """
    click.echo(printable(text), err=not instead or sys.stderr is not None)


def write_json(json_to: str | None, result: Mapping[str, Any]) -> None:
    """Write ``result`` where ``--json`` says; without it, do nothing.

    NaN and infinities become null, numpy values plain numbers and lists. A file appears whole
    or not at all.
    """
    if json_to is None:
        return
    text = json.dumps(_plain(result), indent=2, allow_nan=False) + "\n"
    if json_to == "-":
        _print(text)
        return
    target = Path(json_to)
    # A device or pipe cannot be replaced, nor can what /dev/stdout stands for.
    if target.is_relative_to("/dev") or (target.exists() and not target.is_file()):
        target.write_text(text, encoding="utf-8")
        return
    write_text(target, text)


def _print(text: str) -> None:
    """Write ``text`` to standard output; that it is there is part of the work.

    Raises:
        Failed: If it does not take it. Where its reader left, as ``head`` does, click ends.
    """
    try:
        click.echo(text, nl=False)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Failed(
            f"standard output must take the result ({error.strerror or error}): free some room, "
            "or send it elsewhere, and start the same command again"
        ) from error


def refuse_closed_streams() -> None:
    """Refuse to work without standard output and error: their places would be other files'.

    Raises:
        Failed: If one of them is closed.
    """
    closed = [name for name, stream in (("output", sys.stdout), ("error", sys.stderr))
              if stream is None]  # fmt: skip
    if closed:
        raise Failed(
            f"standard {' and '.join(closed)} must be open; closed, it takes no result and no "
            "word of what went wrong: send it to /dev/null"
        )


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
