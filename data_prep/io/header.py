"""What the header of a WFDB record says, checked field by field.

References:
    https://physionet.org/physiotools/wag/header-5.htm
"""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from data_prep.errors import DataError
from data_prep.io._header_lines import (
    Lead,
    header_file,
    header_lines,
    lead_line,
    part_lines,
    record_line,
)
from data_prep.io.limits import refuse_above

__all__ = [
    "Header",
    "Lead",
    "read_header",
    "record_files",
    "refuse_short_files",
    "segment_names",
]

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
# Samples a byte of a compressed file: a long flat line takes that little.
_COMPRESSED = 64


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
        starts: First frame of each segment.
    """

    fs_hz: float
    n_samples: int
    channels: tuple[Lead, ...]
    segments: tuple[tuple[str, int], ...] = ()
    states_length: bool = True
    parts: Mapping[str, Header] = field(default_factory=dict)
    starts: tuple[int, ...] = ()

    @property
    def leads(self) -> tuple[str, ...]:
        """Names of the leads, in the order of the columns."""
        return tuple(lead.name for lead in self.channels)

    def oversampling(self, columns: Sequence[int]) -> int:
        """Return the samples a frame of the fastest of these leads: as often are they read."""
        return max((self.channels[column].per_frame for column in columns), default=1)

    def segments_between(self, start: int, stop: int) -> Iterator[tuple[int, str, int]]:
        """Yield first frame, name and length of each segment that has frames in this range."""
        first = max(bisect_right(self.starts, start) - 1, 0)
        for at, (name, length) in zip(self.starts[first:], self.segments[first:], strict=True):
            if at >= stop:
                return
            yield at, name, length


def read_header(path: str | Path) -> Header:
    """Read the header of the WFDB record ``path`` (without extension).

    Raises:
        DataError: If it is missing, has text where a number must be, or announces no samples.
    """
    path = Path(path)
    lines = header_lines(path)
    name, _, fs_hz, _ = record_line(header_file(path), lines[0])
    if name["segments"] is not None:
        return _joined(path, part_lines(header_file(path), lines[1:]), fs_hz)
    return _plain(path, lines)


def _plain(path: Path, lines: Sequence[str]) -> Header:
    """Return the header of a record that is in one part, from its lines."""
    _, n_leads, fs_hz, n_samples = record_line(header_file(path), lines[0])
    if len(lines) <= n_leads:
        raise DataError(
            f"the header {header_file(path)} must have a line for each of its {n_leads} leads; it "
            f"has {len(lines) - 1}: is it truncated?"
        )
    channels = tuple(lead_line(header_file(path), line) for line in lines[1 : 1 + n_leads])
    states_length = n_samples > 0
    if channels and not states_length:
        n_samples = _frames_of_files(path, channels)
    if not channels or not n_samples:
        raise DataError(f"record {path} must hold samples of at least one lead; it holds none")
    if not states_length and len(lines[0].split()) > 3:
        raise DataError(
            f"the header {header_file(path)} must give the number of samples, or leave it out; it "
            f"gives 0, and the files hold {n_samples}"
        )
    return Header(fs_hz=fs_hz, n_samples=n_samples, channels=channels, states_length=states_length)


def segment_names(path: Path) -> list[str]:
    """Return the names of the records that record ``path`` is made of; none of a plain one.

    Raises:
        DataError: If there is no header, or one of malformed lines.
    """
    lines = header_lines(path)
    if record_line(header_file(path), lines[0])[0]["segments"] is None:
        return []
    return [name for name, _ in part_lines(header_file(path), lines[1:]) if name != "~"]


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
    return [header_file(path), *parts]


def _plain_files(path: Path, header: Header) -> list[Path]:
    return [header_file(path), *(path.with_name(name) for name in _files(header.channels))]


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
        if not bits:  # how long it is shows when it is read
            _refuse_unheld(path, header, name, size)
            continue
        needed = offset + int(bits * header.n_samples / 8)
        if size < needed:
            raise DataError(
                f"the signal file {path.with_name(name)} must have {needed} bytes as its header "
                f"says; it has {size}: it is truncated"
            )


def _refuse_unheld(path: Path, header: Header, name: str, size: int) -> None:
    """Refuse a compressed file that says many more samples than its bytes may hold."""
    own = [lead for lead in header.channels if lead.file == name]
    frames = header.n_samples + max(lead.offset for lead in own)
    unheld = frames * sum(lead.per_frame for lead in own) - _COMPRESSED * size
    refuse_above(
        "gap_samples", unheld, f"samples beyond {_COMPRESSED} a byte", path.with_name(name)
    )


def _joined(path: Path, segments: tuple[tuple[str, int], ...], fs_hz: float) -> Header:
    """Return the header of a record in parts; its leads are those of any part, in that order."""
    channels: dict[str, Lead] = {}
    parts: dict[str, Header] = {}
    unheld = 0
    for name, length in segments:
        if name == "~" or name in parts:
            unheld += length
            refuse_above("gap_samples", unheld, "samples in gaps and parts named twice", path)
        # A part without samples only lists the leads that come and go in the others.
        if name == "~" or not length:
            continue
        if name in parts and parts[name].n_samples == length:
            continue
        lines = header_lines(path.with_name(name))
        if record_line(header_file(path.with_name(name)), lines[0])[0]["segments"] is not None:
            raise DataError(f"part {name} of record {path} must not consist of parts itself")
        part = _plain(path.with_name(name), lines)
        one_a_frame = part.oversampling(range(len(part.channels))) == 1
        if not one_a_frame or part.fs_hz != fs_hz or part.n_samples != length:
            raise DataError(
                f"part {name} of record {path} must be a plain record of {length} samples at "
                f"{fs_hz:g} Hz, one a frame; its header says otherwise"
            )
        parts[name] = part
        refuse_above("leads", len(channels), "leads", f"record {path}")
        for lead in part.channels:
            known = channels.setdefault(lead.name, Lead(name=lead.name))
            if not lead.calibrated and known.calibrated:
                channels[lead.name] = Lead(name=lead.name, calibrated=False)
    n_samples = sum(length for _, length in segments)
    if not channels or not n_samples:
        raise DataError(f"record {path} must hold samples of at least one lead; it holds none")
    return Header(
        fs_hz=fs_hz, n_samples=n_samples, channels=tuple(channels.values()), segments=segments,
        parts=parts, starts=tuple(itertools.accumulate((n for _, n in segments[:-1]), initial=0)),
    )  # fmt: skip


def _files(channels: Sequence[Lead]) -> dict[str, tuple[Fraction, int]]:
    """Return bits a frame (0 where compressed) and offset of each signal file."""
    files: dict[str, tuple[Fraction, int]] = {}
    for lead in channels:
        bits, offset = files.get(lead.file, (Fraction(0), 0))
        bits += _BITS.get(lead.fmt, Fraction(0)) * lead.per_frame
        files[lead.file] = (bits, max(offset, lead.offset))
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
