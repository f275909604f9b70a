"""Beat symbols and the AAMI classes that they belong to.

References:
    ANSI/AAMI EC57:2012, Testing and reporting performance results of cardiac rhythm and ST
    segment measurement algorithms. Symbols: https://physionet.org/physiotools/wag/annot-5.htm
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data_prep.errors import DataError

CLASSES = ("N", "S", "V", "F", "Q")

SCORED = ("N", "S", "V")
"""Classes that a score is made of. F lies in one patient of each side of MIT-BIH and Q is not a
kind of beat, so neither can be learnt or measured honestly; both are predicted and reported, and
may lack carriers."""

# Above this share of unmapped beats, the mapping does not fit the data.
UNMAPPED_LIMIT = 0.01


def _symbols(**classes: str) -> dict[str, str]:
    return {symbol: name for name, symbols in classes.items() for symbol in symbols}


# "aami": escape beats (e atrial, j nodal) count as N, as in most published results on MIT-BIH;
# "bxb": as PhysioNet's bxb counts them, e, j and n as S. n (supraventricular escape) is S in
# both: it does not occur in MIT-BIH's classification records.
MAPPINGS: Mapping[str, Mapping[str, str]] = {
    "aami": _symbols(N="NLRBej", S="AaJSn", V="VrE", F="F", Q="/fQ?"),
    "bxb": _symbols(N="NLRB", S="AaJSejn", V="VrE", F="F", Q="/fQ?"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """What a mapping made of a record's symbols.

    Attributes:
        y: ``(n_symbols,)`` int64 index into the classes; -1 where the symbol has no class.
        unmapped: How often each symbol without a class occurs.
    """

    y: NDArray[np.int64]
    unmapped: Mapping[str, int]


def mapping(name: str) -> Mapping[str, str]:
    """Return the symbol-to-class mapping called ``name``: ``aami``, ``bxb`` or a TOML file.

    A file has one line a symbol, as in ``"V" = "V"``, alone or under a table ``[symbols]``.

    Raises:
        DataError: If there is no such mapping, or the file does not hold one.
    """
    if name in MAPPINGS:
        return MAPPINGS[name]
    path = Path(name)
    if not path.is_file():
        raise DataError(
            f"the label mapping must be one of {', '.join(MAPPINGS)} or a TOML file; got {name!r}"
        )
    return read_mapping(path)


def read_mapping(path: Path) -> dict[str, str]:
    """Read a user's mapping of beat symbols to classes from the TOML file ``path``.

    Raises:
        DataError: If it cannot be read, names another class, or maps nothing to N.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"the label mapping {path} must be readable TOML: {error}") from error
    entries = table.get("symbols", table)
    if not isinstance(entries, dict) or not entries:
        raise DataError(f'the label mapping {path} must have lines such as "V" = "V"; it has none')
    for symbol, name in entries.items():
        if len(symbol) != 1 or name not in CLASSES:
            raise DataError(
                f"the label mapping {path} must give a class ({' '.join(CLASSES)}) to each "
                f"one-character symbol; got {symbol!r} = {name!r}"
            )
    if "N" not in entries.values():
        raise DataError(f"the label mapping {path} must map at least one symbol to N; none is")
    return {str(symbol): str(name) for symbol, name in entries.items()}


def label(
    symbols: Iterable[str],
    symbol_classes: Mapping[str, str],
    classes: Sequence[str] = CLASSES,
) -> Labels:
    """Turn beat symbols into class indices; a symbol without a class gets -1 and is counted."""
    index = {name: i for i, name in enumerate(classes)}
    code = {symbol: index[name] for symbol, name in symbol_classes.items() if name in index}
    texts = [str(symbol) for symbol in symbols]
    return Labels(
        y=np.array([code.get(symbol, -1) for symbol in texts], dtype=np.int64),
        unmapped=dict(Counter(symbol for symbol in texts if symbol not in code)),
    )


def refuse_unmapped(unmapped: Mapping[str, int], n_beats: int) -> None:
    """Refuse a mapping that leaves more than 1 % of the beats without a class.

    Args:
        unmapped: How often each symbol without a class occurs, over all records.
        n_beats: All beats, mapped or not.

    Raises:
        DataError: If too many beats have no class.
    """
    n_unmapped = sum(unmapped.values())
    if n_unmapped > UNMAPPED_LIMIT * n_beats:
        counts = ", ".join(f"{symbol!r} {count}" for symbol, count in sorted(unmapped.items()))
        raise DataError(
            f"at most {UNMAPPED_LIMIT:.0%} of the beats may have a symbol without a class; "
            f"{n_unmapped} of {n_beats} have ({counts}): map these symbols (--labels FILE)"
        )
