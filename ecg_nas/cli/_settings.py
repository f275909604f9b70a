"""Options that several commands share: whose recordings, and the settings of a search."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from ecg_nas.cli._output import names

_Command = TypeVar("_Command", bound=Callable[..., Any])

_FILE = click.Path(exists=True, dir_okay=False)

labels_option = click.option(
    "--labels", type=_FILE, help="TOML file that gives each beat symbol its class."
)
patients_option = click.option(
    "--patients", type=_FILE, help="CSV or TOML file that gives each record its patient."
)
leads_option = click.option(
    "--leads",
    metavar="A,B",
    callback=names,
    help="Leads by name, with fallbacks (MLII/II,V1/V5) or by position (#0,#1).",
)
annotators_option = click.option(
    "--annotators",
    metavar="A,B",
    callback=names,
    help="Annotation files by extension; of each record the first that is there.  [default: atr]",
)

_DATA = (
    click.option(
        "--data",
        metavar="NAME|DIR",
        help="A source, a prepared store, or a folder of WFDB recordings. [synthetic]",
    ),
    click.option("--records", type=click.Path(), help="Folder of the source's recordings."),
    click.option("--split", metavar="NAME|FILE", help="A split of the source. [standard]"),
    labels_option,
    patients_option,
    leads_option,
    annotators_option,
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


def search_options(command: _Command) -> _Command:
    """Give ``command`` the options of data and training: ``file``, ``workers`` and flags.

    The flags are fields of ``RunConfig``, ``None`` where not given, as ``resolve`` wants them.
    """
    for option in reversed(_DATA + _TRAINING):  # as decorators do, the last comes first
        command = option(command)
    return command
