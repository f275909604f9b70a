"""Beat symbols and the classes of a task that they belong to."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data_prep.errors import DataError
from data_prep.tasks import Task

# Above this share of unmapped beats, the mapping does not fit the data.
UNMAPPED_LIMIT = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """What a mapping made of a record's symbols.

    Attributes:
        y: ``(n_symbols,)`` int64 index into the classes; -1 where the symbol has no class.
        unmapped: How often each symbol without a class occurs.
    """

    y: NDArray[np.int64]
    unmapped: Mapping[str, int]


def mapping(name: str, task: Task) -> Mapping[str, str]:
    """Return the mapping of symbols to the classes of ``task`` called ``name``, or in a TOML file.

    A file has one line a symbol, as in ``"V" = "V"``, alone or under a table ``[symbols]``.

    Raises:
        DataError: If there is no such mapping, or the file does not hold one.
    """
    names = [one.name for one in task.mappings]
    if name in names:
        return task.mapping(name)
    path = Path(name)
    if not path.is_file():
        raise DataError(
            f"the label mapping must be one of {', '.join(names)} or a TOML file; got {name!r}"
        )
    return read_mapping(path, task)


def read_mapping(path: Path, task: Task) -> dict[str, str]:
    """Read a user's mapping of beat symbols to the classes of ``task`` from the TOML file ``path``.

    Raises:
        DataError: If it cannot be read, names another class, or maps nothing to the common one.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"the label mapping {path} must be readable TOML: {error}") from error
    entries = table.get("symbols", table)
    if not isinstance(entries, dict) or not entries:
        raise DataError(f'the label mapping {path} must have lines such as "V" = "V"; it has none')
    for symbol, name in entries.items():
        if len(symbol) != 1 or name not in task.classes:
            raise DataError(
                f"the label mapping {path} must give a class ({' '.join(task.classes)}) to each "
                f"one-character symbol; got {symbol!r} = {name!r}"
            )
    if task.common not in entries.values():
        raise DataError(
            f"the label mapping {path} must map at least one symbol to {task.common}; none is"
        )
    return {str(symbol): str(name) for symbol, name in entries.items()}


def label(
    symbols: Iterable[str],
    symbol_classes: Mapping[str, str],
    classes: Sequence[str],
) -> Labels:
    """Turn beat symbols into class indices; a symbol without a class gets -1 and is counted."""
    index = {name: i for i, name in enumerate(classes)}
    code = {symbol: index[name] for symbol, name in symbol_classes.items() if name in index}
    texts = [str(symbol) for symbol in symbols]
    return Labels(
        y=np.array([code.get(symbol, -1) for symbol in texts], dtype=np.int64),
        unmapped=dict(Counter(symbol for symbol in texts if symbol not in code)),
    )


def refuse_unmapped(unmapped: Mapping[str, int], n_beats: int, task: Task) -> None:
    """Refuse a mapping that leaves more than 1 % of the beats without a class.

    Args:
        unmapped: How often each symbol without a class occurs, over all records.
        n_beats: All beats, mapped or not.
        task: What the beats are told to be; symbols that it leaves out are no fault.

    Raises:
        DataError: If too many beats have no class.
    """
    left_out = dict(task.left_out)
    unmapped = {symbol: count for symbol, count in unmapped.items() if symbol not in left_out}
    n_unmapped = sum(unmapped.values())
    if n_unmapped > UNMAPPED_LIMIT * n_beats:
        counts = ", ".join(f"{symbol!r} {count}" for symbol, count in sorted(unmapped.items()))
        raise DataError(
            f"at most {UNMAPPED_LIMIT:.0%} of the beats may have a symbol without a class; "
            f"{n_unmapped} of {n_beats} have ({counts}): map these symbols (--labels FILE)"
        )
