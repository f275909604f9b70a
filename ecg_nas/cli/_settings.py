"""Options that several commands share: whose recordings, and the settings of a search."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from ecg_nas.cli._output import names

_Command = TypeVar("_Command", bound=Callable[..., Any])

_FILE = click.Path(exists=True, dir_okay=False)

_OF_DATA = (
    click.option("--records", type=click.Path(), help="Folder of the source's recordings."),
    click.option("--labels", type=_FILE, help="TOML file that gives each beat symbol its class."),
    click.option(
        "--patients", type=_FILE, help="CSV or TOML file that gives each record its patient."
    ),
    click.option(
        "--leads",
        metavar="A,B",
        callback=names,
        help="Leads by name, with fallbacks (MLII/II,V1/V5) or by position (#0,#1).",
    ),
    click.option(
        "--annotators",
        metavar="A,B",
        callback=names,
        help="Annotation files by extension; of each record the first that is there. [atr]",
    ),
)
_TRAINING = (
    click.option("--space", help="The search space. [ecg1d]"),
    click.option(
        "--causal",
        is_flag=True,
        default=None,
        help="Only the past and one beat ahead, as in monitoring.",
    ),
    click.option("--preset", metavar="NAME", help="quick, standard or full. [quick]"),
    click.option("--seed", type=click.IntRange(min=0), help="Seed of everything random. [0]"),
    click.option("--device", metavar="NAME", help="auto, cpu or cuda. [auto]"),
    click.option("--workers", type=int, help="Processes that train; results do not depend on it."),
    click.option(
        "--config",
        "file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="TOML file with any settings of a search; options win.",
    ),
)


def data_options(
    *, argument: bool = False, required: bool = False, split: str = "standard"
) -> Callable[[_Command], _Command]:
    """Return what gives a command the options that say which data: the settings that are ``KEYS``.

    They arrive as ``data``, ``records``, ``split``, ``task``, ``labels``, ``patients``, ``leads``
    and ``annotators``, ``None`` where not given, for ``ecg_nas.runs.data_settings.request_of``.

    Args:
        argument: Whether the data are the command's argument ``SOURCE``, not an option.
        required: Whether they must be given.
        split: Which split is taken where none is given, in words.
    """
    options = [
        click.argument("data", metavar="SOURCE")
        if argument
        else click.option(
            "--data",
            metavar="NAME[=DIR]|DIR",
            multiple=True,
            callback=_given,
            required=required,
            help="A source (see ecg-nas sources), a prepared store, or a folder of recordings."
            + " [synthetic]" * (not required),
        ),
        click.option(
            "--split",
            metavar="NAME|FILE",
            help="A split of the source, or a TOML file with the lists train and test of patients. "
            f"[{split}]",
        ),
        click.option(
            "--task",
            metavar="NAME",
            help="Task: what beats are told to be. [aami, or as the store or the bundle has it]",
        ),
        *_OF_DATA,
    ]
    return lambda command: _with(command, options)


def search_options(command: _Command) -> _Command:
    """Give ``command`` the options of data and training: ``file``, ``workers`` and flags.

    The flags are settings of a search, ``None`` where not given, as ``resolve`` wants them.
    """
    return data_options()(_with(command, _TRAINING))


def _with(command: _Command, options: Sequence[Callable[[_Command], _Command]]) -> _Command:
    for option in reversed(options):  # as decorators do, the last comes first
        command = option(command)
    return command


def _given(
    ctx: click.Context, param: click.Parameter, value: tuple[str, ...]
) -> tuple[str, ...] | None:
    return value or None
