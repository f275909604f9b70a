"""NumPy archives that may be a stranger's: looked at before they are read into memory."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from data_prep.errors import DataError

MOST_BYTES: Final = 1 << 30
"""Of all arrays that are read, unpacked. Ten million beats of five outputs have a fifth of it."""

_HEADER_ROOM: Final = 1 << 16  # of an array's description, which has about a hundred bytes
_READERS: Final = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_npz(
    file: Path, names: Sequence[str] | None = None, *, most_bytes: int = MOST_BYTES
) -> dict[str, NDArray[Any]]:
    """Return arrays of a NumPy archive by name.

    Args:
        file: The archive.
        names: Which arrays; all by default.
        most_bytes: What they may have unpacked, taken together.

    Raises:
        DataError: If it cannot be read, an array is not there, is larger than ``most_bytes`` or
            than the archive says, or holds Python objects; the message says what, not where.
    """
    try:
        if not file.is_file():
            raise ValueError("it is no plain file")
        with zipfile.ZipFile(file) as archive:
            members = {one.filename.removesuffix(".npy"): one for one in archive.infolist()}
            chosen = list(members) if names is None else list(names)
            if lacking := [name for name in chosen if name not in members]:
                raise ValueError(f"it lacks {', '.join(lacking)}")
            if sum(members[name].file_size for name in chosen) > most_bytes:
                raise ValueError(f"its arrays have over {most_bytes:,} bytes")
            return {name: _array(archive, members[name]) for name in chosen}
    # numpy and zipfile raise many kinds on a damaged file.
    except Exception as error:
        raise DataError(" ".join(str(error).split())[:200] or type(error).__name__) from error


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    with archive.open(member) as opened:
        _refuse_lie(opened, member.file_size)
    with archive.open(member) as opened:
        array: NDArray[Any] = np.lib.format.read_array(opened, allow_pickle=False)
        if opened.read(1):  # to its end: there the archive's sum is compared
            raise ValueError(f"{member.filename} is longer than its array")
    return array


def _refuse_lie(opened: IO[bytes], size: int) -> None:
    """Refuse an array whose description asks for other memory than its bytes fill."""
    version = np.lib.format.read_magic(opened)
    if version not in _READERS:
        raise ValueError(f"an array is of version {version}")
    shape, _, dtype = _READERS[version](opened, max_header_size=_HEADER_ROOM)
    stated = math.prod(shape) * dtype.itemsize
    if dtype.hasobject or any(length < 0 for length in shape) or stated != size - opened.tell():
        raise ValueError(f"an array of {shape} {dtype} is not what its bytes are")
