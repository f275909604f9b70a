"""The lines of a WFDB header, checked field by field before any of their numbers is used."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from data_prep.errors import DataError
from data_prep.io.limits import current, quoted, refuse_above, whole

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_NAME = re.compile(r"(?P<name>[^/\s]+)(/(?P<segments>\d+))?")
_RATE = re.compile(rf"(?P<rate>{_NUMBER})(/{_NUMBER}(\({_NUMBER}\))?)?")
_FORMAT = re.compile(r"(?P<format>\d+)(x(?P<frame>\d+))?(:(?P<skew>\d+))?(\+(?P<offset>\d+))?")
_GAIN = re.compile(rf"(?P<gain>{_NUMBER})(\((?P<baseline>-?\d+)\))?(/(?P<unit>\S+))?")
# What wfdb can read of them.
_PLAIN_RATE = re.compile(r"\d+\.?\d*|\.\d+")
_SIGNAL_FILE = re.compile(r"~|[-\w]+(\.\w*)?", re.ASCII)
_INTEGER = re.compile(r"[-+]?\d+")

# What WFDB takes where a header does not say.
_DEFAULT_RATE_HZ = "250"
_DEFAULT_GAIN = 200.0


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


def header_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.hea")


def header_lines(path: Path) -> list[str]:
    """Return the lines of a header that are not comments."""
    file = header_file(path)
    if not file.is_file():
        raise DataError(f"record {path} must have a header {file.name}; there is none")
    try:
        refuse_above("header_bytes", file.stat().st_size, "bytes", f"the header {file}")
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise DataError(f"the header {file} must be readable: {error}") from error
    lines = [line.strip() for line in text.splitlines()]
    longest = max(map(len, lines), default=0)
    refuse_above("line_bytes", longest, "characters in a line", f"the header {file}")
    lines = [line for line in lines if line and not line.startswith("#")]
    if not lines or "\0" in text:
        raise DataError(f"the header {file} must be readable text; it is empty or binary")
    return lines


def record_line(file: Path, line: str) -> tuple[re.Match[str], int, float, int]:
    """Return name, number of leads, rate and length (0 where it is not said)."""
    fields = line.split()
    name = _NAME.fullmatch(fields[0])
    if name is None or len(fields) < 2:
        raise DataError(
            f"the header {file} must begin with a name and a number of leads; it does with "
            f"{quoted(line)}"
        )
    n_leads = _whole(file, fields[1], "a number of leads")
    rate = _DEFAULT_RATE_HZ
    if len(fields) > 2:
        rate = _match(file, fields[2], _RATE, "a sampling rate")["rate"]
    fs_hz = float(rate)
    n_samples = 0
    if len(fields) > 3:
        n_samples = _whole(file, fields[3], "a number of samples")
    if not math.isfinite(fs_hz) or fs_hz <= 0:
        raise DataError(f"the header {file} must give a sampling rate above 0; got {fields[2]}")
    if _PLAIN_RATE.fullmatch(rate) is None:
        raise DataError(f"the header {file} must give a sampling rate in plain digits; got {rate}")
    if min(n_leads, n_samples) < 0:
        raise DataError(f"the header {file} must not give numbers below 0; got {quoted(line)}")
    refuse_above("leads", n_leads, "leads", f"the header {file}")
    return name, n_leads, fs_hz, n_samples


def lead_line(file: Path, line: str) -> Lead:
    fields = line.split(maxsplit=8)
    if len(fields) < 2:
        raise DataError(
            f"the header {file} must give each lead a file and a format; got {quoted(line)}"
        )
    _refuse_path(file, fields[0])
    if len(fields) > 8:
        refuse_above("name_characters", len(fields[8]), "characters in a lead's name", file)
    _match(file, fields[0], _SIGNAL_FILE, "signal files names of letters, digits, -, _ and one dot")
    form = _match(file, fields[1], _FORMAT, "a format for each lead")
    gain = _match(file, fields[2], _GAIN, "a gain for each lead") if len(fields) > 2 else None
    for text in fields[3:8]:
        _whole(file, text, "numbers for each lead")
    per_frame, skew, offset = (
        whole(form[part] or default, f"{part} of each lead", f"the header {file}")
        for part, default in (("frame", "1"), ("skew", "0"), ("offset", "0"))
    )
    if per_frame == 0:
        raise DataError(
            f"the header {file} must give leads of one sample a frame or more; {quoted(line)}"
        )
    refuse_above("frame_samples", per_frame, "samples of a lead a frame", f"the header {file}")
    refuse_above("skew_frames", skew, "frames that a lead lies behind", f"the header {file}")
    baseline = gain["baseline"] if gain else None
    if baseline is None:
        baseline = fields[4] if len(fields) > 4 else "0"
    steps = (float(gain["gain"]) if gain else 0) or _DEFAULT_GAIN
    base = _whole(file, baseline, "a baseline of each lead")
    largest = max(abs(steps), 1 / abs(steps), abs(base))
    refuse_above("steps", largest, "steps in gain and baseline", f"the header {file}")
    return Lead(
        file=fields[0],
        name=fields[8] if len(fields) > 8 else "unnamed",
        fmt=form["format"],
        per_frame=per_frame,
        offset=offset,
        unit=(gain["unit"] if gain else None) or "mV",
        calibrated=gain is not None and float(gain["gain"]) != 0,
        gain=steps,
        baseline=base,
    )


def _refuse_path(file: Path, name: str) -> None:
    if Path(name).name != name or name == ".." or "\\" in name:
        raise DataError(
            f"the header {file} must name files beside it, not paths; got {quoted(name)}"
        )


def _match(file: Path, text: str, pattern: re.Pattern[str], what: str) -> re.Match[str]:
    # Some patterns take the square of a text's length.
    limit = "name_characters" if pattern is _SIGNAL_FILE else "number_characters"
    found = pattern.fullmatch(text) if len(text) <= getattr(current(), limit) else None
    if found is None:
        raise DataError(f"the header {file} must give {what}; got {quoted(text)}")
    return found


def _whole(file: Path, text: str, what: str) -> int:
    return whole(_match(file, text, _INTEGER, what)[0], what, f"the header {file}")


def part_lines(file: Path, lines: Sequence[str]) -> tuple[tuple[str, int], ...]:
    refuse_above("parts", len(lines), "parts", f"the header {file}")
    segments = []
    for line in lines:
        fields = line.split()
        if len(fields) != 2 or not fields[1].isdecimal():
            raise DataError(
                f"the header {file} must give parts and their lengths; got {quoted(line)}"
            )
        _refuse_path(file, fields[0])
        segments.append((fields[0], _whole(file, fields[1], "lengths of parts")))
    return tuple(segments)
