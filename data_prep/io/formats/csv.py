"""Recordings in text files, one line a sample, piece by piece."""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from data_prep.errors import DataError
from data_prep.io.formats.base import RecordingFormat
from data_prep.io.limits import current, listed, quoted, refuse_above
from data_prep.io.record import MILLIVOLT
from data_prep.io.recording import Recording

_STEP: Final = 8192  # lines between two known places of the file
_CHUNK: Final = 1 << 22
_HEAD: Final = 1 << 16
_AT_ONCE: Final = 1 << 26  # bytes that are made numbers at one time
_SLACK_S: Final = 0.02  # how far a line's time may be off: clocks are rounded
_SLACK_SAMPLES: Final = 2

_SECONDS: Final = {"s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0, "ms": 1e-3}
_TIMES: Final = {"time", "t", "elapsed time", "times", "seconds", "time_s", "timestamp"}
_COUNTERS: Final = {"", "#", "sample", "sample #", "samples", "index", "unnamed: 0"}
_MISSING: Final = (
    "", "-", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
    "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
)  # fmt: skip
_COMMA = re.compile(r"[-+]?\d*,\d+(?:[eE][-+]?\d+)?")  # a number with a decimal comma
_OTHER_RATE: Final = 0.01  # times that tell a rate so far from --fs deny it
_WITH_UNIT = re.compile(r"(?P<name>.*?)\s*[(\[](?P<unit>[^()\[\]]*)[)\]]")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    """One column as the head of the file names it; ``unit`` is empty where it is not said."""

    name: str
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    """What stands above the first sample."""

    separator: str
    decimal: str
    columns: tuple[_Column, ...]
    n_lines: int
    n_bytes: int


class CsvRecording(Recording):
    """Some columns of a text file with separators (``,``, ``;`` or tab).

    The first line names the columns: a time in seconds, and leads as in ``MLII (mV)``; a second
    line may give the units. Cells that are empty, or hold what other tools write for no value
    (``-``, ``NaN``, ``NA``), are samples without value.

    Args:
        file: The file.
        fs_hz: Sampling rate, where there is no column of times that tells it.
        units: Unit of all leads, in place of what the file says.

    Raises:
        DataError: If it is malformed, its rate is not known, or its times tell another rate than
            ``fs_hz``.
    """

    def __init__(self, file: Path, fs_hz: float | None = None, units: str | None = None) -> None:
        self._file = file
        self.path = file.with_suffix("")
        self.files = (file,)
        self.where = f"the file {file}"
        self._head = _read_head(file)
        self._units = units
        self._time, self._places = _roles(self._head)
        self.leads = tuple(self._head.columns[place].name for place in self._places)
        self.signals = tuple(range(len(self._places)))
        self._offsets, self.n_samples = _index(file, self._head)
        if self.n_samples < 2:
            raise DataError(f"the file {file} must hold a line a sample; it holds too few")
        self._second = 1.0
        self._begin = 0.0
        if fs_hz is None:
            self.fs_hz = self._rate()
        else:
            self._refuse_other_rate(fs_hz)
            self._time, self.fs_hz = None, fs_hz

    @override
    def _take(self, columns: Sequence[int]) -> None:
        self._places = [self._places[column] for column in columns]
        for place in self._places:
            self._scale(place)  # a unit that is not known is refused now, not half way

    @override
    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        used = [*self._places, *([] if self._time is None else [self._time])]
        cells = self._cells(start, stop, used)
        if self._time is not None:
            self._check_times(start, cells[self._time])
        out = np.empty((stop - start, len(self._places)), dtype=np.float32)
        with np.errstate(over="ignore"):
            for column, place in enumerate(self._places):
                out[:, column] = cells[place] * self._scale(place)
        out[np.isinf(out)] = np.nan
        return out

    def _cells(self, start: int, stop: int, used: list[int]) -> dict[int, NDArray[np.float64]]:
        """Return some columns of lines ``start`` to ``stop`` (of samples) as numbers."""
        first, last = start // _STEP, -(-stop // _STEP)
        pieces: list[dict[int, NDArray[np.float64]]] = []
        while not pieces or first < last:
            furthest = np.searchsorted(self._offsets, self._offsets[first] + _AT_ONCE, "right") - 1
            until = max(min(max(int(furthest), first + 1), last), first)
            begin, end = max(start, first * _STEP), min(stop, until * _STEP)
            pieces.append(self._cells_at_once(begin, end, used))
            first = until
        if len(pieces) == 1:
            return pieces[0]
        return {place: np.concatenate([piece[place] for piece in pieces]) for place in used}

    def _cells_at_once(
        self, start: int, stop: int, used: list[int]
    ) -> dict[int, NDArray[np.float64]]:
        import pandas as pd

        first, last = start // _STEP, -(-stop // _STEP)
        begin, end = int(self._offsets[first]), int(self._offsets[last])
        try:
            with self._file.open("rb") as opened:
                opened.seek(begin)
                content = opened.read(end - begin)
            n_lines = min(last * _STEP, self.n_samples) - first * _STEP
            # pandas passes over cells that are too many.
            most = n_lines * (len(self._head.columns) - 1)
            if content.count(self._head.separator.encode()) > most:
                raise ValueError("a line has more cells")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                table: Any = pd.read_csv(
                    io.BytesIO(content), sep=self._head.separator, decimal=self._head.decimal,
                    header=None, names=range(len(self._head.columns)), usecols=sorted(set(used)),
                    index_col=False, dtype=np.float64, engine="c", skip_blank_lines=False,
                    skipinitialspace=True, encoding_errors="replace", low_memory=False,
                    keep_default_na=False, na_values=list(_MISSING),
                )  # fmt: skip
        except (
            OSError,
            ValueError,
            OverflowError,
            MemoryError,
        ) as error:
            where = self._head.n_lines + 1
            reason = quoted(" ".join(str(error).split()))
            raise DataError(
                f"lines {where + start} to {where + stop - 1} of {self._file} must be numbers in "
                f"{len(self._head.columns)} columns: {reason}"
            ) from error
        rows = slice(start - first * _STEP, stop - first * _STEP)
        found = {place: table[place].to_numpy()[rows] for place in used}
        if any(len(values) != stop - start for values in found.values()):
            raise DataError(f"the file {self._file} must have one line a sample; some are joined")
        return found

    def _rate(self) -> float:
        """Return the sampling rate that the times tell."""
        if self._time is None:
            raise DataError(
                f"the file {self._file} must have a column of times in seconds (time); it has "
                f"{listed([column.name for column in self._head.columns])}: or give --fs to "
                "classify"
            )
        unit = self._head.columns[self._time].unit.casefold() or "s"
        if unit not in _SECONDS:
            raise DataError(f"the times of {self._file} must be in s or ms; they are in {unit!r}")
        self._second = _SECONDS[unit]
        begin = self._cells(0, 1, [self._time])[self._time][0] * self._second
        last = self.n_samples - 1
        end = self._cells(last, last + 1, [self._time])[self._time][0] * self._second
        if not (math.isfinite(begin) and math.isfinite(end) and end > begin):
            raise DataError(f"the times of {self._file} must ascend; got {begin} s to {end} s")
        self._begin = float(begin)
        rate = last / max(float(end - begin), 1e-9)
        # Rounded times: a whole rate that fits as well is meant.
        whole = float(round(rate))
        return whole if whole and abs(last / whole - (end - begin)) <= 1 / whole else rate

    def _refuse_other_rate(self, fs_hz: float) -> None:
        """Refuse a rate that the times deny; times that tell no rate (dates, counters) do not."""
        try:
            told = self._rate()
        except DataError:
            return
        limits = current()
        if limits.slowest_hz <= told <= limits.fastest_hz and abs(told / fs_hz - 1) > _OTHER_RATE:
            raise DataError(
                f"--fs must be the sampling rate that the times of {self._file} tell, {told:.4g} "
                f"Hz; it is {fs_hz:.4g}: leave it out"
            )

    def _check_times(self, start: int, times: NDArray[np.float64]) -> None:
        slack = max(_SLACK_SAMPLES / self.fs_hz, _SLACK_S)
        expected = (start + np.arange(len(times))) / self.fs_hz
        off = np.abs(times * self._second - self._begin - expected)
        wrong = np.flatnonzero(~(off <= slack))  # also where there is none
        if len(wrong):
            line = self._head.n_lines + 1 + start + int(wrong[0])
            raise DataError(
                f"the times of {self._file} must be evenly spaced; with {self.fs_hz:.4g} Hz, line "
                f"{line} must be at {self._begin + expected[wrong[0]]:.3f} s and says "
                f"{times[wrong[0]] * self._second:.3f}: give missing samples empty cells"
            )

    def _scale(self, place: int) -> float:
        column = self._head.columns[place]
        unit = (self._units or column.unit).casefold()
        if unit not in MILLIVOLT:
            raise DataError(
                f"column {column.name} of {self._file} must say its unit, as in "
                f"'{column.name} (mV)'; "
                + (f"it says {column.unit!r}" if column.unit else "it says none")
                + ": name it there, or give --units to classify"
            )
        return MILLIVOLT[unit]


class _Csv(RecordingFormat):
    name = "csv"
    description = (
        "Text (.csv, .tsv, .txt), a line a sample: a column time in seconds, else --fs; leads as "
        "'MLII (mV)', else --units."
    )
    endings = (".csv", ".tsv", ".txt")
    takes_rate = True
    takes_units = True

    @override
    def recognizes(self, file: Path) -> bool:
        # Other tables name no times, or no unit of a lead.
        try:
            head = _read_head(file)
        except DataError:
            return False
        time, places = _roles(head)
        units = {head.columns[place].unit.casefold() for place in places}
        return time is not None and not units.isdisjoint(MILLIVOLT)

    @override
    def open(
        self, path: Path, *, fs_hz: float | None = None, units: str | None = None
    ) -> Recording:
        return CsvRecording(path, fs_hz, units)


def _roles(head: _Head) -> tuple[int | None, list[int]]:
    """Return which column holds the times, and which the leads."""
    names = [column.name.casefold() for column in head.columns]
    time = next((place for place, name in enumerate(names) if name in _TIMES), None)
    leads = [place for place, name in enumerate(names) if place != time and name not in _COUNTERS]
    return time, leads


def _read_head(file: Path) -> _Head:
    try:
        with file.open("rb") as opened:
            content = opened.read(_HEAD)
    except OSError as error:
        raise DataError(f"the file {file} must be readable: {error.strerror}") from error
    lines = content.split(b"\n")
    if b"\0" in content or len(lines) < 3:
        raise DataError(f"the file {file} must be text with a line a sample; it is not")
    text = [line.decode("utf-8-sig", "replace").strip("\r") for line in lines[:4]]
    separator = max(",;\t", key=text[0].count)
    names = _split(text[0], separator)
    n_lines = 1
    if any(_is_number(name) for name in names) or not any(names):
        raise DataError(
            f"the first line of {file} must name the columns, as in 'time,MLII (mV)'; it is "
            f"{quoted(text[0])}"
        )
    refuse_above("leads", len(names), "columns", f"the file {file}")
    longest = max(map(len, names))
    refuse_above("name_characters", longest, "characters in a column's name", f"the file {file}")
    columns = [_column(name) for name in names]
    under = _split(text[1], separator)
    is_unit = [cell not in _MISSING and not _is_number(cell.replace(",", ".")) for cell in under]
    # A first sample of which no lead has a value is no line of units.
    if (
        len(under) == len(names)
        and any(is_unit)
        and all(of_unit or not cell for of_unit, cell in zip(is_unit, under, strict=True))
    ):
        columns = [
            _Column(name=column.name, unit=column.unit or unit.strip("()[]"))
            for column, unit in zip(columns, under, strict=True)
        ]
        n_lines = 2
    rows = content.decode("utf-8", "replace").split("\n")[n_lines:] if separator != "," else []
    with_comma = any(_COMMA.fullmatch(cell) for row in rows for cell in _split(row, separator))
    return _Head(
        separator=separator,
        decimal="," if with_comma else ".",
        columns=tuple(columns),
        n_lines=n_lines,
        n_bytes=sum(len(line) + 1 for line in lines[:n_lines]),
    )


def _split(line: str, separator: str) -> list[str]:
    return [cell.strip().strip("\"'").strip() for cell in line.split(separator)]


def _column(text: str) -> _Column:
    found = _WITH_UNIT.fullmatch(text)
    if found is None:
        return _Column(name=text, unit="")
    return _Column(name=found["name"], unit=found["unit"].strip())


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _index(file: Path, head: _Head) -> tuple[NDArray[np.int64], int]:
    """Return where every ``_STEP``-th line of samples begins (and the end), and their number."""
    offsets = [head.n_bytes]
    n_lines, at, end = 0, head.n_bytes, head.n_bytes
    begun = head.n_bytes  # where the line begins that is being read
    blank = 0  # lines at the end that hold nothing
    with file.open("rb") as opened:
        opened.seek(at)
        while content := opened.read(_CHUNK):
            breaks = np.flatnonzero(np.frombuffer(content, dtype=np.uint8) == 10)
            ends = np.concatenate(([begun], at + breaks + 1, [at + len(content)]))
            refuse_above("line_bytes", np.diff(ends).max(), "bytes in a line", f"the file {file}")
            begun = int(ends[-2])
            steps = np.arange(-n_lines % _STEP or _STEP, len(breaks) + 1, _STEP) - 1
            offsets += (at + breaks[steps] + 1).tolist()
            kept = content.rstrip(b"\r\n \t")
            blank = content[len(kept) :].count(b"\n") + (0 if kept else blank)
            end = at + len(kept) if kept else end
            n_lines += len(breaks)
            at += len(content)
    # What follows the last sample's line break does not count; a line may also lack its break.
    n_samples = n_lines - blank + 1 if end > head.n_bytes else 0
    n_known = -(-n_samples // _STEP)
    return np.array([*offsets[:n_known], at], dtype=np.int64), n_samples


FORMAT = _Csv()
