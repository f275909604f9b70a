"""Decode annotation files of the MIT format.

Not left to wfdb, which never returns from a file that begins with a comment of its own kind
(``## …``), and reads on behind the end mark.

References:
    https://physionet.org/physiotools/wag/annot-5.htm
"""

from __future__ import annotations

import re
import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field

from data_prep.errors import DataError
from data_prep.io.limits import refuse_above

# Codes that are no annotations: more time, and properties of the annotation before.
_SKIP, _NUMBER, _SUBTYPE, _CHANNEL, _TEXT = 59, 60, 61, 62, 63
NOTE = 22
"""Code of a comment."""
_FURTHEST = 1 << 62  # no sum of the times of a file comes near it
_STEP = 1 << 16  # annotations between two looks at their number

_RATE = re.compile(r"## time resolution: (\d+\.?\d*)")
_DEFINITION = re.compile(r"(\d+) (\S+) .*")


@dataclass(slots=True)
class Decoded:
    """Annotations as they are in a file, one entry each.

    Attributes:
        samples: Positions.
        codes: Codes of the symbols.
        subtypes: Subtypes, -128 to 127.
        aux: Auxiliary texts.
        fs_hz: Sampling rate of the positions; ``None`` where the file does not say.
        symbols: Symbols that the file defines itself, by code.
    """

    samples: array[int] = field(default_factory=lambda: array("q"))
    codes: array[int] = field(default_factory=lambda: array("b"))
    subtypes: array[int] = field(default_factory=lambda: array("b"))
    aux: list[str] = field(default_factory=list)
    fs_hz: float | None = None
    symbols: dict[int, str] = field(default_factory=dict)


def decode(content: bytes, where: str) -> Decoded:
    """Decode the content of the annotation file called ``where``.

    Raises:
        DataError: If it does not come to an end mark, or passes a limit.
    """
    where = f"the annotation file {where}"
    out = Decoded()
    texts: dict[str, str] = {}
    defining = False
    for n, (code, time, subtype, aux) in enumerate(_entries(content, where)):
        if not n % _STEP:
            refuse_above("annotations", n, "annotations", where)
        text = aux.rstrip("\0")
        if code == NOTE and time == 0 and text.startswith("##"):
            defining = text == "## annotation type definitions"
            if found := _RATE.fullmatch(text):
                refuse_above("number_characters", len(found[1]), "digits in its rate", where)
                out.fs_hz = float(found[1])
        elif defining and code == NOTE and (found := _DEFINITION.fullmatch(text)):
            name = found[2]
            refuse_above("symbol_characters", len(name), "characters in a symbol", where)
            out.symbols[int(found[1])] = name
        elif code != 0:
            out.samples.append(time)
            out.codes.append(code)
            out.subtypes.append(subtype)
            # Most are alike: each is kept once.
            out.aux.append(texts.setdefault(text, text))
    refuse_above("annotations", len(out.samples), "annotations", where)
    return out


def _entries(content: bytes, where: str) -> Iterator[tuple[int, int, int, str]]:
    """Yield code, time, subtype and text of every entry."""
    code, time, subtype, aux = 0, 0, 0, ""
    place, total = 0, 0
    try:
        while True:
            (word,) = struct.unpack_from("<H", content, place)
            place += 2
            kind, value = word >> 10, word & 1023
            if kind == _SKIP:
                high, low = struct.unpack_from("<hH", content, place)
                place += 4
                total += (high << 16) + low
            elif kind == _SUBTYPE:
                subtype = (value & 255) - 2 * (value & 128)
            elif kind == _TEXT:
                if place + value > len(content):
                    raise struct.error
                aux = content[place : place + value].decode("latin-1")
                place += value + value % 2
            elif kind not in (_NUMBER, _CHANNEL):
                yield code, time, subtype, aux
                if word == 0:
                    return
                total += value
                if not -_FURTHEST < total < _FURTHEST:
                    raise struct.error
                code, time, subtype, aux = kind, total, 0, ""
    except struct.error:
        raise DataError(
            f"{where} must end with an end mark; it does not: is it truncated?"
        ) from None
