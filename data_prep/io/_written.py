"""A look at the files that wfdb wrote: whether they hold what was meant.

It drops what the system says when it closes a file, so that a full disk leaves an empty one.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

from data_prep.errors import DataError
from data_prep.io._annotation_file import NOTE, Decoded, decode


def refuse_other_annotations(file: Path, wanted: Decoded) -> None:
    """Refuse an annotation file that does not hold the entries of ``wanted``.

    Raises:
        OSError: If it does not.
    """
    try:
        found = decode(file.read_bytes(), str(file))
    except DataError as error:
        raise _cut_off(file) from error
    lists = ("samples", "codes", "subtypes", "aux")
    same = all(getattr(found, name) == getattr(wanted, name) for name in lists)
    # They may differ in what the format keeps for itself, which takes longer to see.
    if not same and _entries(found) != _entries(wanted):
        raise _cut_off(file)


def _entries(one: Decoded) -> list[tuple[int, int, int, str]]:
    rows = zip(one.samples, one.codes, one.subtypes, one.aux, strict=True)
    # A first comment that begins with ## is the format's own word, not an entry.
    return [
        (at, code, subtype, text.rstrip("\0"))
        for at, code, subtype, text in rows
        if not (at == 0 and code == NOTE and text.startswith("##"))
    ]


def refuse_other_size(file: Path, size: int) -> None:
    """Refuse a signal file that does not have ``size`` bytes.

    Raises:
        OSError: If it does not.
    """
    if file.stat().st_size != size:
        raise _cut_off(file)


def _cut_off(file: Path) -> OSError:
    """Return why a file is not what was written: no room, if there is none for some bytes more."""
    try:
        with file.open("ab") as opened:
            opened.write(bytes(1 << 16))
            opened.flush()
            os.fsync(opened.fileno())
    except OSError as error:
        return error
    return OSError(errno.EIO, "it does not hold what was written to it")
