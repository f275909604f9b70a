"""What the header of a WFDB record says, checked field by field.

References:
    https://physionet.org/physiotools/wag/header-5.htm
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from data_prep.errors import DataError

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_NAME = re.compile(r"(?P<name>[^/\s]+)(/(?P<segments>\d+))?")
_RATE = re.compile(rf"(?P<rate>{_NUMBER})(/{_NUMBER}(\({_NUMBER}\))?)?")
_FORMAT = re.compile(r"(?P<format>\d+)(x(?P<frame>\d+))?(:\d+)?(\+(?P<offset>\d+))?")
_GAIN = re.compile(rf"(?P<gain>{_NUMBER})(\((?P<baseline>-?\d+)\))?(/(?P<unit>\S+))?")
# What wfdb can read of them.
_PLAIN_RATE = re.compile(r"\d+\.?\d*|\.\d+")
_SIGNAL_FILE = re.compile(r"~|[-\w]+(\.\w*)?", re.ASCII)
_INTEGER = re.compile(r"[-+]?\d+")

# What WFDB takes where a header does not say.
_DEFAULT_RATE_HZ = "250"
_DEFAULT_GAIN = 200.0

# Bits a sample of the formats that have a fixed width; the others are compressed.
_BITS = {name: Fraction(int(name)) for name in ("8", "16", "24", "32")} | {
    "61": Fraction(16),
    "80": Fraction(8),
    "160": Fraction(16),
    "212": Fraction(12),
    # Three samples of 10 bits in 32; the last word may be cut short.
    "310": Fraction(32, 3),
    "311": Fraction(32, 3),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """One lead of a header.

    Attributes:
        name: Its name.
        file: Name of the file that holds its samples.
        fmt: Number of that file's format.
        per_frame: Samples a frame.
        offset: Bytes of the file before the first sample.
        unit: Unit of the values.
        calibrated: Whether there is a gain; without one, 200 steps a unit are taken.
        gain: Steps a unit.
        baseline: The step of 0.
    """

    name: str
    file: str = "~"
    fmt: str = "0"
    per_frame: int = 1
    offset: int = 0
    unit: str = "mV"
    calibrated: bool = True
    gain: float = _DEFAULT_GAIN
    baseline: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a record's header says.

    Attributes:
        fs_hz: Frames a second: the sampling rate of leads with one sample a frame.
        n_samples: Length in frames.
        channels: The leads, in the order of the columns.
        segments: Name (``~``: a gap) and frames of each part of a record in several parts.
        states_length: Whether the header says how long it is; else its files do.
        parts: Header of each part by its name, gaps and parts without samples aside.
    """

    fs_hz: float
    n_samples: int
    channels: tuple[Lead, ...]
    segments: tuple[tuple[str, int], ...] = ()
    states_length: bool = True
    parts: Mapping[str, Header] = field(default_factory=dict)

    @property
    def leads(self) -> tuple[str, ...]:
        """Names of the leads, in the order of the columns."""
        return tuple(lead.name for lead in self.channels)

    def oversampling(self, columns: Sequence[int]) -> int:
        """Return the samples a frame of the fastest of these leads: as often are they read."""
        return max((self.channels[column].per_frame for column in columns), default=1)


def read_header(path: str | Path) -> Header:
    """Read the header of the WFDB record ``path`` (without extension).

    Raises:
        DataError: If it is missing, has text where a number must be, or announces no samples.
    """
    path = Path(path)
    lines = _lines(path)
    name, _, fs_hz, _ = _record_line(_file(path), lines[0])
    if name["segments"] is not None:
        return _joined(path, _segments(_file(path), lines[1:]), fs_hz)
    return _plain(path, lines)


def _plain(path: Path, lines: Sequence[str]) -> Header:
    """Return the header of a record that is in one part, from its lines."""
    _, n_leads, fs_hz, n_samples = _record_line(_file(path), lines[0])
    if len(lines) <= n_leads:
        raise DataError(
            f"the header {_file(path)} must have a line for each of its {n_leads} leads; it has "
            f"{len(lines) - 1}: is it truncated?"
        )
    channels = tuple(_lead_line(_file(path), line) for line in lines[1 : 1 + n_leads])
    states_length = n_samples > 0
    if channels and not states_length:
        n_samples = _frames_of_files(path, channels)
    if not channels or not n_samples:
        raise DataError(f"record {path} must hold samples of at least one lead; it holds none")
    if not states_length and len(lines[0].split()) > 3:
        raise DataError(
            f"the header {_file(path)} must give the number of samples, or leave it out; it gives "
            f"0, and the files hold {n_samples}"
        )
    return Header(fs_hz=fs_hz, n_samples=n_samples, channels=channels, states_length=states_length)


def segment_names(path: Path) -> list[str]:
    """Return the names of the records that record ``path`` is made of; none of a plain one.

    Raises:
        DataError: If there is no header, or one of malformed lines.
    """
    lines = _lines(path)
    if _record_line(_file(path), lines[0])[0]["segments"] is None:
        return []
    return [name for name, _ in _segments(_file(path), lines[1:]) if name != "~"]


def record_files(path: Path, header: Header) -> list[Path]:
    """Return the files that the record ``path`` of this header is read from."""
    if not header.segments:
        return _plain_files(path, header)
    parts = [
        file
        for name, length in header.segments
        if name != "~" and length
        for file in _plain_files(path.with_name(name), header.parts[name])
    ]
    return [_file(path), *parts]


def _plain_files(path: Path, header: Header) -> list[Path]:
    return [_file(path), *(path.with_name(name) for name in _files(header.channels))]


def refuse_short_files(path: Path, header: Header) -> None:
    """Refuse signal files that are missing, and files of a fixed width that are too short.

    Raises:
        DataError: If there is one.
    """
    for name, part in header.parts.items():
        refuse_short_files(path.with_name(name), part)
    if header.segments:
        return
    for name, (bits, offset) in _files(header.channels).items():
        size = _size(path, name)
        needed = offset + int(bits * header.n_samples / 8)
        if size < needed:
            raise DataError(
                f"the signal file {path.with_name(name)} must have {needed} bytes as its header "
                f"says; it has {size}: it is truncated"
            )


def _file(path: Path) -> Path:
    return path.with_name(f"{path.name}.hea")


def _lines(path: Path) -> list[str]:
    """Return the lines of a header that are not comments."""
    file = _file(path)
    if not file.is_file():
        raise DataError(f"record {path} must have a header {file.name}; there is none")
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise DataError(f"the header {file} must be readable: {error}") from error
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    if not lines or "\0" in text:
        raise DataError(f"the header {file} must be readable text; it is empty or binary")
    return lines


def _record_line(file: Path, line: str) -> tuple[re.Match[str], int, float, int]:
    """Return name, number of leads, rate and length (0 where it is not said)."""
    fields = line.split()
    name = _NAME.fullmatch(fields[0])
    if name is None or len(fields) < 2:
        raise DataError(
            f"the header {file} must begin with a name and a number of leads; it does with {line!r}"
        )
    n_leads = int(_match(file, fields[1], _INTEGER, "a number of leads")[0])
    rate = _DEFAULT_RATE_HZ
    if len(fields) > 2:
        rate = _match(file, fields[2], _RATE, "a sampling rate")["rate"]
    fs_hz = float(rate)
    n_samples = 0
    if len(fields) > 3:
        n_samples = int(_match(file, fields[3], _INTEGER, "a number of samples")[0])
    if not math.isfinite(fs_hz) or fs_hz <= 0:
        raise DataError(f"the header {file} must give a sampling rate above 0; got {fields[2]}")
    if _PLAIN_RATE.fullmatch(rate) is None:
        raise DataError(f"the header {file} must give a sampling rate in plain digits; got {rate}")
    if min(n_leads, n_samples) < 0:
        raise DataError(f"the header {file} must not give numbers below 0; got {line!r}")
    return name, n_leads, fs_hz, n_samples


def _lead_line(file: Path, line: str) -> Lead:
    fields = line.split(maxsplit=8)
    if len(fields) < 2:
        raise DataError(f"the header {file} must give each lead a file and a format; got {line!r}")
    _refuse_path(file, fields[0])
    _match(file, fields[0], _SIGNAL_FILE, "signal files names of letters, digits, -, _ and one dot")
    form = _match(file, fields[1], _FORMAT, "a format for each lead")
    gain = _match(file, fields[2], _GAIN, "a gain for each lead") if len(fields) > 2 else None
    for text in fields[3:8]:
        _match(file, text, _INTEGER, "numbers for each lead")
    if form["frame"] is not None and int(form["frame"]) == 0:
        raise DataError(f"the header {file} must give leads of one sample a frame or more; {line}")
    baseline = gain["baseline"] if gain else None
    if baseline is None:
        baseline = fields[4] if len(fields) > 4 else "0"
    return Lead(
        file=fields[0],
        name=fields[8] if len(fields) > 8 else "unnamed",
        fmt=form["format"],
        per_frame=int(form["frame"] or 1),
        offset=int(form["offset"] or 0),
        unit=(gain["unit"] if gain else None) or "mV",
        calibrated=gain is not None and float(gain["gain"]) != 0,
        gain=(float(gain["gain"]) if gain else 0) or _DEFAULT_GAIN,
        baseline=int(baseline),
    )


def _refuse_path(file: Path, name: str) -> None:
    if Path(name).name != name or name == ".." or "\\" in name:
        raise DataError(f"the header {file} must name files beside it, not paths; got {name!r}")


def _match(file: Path, text: str, pattern: re.Pattern[str], what: str) -> re.Match[str]:
    found = pattern.fullmatch(text)
    if found is None:
        raise DataError(f"the header {file} must give {what}; got {text!r}")
    return found


def _segments(file: Path, lines: Sequence[str]) -> tuple[tuple[str, int], ...]:
    segments = []
    for line in lines:
        fields = line.split()
        if len(fields) != 2 or not fields[1].isdecimal():
            raise DataError(f"the header {file} must give parts and their lengths; got {line!r}")
        _refuse_path(file, fields[0])
        segments.append((fields[0], int(fields[1])))
    return tuple(segments)


def _joined(path: Path, segments: tuple[tuple[str, int], ...], fs_hz: float) -> Header:
    """Return the header of a record in parts; its leads are those of any part, in that order."""
    channels: dict[str, Lead] = {}
    parts: dict[str, Header] = {}
    for name, length in segments:
        # A part without samples only lists the leads that come and go in the others.
        if name == "~" or not length:
            continue
        lines = _lines(path.with_name(name))
        if _record_line(_file(path.with_name(name)), lines[0])[0]["segments"] is not None:
            raise DataError(f"part {name} of record {path} must not consist of parts itself")
        part = _plain(path.with_name(name), lines)
        one_a_frame = part.oversampling(range(len(part.channels))) == 1
        if not one_a_frame or part.fs_hz != fs_hz or part.n_samples != length:
            raise DataError(
                f"part {name} of record {path} must be a plain record of {length} samples at "
                f"{fs_hz:g} Hz, one a frame; its header says otherwise"
            )
        parts[name] = part
        for lead in part.channels:
            known = channels.setdefault(lead.name, Lead(name=lead.name))
            if not lead.calibrated and known.calibrated:
                channels[lead.name] = Lead(name=lead.name, calibrated=False)
    n_samples = sum(length for _, length in segments)
    if not channels or not n_samples:
        raise DataError(f"record {path} must hold samples of at least one lead; it holds none")
    return Header(
        fs_hz=fs_hz, n_samples=n_samples, channels=tuple(channels.values()), segments=segments,
        parts=parts,
    )  # fmt: skip


def _files(channels: Sequence[Lead]) -> dict[str, tuple[Fraction, int]]:
    """Return bits a frame (0 where compressed) and offset of each signal file."""
    files: dict[str, tuple[Fraction, int]] = {}
    for lead in channels:
        bits, _ = files.get(lead.file, (Fraction(0), 0))
        files[lead.file] = (bits + _BITS.get(lead.fmt, Fraction(0)) * lead.per_frame, lead.offset)
    return files


def _frames_of_files(path: Path, channels: Sequence[Lead]) -> int:
    """Return how many frames the files hold, where the header does not say."""
    lengths = [
        int(8 * max(_size(path, name) - offset, 0) / bits)
        for name, (bits, offset) in _files(channels).items()
        if bits
    ]
    return min(lengths, default=0)


def _size(path: Path, name: str) -> int:
    file = path.with_name(name)
    if not file.is_file():
        raise DataError(f"record {path} must have its signal file {name}; there is none")
    return file.stat().st_size
