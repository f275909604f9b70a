"""How large what the files of a recording say may be: each bound once, with its reason.

A file may come from a stranger. Whatever it says is held to these bounds before anything is
allocated, read or counted for it, so that a lie costs one line and no memory.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, fields, replace
from typing import Final

from data_prep.errors import DataError

_DIGITS: Final = 18
_SHOWN: Final = 60
_POSSIBLE: Final = 1e6  # times a limit: more is no number of a recording, whatever recorded it


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds for recordings and their annotations; all of them are numbers.

    Attributes:
        slowest_hz: Slower than this there is no QRS complex to see.
        fastest_hz: Faster is no ECG recorder, but a damaged header or a typing error, and some
            filters would take for ever.
        shortest_s: Shorter than a second there is no beat with its neighbours.
        longest_s: Two months: longer than any recorder's battery and memory.
        header_bytes: Text of a header; one of a record in 20,000 parts has about 0.5 MB.
        line_bytes: One line of a text, a thousand cells of 16 characters: some thousands of lines
            are in memory at once.
        number_characters: A number in a text; the shortest form of any float has at most 24.
        name_characters: Name of a lead or a column; those of recorders have up to 80.
        leads: Signals of one file: the densest body surface maps have some hundreds.
        parts: Parts of a recording, pauses between them apart; weeks in an intensive care unit
            have some thousands, and each is a file to open, or a place to look at.
        frame_samples: Samples of a lead a frame: a frame of a second at the fastest rate.
        skew_frames: Frames that a lead lies behind the others: the heads of a tape recorder are
            some dozen samples apart, and wfdb fills memory with all that is asked for.
        gap_samples: Samples of a recording that no byte of a file holds: gaps, pauses, parts that
            are named twice, what a compressed file has more than 64 times its bytes. They cost as
            much work as others do. A day at 360 Hz.
        steps: Gain (steps a unit, or units a step), baseline, and ends of a range: converters have
            up to 32 bits, and physical units span some twelve powers of ten.
        records: Data records of an EDF file: two months of one a second, and each is a number in
            memory.
        record_samples: Samples of a data record of an EDF file: it is in memory as a whole. EDF
            asks for 30,720 at most.
        annotation_bytes: An annotation file, ten bytes each for 5,000,000 annotations and their
            notes.
        table_bytes: A table of beats: 5,000,000 lines of 50 characters.
        annotations: Annotations of a recording: 7 weeks of 70 beats a minute.
        at_one_time: Annotations at one sample: each lead may have one or two, and a header of
            definitions some dozens; a thousand cannot be looked at.
        symbol_characters: A symbol that an annotation file defines.
        annotation_hz: Rate at which annotations count: microseconds.
    """

    slowest_hz: float = 50.0
    fastest_hz: float = 20_000.0
    shortest_s: float = 1.0
    longest_s: float = 62 * 86400.0
    header_bytes: float = 1 << 22
    line_bytes: float = 1 << 14
    number_characters: float = 64
    name_characters: float = 256
    leads: float = 1024
    parts: float = 20_000
    frame_samples: float = 20_000
    skew_frames: float = 10_000
    gap_samples: float = 32_000_000
    steps: float = 1e12
    records: float = 10_000_000
    record_samples: float = 1 << 24
    annotation_bytes: float = 50_000_000
    table_bytes: float = 250_000_000
    annotations: float = 5_000_000
    at_one_time: float = 1000
    symbol_characters: float = 8
    annotation_hz: float = 1e6

    @property
    def positions(self) -> float:
        """Highest position of an annotation, in samples."""
        return self.longest_s * max(self.fastest_hz, self.annotation_hz)

    def changed(self, changes: Sequence[str]) -> Limits:
        """Return the limits with some others, each as ``NAME=VALUE``.

        Raises:
            DataError: If there is no limit of that name, or its value is no number above 0.
        """
        names = [field.name for field in fields(self)]
        values: dict[str, float] = {}
        for change in changes:
            name, _, text = change.partition("=")
            try:
                value = float(text)
            except ValueError:
                value = math.nan
            if name not in names or not (math.isfinite(value) and value > 0):
                raise DataError(
                    f"a limit must be NAME=VALUE with a number above 0 and a name of "
                    f"{', '.join(names)}; got {quoted(change)}"
                )
            values[name] = value
        return replace(self, **values)


_CURRENT: ContextVar[Limits] = ContextVar("limits", default=Limits())  # noqa: B039 - it is frozen


def current() -> Limits:
    """Return the limits that readers hold files to."""
    return _CURRENT.get()


@contextlib.contextmanager
def within(limits: Limits) -> Iterator[None]:
    """Hold files to other limits meanwhile, in this thread."""
    token = _CURRENT.set(limits)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def refuse_above(limit: str, value: float, what: str, where: object) -> None:
    """Refuse more than a limit.

    Args:
        limit: Name of the limit.
        value: What the file says.
        what: What that is, in the plural, as in ``leads``.
        where: What to call the file.

    Raises:
        DataError: If it is more.
    """
    most = getattr(current(), limit)
    if not value <= most:
        advice = ""
        if value <= _POSSIBLE * most:
            taken = f"{value:.0f}" if value < 1e15 else f"{1.01 * value:.2e}"
            advice = f": if it is right, give ecg-nas --limits {limit}={taken} before the command"
        raise DataError(
            f"{where} must have at most {most:,.12g} {what}; it has {value:,.12g}{advice}"
        )


def whole(text: str, what: str, where: object) -> int:
    """Return the whole number in ``text``, which is digits with a sign or without.

    Raises:
        DataError: If it has more digits than any number that a file may hold.
    """
    if len(text) > _DIGITS:
        raise DataError(f"{where} must give {what} of at most {_DIGITS} digits; got {quoted(text)}")
    return int(text)


def listed(names: Sequence[str]) -> str:
    """Return the names with commas, not more of them than a message can hold."""
    shown = ", ".join(name if len(name) <= _SHOWN else f"{name[:_SHOWN]}…" for name in names[:20])
    return shown if len(names) <= 20 else f"{shown} and {len(names) - 20} more"


def quoted(text: str) -> str:
    """Return ``text`` in quotation marks, not more of it than a message can hold."""
    return repr(text) if len(text) <= _SHOWN else f"{text[:_SHOWN]!r} …"
