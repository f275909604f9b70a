"""EDF and EDF+ recordings, piece by piece.

Not left to a library: what is needed are 16-bit integers at fixed places, and a reader must name
what is wrong with a damaged file, and give the pauses of an interrupted recording (EDF+D) as such.

References:
    Kemp et al., Electroencephalogr. Clin. Neurophysiol. 82:391, 1992,
    doi:10.1016/0013-4694(92)90009-7; Kemp and Olivan, Clin. Neurophysiol. 114:1755, 2003,
    doi:10.1016/S1388-2457(03)00123-8; https://www.edfplus.info/specs
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from data_prep.errors import DataError
from data_prep.io.formats.base import RecordingFormat
from data_prep.io.frames import at_rate, frames_around
from data_prep.io.limits import current, quoted, refuse_above
from data_prep.io.record import MILLIVOLT
from data_prep.io.recording import Recording

_FIXED: Final = 256
# Width of each field of a signal; a field of all signals comes before the next field.
_WIDTHS: Final = {
    "label": 16, "transducer": 80, "unit": 8, "low": 8, "high": 8, "digital_low": 8,
    "digital_high": 8, "filter": 80, "samples": 8, "reserved": 32,
}  # fmt: skip
_NOTES: Final = "edf annotations"
_SHORTEST_RECORD_S: Final = 1e-6
_KIND = re.compile(r"(?:(?:ecg|ekg|lead)[ _-]+)+", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Signal:
    """One signal of the header; ``first`` is its first sample within a data record."""

    label: str
    unit: str
    gain: float
    offset: float
    samples: int
    first: int


class EdfRecording(Recording):
    """Some signals of an EDF or EDF+ file, by label (``ECG II`` and ``EKG Lead II`` are ``II``).

    Those with the unit of a voltage are its leads; one that is slower than others is interpolated.

    Args:
        file: The file.
        units: Unit of all leads, in place of what the file says.

    Raises:
        DataError: If it is malformed or truncated.
    """

    def __init__(self, file: Path, units: str | None = None) -> None:
        self._file = file
        self.path = file.with_suffix("")
        self.files = (file,)
        self.where = f"the file {file} (signals in V, mV or uV)"
        self._header = _header(file)
        self._units = units
        self._signals = [
            signal
            for signal in self._header.signals
            if signal.label.casefold() != _NOTES
            and (signal.unit.casefold() in MILLIVOLT or units is not None)
        ]
        self.leads = tuple(_KIND.sub("", signal.label, count=1) for signal in self._signals)
        self.signals = tuple(self._header.signals.index(signal) for signal in self._signals)
        self._onsets = self._read_onsets() if self._header.is_interrupted else None
        self._take(range(len(self._signals)))

    @override
    def _take(self, columns: Sequence[int]) -> None:
        self._signals = [self._signals[column] for column in columns]
        self._scales = [MILLIVOLT[(self._units or s.unit).casefold()] for s in self._signals]
        self._rate = max((signal.samples for signal in self._signals), default=1)
        self.fs_hz = self._rate / self._header.frame_s
        self._places = self._frame_places()
        self.n_samples = int(self._places[-1]) + self._rate

    @override
    def assumptions(self, column: int) -> list[str]:
        own = self._signals[column].samples
        if own == self._rate:
            return []
        return [
            f"lead {self.leads[column]} of {own / self._header.frame_s:g} Hz was interpolated to "
            f"{self.fs_hz:g} Hz"
        ]

    @override
    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        out = np.full((stop - start, len(self._signals)), np.nan, dtype=np.float32)
        # Frames follow each other without a pause, but for EDF+D.
        first, last = np.searchsorted(self._places, (start - self._rate + 1, stop))
        breaks = np.flatnonzero(np.diff(self._places[first:last]) != self._rate) + 1
        for run in np.split(np.arange(first, last), breaks):
            if len(run):
                at = int(self._places[run[0]])
                begin, end = max(start, at), min(stop, at + len(run) * self._rate)
                shift = int(run[0]) * self._rate - at
                out[begin - start : end - start] = self._read(begin + shift, end + shift)
        return out

    def _read(self, start: int, stop: int) -> NDArray[np.float32]:
        """Read samples that count without pauses."""
        first, last = frames_around(start, stop, self._rate, self._header.n_frames)
        frames = self._frames(first, last)
        out = np.empty((stop - start, len(self._signals)), dtype=np.float32)
        for place, (signal, scale) in enumerate(zip(self._signals, self._scales, strict=True)):
            digital = frames[:, signal.first : signal.first + signal.samples].ravel()
            values = (digital * signal.gain + signal.offset) * scale
            with np.errstate(over="ignore", invalid="ignore"):
                out[:, place] = at_rate(values, signal.samples, first, start, stop, self._rate)
        out[np.isinf(out)] = np.nan
        return out

    def _frames(self, first: int, last: int) -> NDArray[Any]:
        width = self._header.width
        at = self._header.start + 2 * first * width
        count = (last - first) * width
        try:
            values = np.fromfile(self._file, dtype="<i2", count=count, offset=at)
        except OSError as error:
            raise DataError(f"the file {self._file} must be readable: {error}") from error
        if len(values) < count:
            raise DataError(f"the file {self._file} must stay as it is while it is read")
        return values.reshape(last - first, width)

    def _frame_places(self) -> NDArray[np.int64]:
        """Return the first sample of each data record."""
        onsets = self._onsets
        if onsets is None:
            return np.arange(self._header.n_frames, dtype=np.int64) * self._rate
        header = self._header
        frames = (onsets - onsets[0]) / header.frame_s
        paused = (frames[-1] + 1 - header.n_frames) * self._rate
        refuse_above("gap_samples", paused, "samples in pauses", f"the file {self._file}")
        if frames.min() < -1 or frames.max() > frames[-1] + 1:
            raise self._out_of_order()
        places = np.rint(frames * self._rate).astype(np.int64)
        # Clocks are rounded: what is off by less than a sample is no pause.
        near = np.abs(np.diff(places) - self._rate) <= 1
        if (np.diff(places) < self._rate - 1).any():
            raise self._out_of_order()
        parts = len(places) - int(near.sum())
        refuse_above("parts", parts, "parts between pauses", f"the file {self._file}")
        pauses = np.where(near, 0, np.diff(places) - self._rate)
        places = np.arange(len(places)) * self._rate
        places[1:] += np.cumsum(pauses)
        return places

    def _out_of_order(self) -> DataError:
        return DataError(
            f"the data records of {self._file} must follow each other in time; they do not"
        )

    def _read_onsets(self) -> NDArray[np.float64]:
        """Return when each data record of an interrupted recording begins, in seconds."""
        notes = next((s for s in self._header.signals if s.label.casefold() == _NOTES), None)
        n_frames = self._header.n_frames
        longest = int(current().number_characters)
        onsets = np.empty(n_frames)
        for first in range(0, n_frames if notes else 0, 1024):
            assert notes is not None
            frames = self._frames(first, min(first + 1024, n_frames))
            for row, frame in enumerate(frames[:, notes.first : notes.first + notes.samples]):
                text = frame[:longest].tobytes().partition(b"\x14")[0]
                try:
                    onsets[first + row] = float(text)
                except ValueError:
                    notes = None
                    break
            if notes is None:
                break
        if notes is None or not np.isfinite(onsets).all() or np.abs(onsets).max() > 1e9:
            raise DataError(
                f"each data record of {self._file} (EDF+D) must say when it begins; one does not"
            )
        return onsets


@dataclass(frozen=True, slots=True, kw_only=True)
class _Header:
    """What is needed of a header; ``width`` is the samples of a data record."""

    start: int
    n_frames: int
    frame_s: float
    width: int
    is_interrupted: bool
    signals: tuple[_Signal, ...]


def _header(file: Path) -> _Header:
    try:
        size = file.stat().st_size
        with file.open("rb") as opened:
            fixed = opened.read(_FIXED)
            n_signals = _number(file, fixed[252:256], "a number of signals", whole=True)
            refuse_above("leads", n_signals, "signals", f"the file {file}")
            if len(fixed) < _FIXED or not fixed.startswith(b"0       ") or not n_signals > 0:
                raise DataError(f"the file {file} must begin with an EDF header; it does not")
            rest = opened.read(int(n_signals) * _FIXED)
    except OSError as error:
        raise DataError(f"the file {file} must be readable: {error.strerror}") from error
    n_signals = int(n_signals)
    start = _FIXED * (n_signals + 1)
    stated = _number(file, fixed[184:192], "the length of its header", whole=True)
    if len(rest) < n_signals * _FIXED or stated != start:
        raise DataError(
            f"the header of {file} must have {start} bytes for {n_signals} signals; it says "
            f"{stated:g} and the file has {size}: is it truncated?"
        )
    signals = _signals(file, rest, n_signals)
    width = sum(signal.samples for signal in signals)
    refuse_above("record_samples", width, "samples in a data record", f"the file {file}")
    n_frames = int(_number(file, fixed[236:244], "a number of data records", whole=True))
    refuse_above("records", n_frames, "data records", f"the file {file}")
    frame_s = _number(file, fixed[244:252], "the duration of a data record")
    there = (size - start) // (2 * width)
    if n_frames == -1:  # the recorder did not come to say it
        n_frames = there
        refuse_above("records", n_frames, "data records", f"the file {file}")
    if n_frames < 1 or not _SHORTEST_RECORD_S <= frame_s <= current().longest_s:
        raise DataError(
            f"the file {file} must hold data records of some seconds; its header says {n_frames} "
            f"of {frame_s:g} s"
        )
    if there < n_frames:
        raise DataError(
            f"the file {file} must hold {n_frames} data records as its header says; it has "
            f"{there}: it is truncated"
        )
    interrupted = fixed[192:197] == b"EDF+D"
    return _Header(
        start=start, n_frames=n_frames, frame_s=frame_s, width=width,
        is_interrupted=interrupted, signals=signals,
    )  # fmt: skip


def _signals(file: Path, content: bytes, n_signals: int) -> tuple[_Signal, ...]:
    fields: dict[str, list[bytes]] = {}
    at = 0
    for name, width in _WIDTHS.items():
        fields[name] = [content[at + k * width : at + (k + 1) * width] for k in range(n_signals)]
        at += width * n_signals
    signals, first = [], 0
    for k in range(n_signals):
        label = _text(fields["label"][k])
        samples = int(_number(file, fields["samples"][k], f"samples of {label}", whole=True))
        low, high, digital_low, digital_high = (
            _number(file, fields[name][k], f"the range of {label}")
            for name in ("low", "high", "digital_low", "digital_high")
        )
        if samples < 1 or digital_low == digital_high or low == high:
            raise DataError(
                f"signal {label} of {file} must have samples and a range; its header says "
                f"{samples:g} samples, {low:g} to {high:g} for {digital_low:g} to {digital_high:g}"
            )
        gain = (high - low) / (digital_high - digital_low)
        largest = max(map(abs, (low, high, digital_low, digital_high, gain, 1 / gain)))
        refuse_above("steps", largest, f"in the range of {label}", f"the file {file}")
        signals.append(
            _Signal(
                label=label, unit=_text(fields["unit"][k]), gain=gain,
                offset=low - digital_low * gain, samples=samples, first=first,
            )
        )  # fmt: skip
        first += samples
    return tuple(signals)


def _text(field: bytes) -> str:
    return field.decode("latin-1").strip(" \0")


def _number(file: Path, field: bytes, what: str, *, whole: bool = False) -> float:
    text = _text(field)
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or (whole and value != int(value)) or "_" in text:
        raise DataError(f"the header of {file} must give {what}; got {quoted(text)}")
    return value


class _Edf(RecordingFormat):
    name = "edf"
    description = "EDF and EDF+ (.edf)."
    endings = (".edf",)
    takes_units = True

    @override
    def recognizes(self, file: Path) -> bool:
        try:
            with file.open("rb") as opened:
                fixed = opened.read(_FIXED)
        except OSError:
            return False
        return len(fixed) == _FIXED and fixed.startswith(b"0       ")

    @override
    def open(
        self, path: Path, *, fs_hz: float | None = None, units: str | None = None
    ) -> Recording:
        return EdfRecording(path, units)


FORMAT = _Edf()
