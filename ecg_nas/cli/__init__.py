"""The command line: one file a command, imported when it is asked for.

Every module of this folder is a command named by its file (``import_table.py`` is
``ecg-nas import-table``), says with ``HEADING`` where ``--help`` lists it, and ends with
``command``, a click command or group; names that start with ``_`` are not commands. A command
imports numpy, torch and our own packages inside its function, so that ``--help`` answers at once.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NoReturn

import click

from ecg_nas.cli._errors import as_click_error, one_line
from ecg_nas.cli._output import refuse_closed_streams, remark

HEADINGS = ("data", "search", "model", "research")
"""What ``ecg-nas --help`` lists its commands under."""


class _LazyGroup(click.Group):
    """Finds commands by file name and turns every failure into one line and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(
            module.name.replace("_", "-")
            for module in pkgutil.iter_modules(__path__)
            if not module.name.startswith("_")
        )

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = _module(cmd_name).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        names = self.list_commands(ctx)
        limit = formatter.width - 6 - max(map(len, names))
        for heading in HEADINGS:
            rows = []
            for name in names:
                command = self.get_command(ctx, name)
                if command is not None and heading == _module(name).HEADING:
                    rows.append((name, command.get_short_help_str(limit)))
            with formatter.section(heading.capitalize()):
                formatter.write_dl(rows)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in self.list_commands(ctx):
            names = ", ".join(self.list_commands(ctx))
            raise click.UsageError(f"the command must be one of {names}; got {args[0]!r}", ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, KeyboardInterrupt):
            raise
        except BrokenPipeError:  # the reader of our output left: click ends quietly
            raise
        except Exception as error:
            if ctx.params.get("debug"):
                raise
            raise as_click_error(error) from error

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> NoReturn:
        """Run the command line and exit with 0, 1 (failed), 2 (bad input) or 130 (interrupted)."""
        try:
            refuse_closed_streams()
            code = super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            sys.exit(error.exit_code)
        except click.ClickException as error:
            with suppress(OSError):  # nothing more can be said; the exit code still says it
                remark(f"Error: {one_line(error)}", instead=True)
            sys.exit(error.exit_code)
        except click.Abort:
            click.echo("Error: interrupted", err=True)
            sys.exit(130)
        sys.exit(code if isinstance(code, int) else 0)


def _module(command: str) -> Any:
    return importlib.import_module(f"{__name__}.{command.replace('-', '_')}")


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show the traceback of a failure.")
@click.option(
    "--limits",
    multiple=True,
    metavar="NAME=VALUE",
    help="Take recordings of more than a limit; the message of a refused one names it.",
)
@click.version_option(package_name="ecg-nas", message="%(prog)s %(version)s")
@click.pass_context
def main(ctx: click.Context, debug: bool, limits: tuple[str, ...]) -> None:
    """Find the best small network for ECG beats, and export it to ONNX.

    \b
    Example:
      ecg-nas search --data synthetic --preset quick --out runs/first

    Research software: not a medical device.
    """
    if limits:
        from data_prep.io.limits import Limits, within

        ctx.with_resource(within(Limits().changed(limits)))
