"""TensorFlow's TFRecord files, without TensorFlow.

A record is its length (8 bytes), the masked CRC-32C of these, the data, and their masked CRC-32C;
all little-endian.

References:
    TensorFlow, ``tensorflow/core/lib/io/record_writer.h`` (format), ``lib/hash/crc32c.h`` (mask).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from ecg_nas.errors import TableError

_HEADER = struct.Struct("<QI")
_CRC = struct.Struct("<I")
_POLYNOMIAL = 0x82F63B78  # Castagnoli's, bits reversed
_MASK_DELTA = 0xA282EAD8
_LONGEST = 1 << 16  # a record of NAS-Bench-101 has some 400 bytes
_BATCH = 1024


def records(file: BinaryIO, where: str) -> Iterator[bytes]:
    """Yield the data of each record, their checksums verified.

    Args:
        file: A TFRecord file, at its start.
        where: Names the file in errors.

    Raises:
        TableError: If the file is cut off or a checksum does not fit.
    """
    batch: list[bytes] = []
    checksums: list[int] = []
    done = 0
    while header := file.read(_HEADER.size):
        place = f"record {done + len(batch) + 1} of {where}"
        if len(header) < _HEADER.size:
            raise _cut_off(place)
        length, checksum = _HEADER.unpack(header)
        if _length_checksum(header[:8]) != checksum:
            raise _damaged(place)
        if length > _LONGEST:
            raise TableError(
                f"a record of NAS-Bench-101 must have at most {_LONGEST} bytes; {place} has "
                f"{length}: it holds something else"
            )
        data = file.read(length + _CRC.size)
        if len(data) < length + _CRC.size:
            raise _cut_off(place)
        batch.append(data[:length])
        checksums += _CRC.unpack_from(data, length)
        if len(batch) == _BATCH:
            yield from _verified(batch, checksums, done, where)
            done += len(batch)
            batch, checksums = [], []
    yield from _verified(batch, checksums, done, where)


def starts_one(head: bytes) -> bool:
    """Return whether a file that starts with ``head`` is a TFRecord file."""
    if len(head) < _HEADER.size:
        return False
    return bool(_length_checksum(head[:8]) == _HEADER.unpack_from(head)[1])


def crc32c(messages: Sequence[bytes]) -> NDArray[np.uint32]:
    """Return the CRC-32C of each message, all messages at once, one byte of each after another."""
    lengths = np.array([len(message) for message in messages])
    width = int(lengths.max(initial=0))
    padded = b"".join(message.ljust(width, b"\0") for message in messages)
    columns = np.frombuffer(padded, dtype=np.uint8).reshape(len(messages), width).T
    crc = np.full(len(messages), 0xFFFFFFFF, dtype=np.uint32)
    for position, column in enumerate(np.ascontiguousarray(columns)):
        stepped = _TABLE[(crc ^ column) & 0xFF] ^ (crc >> np.uint32(8))
        crc = np.where(position < lengths, stepped, crc)
    return ~crc


def _table() -> NDArray[np.uint32]:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> np.uint32(1)) ^ np.uint32(_POLYNOMIAL), table >> 1)
    return table.astype(np.uint32)


_TABLE = _table()


def _masked(crc: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Return the checksums as stored: the CRC of data that hold CRCs would be a weak one."""
    rotated = (crc >> np.uint32(15)) | (crc << np.uint32(17))
    return rotated + np.uint32(_MASK_DELTA)


@lru_cache(maxsize=4096)  # few different lengths
def _length_checksum(length: bytes) -> int:
    return int(_masked(crc32c([length]))[0])


def _verified(
    batch: Sequence[bytes], checksums: Sequence[int], done: int, where: str
) -> Sequence[bytes]:
    if not batch:
        return batch
    wrong = _masked(crc32c(batch)) != np.array(checksums, dtype=np.uint32)
    if wrong.any():
        raise _damaged(f"record {done + int(wrong.argmax()) + 1} of {where}")
    return batch


def _cut_off(place: str) -> TableError:
    return TableError(f"the file must be whole; {place} is cut off: download it again")


def _damaged(place: str) -> TableError:
    return TableError(
        f"each record must fit its checksum; {place} does not: the file is damaged, download it "
        "again"
    )
