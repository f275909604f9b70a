"""From any failure to one line on standard error and an exit code."""

from __future__ import annotations

import errno

import click

# Packages that a base install leaves out, and the extra that brings them.
_EXTRA = {
    "onnx": "search",
    "onnxscript": "search",
    "pyarrow": "search",
    "safetensors": "search",
    "torch": "search",
    "torch_geometric": "search",
}


_ROOM = "; free some space or choose another folder"


class Failed(click.ClickException):
    """The work could not be done."""

    exit_code = 1


class BadInput(click.ClickException):
    """What was given cannot be used."""

    exit_code = 2


class Interrupted(click.ClickException):
    """The user stopped the program."""

    exit_code = 130


def as_click_error(error: Exception) -> click.ClickException:
    """Return ``error`` as one line for the user.

    What the user can put right (our own error families, files, a missing extra) says so itself;
    anything else is a fault of ours and says how to see its traceback.
    """
    from data_prep.errors import DataError
    from data_prep.writing import is_full
    from ecg_nas.errors import BundleError, ConfigError, EcgNasError
    from search_spaces.base import ArchitectureError

    cause = error.__cause__
    full = isinstance(cause, OSError) and is_full(cause)  # whatever was to be written
    given = isinstance(error, DataError | ArchitectureError | ConfigError | BundleError)
    if given and not full:
        return BadInput(_joined(str(error)))
    if given or isinstance(error, EcgNasError):
        return Failed(_joined(str(error)))
    if isinstance(error, ModuleNotFoundError):
        return Failed(_missing_module(error))
    if isinstance(error, OSError):
        return Failed(_os_error(error))
    if isinstance(error, MemoryError):
        return Failed(
            "there must be memory enough for what was given; there is not"
            f"{': ' * bool(str(error))}{_joined(str(error))}"
        )
    kind = type(error).__name__
    return Failed(
        f"unexpected {kind}: {_joined(str(error))} (ecg-nas --debug … shows the traceback)"
    )


def one_line(error: click.ClickException) -> str:
    """Return the message of ``error`` on one line, with where to look for a misused option."""
    message = _joined(error.format_message())
    if isinstance(error, click.UsageError) and error.ctx is not None:
        message = f"{message.rstrip('.')} (see {error.ctx.command_path} --help)"
    return message


def _missing_module(error: ModuleNotFoundError) -> str:
    top = (error.name or "").partition(".")[0]
    if top in _EXTRA:
        return (
            f"this command needs {top}, which the base install leaves out: "
            f"pip install 'ecg-nas[{_EXTRA[top]}]'"
        )
    return f"the installation is incomplete: {error}; install ecg-nas again"


def _os_error(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename is not None else ""
    reason = error.strerror or _joined(str(error)) or type(error).__name__
    advice = {
        errno.ENOSPC: _ROOM,
        errno.EFBIG: "; raise the limit of a file's size (ulimit -f)",
        getattr(errno, "EDQUOT", errno.ENOSPC): _ROOM,
        errno.EACCES: "; choose a path that you may read and write",
        errno.EROFS: "; choose a folder that can be written",
    }.get(error.errno or 0, "")
    return f"{where}{reason[:1].lower()}{reason[1:]}{advice}"


def _joined(text: str) -> str:
    return " ".join(text.split())
