"""Formats of recordings: one module each; the folder is the registry."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from data_prep.errors import DataError
from data_prep.io.formats.base import RecordingFormat
from data_prep.io.limits import current
from data_prep.registry import Registry

if TYPE_CHECKING:
    from data_prep.io.record import Record
    from data_prep.io.recording import Recording

__all__ = [
    "RecordingFormat",
    "any_in",
    "available",
    "find",
    "format_of",
    "load",
    "open_file",
    "open_recording",
    "read_record",
]

_REGISTRY = Registry(
    package=__name__,
    path=__path__,
    folder="formats",
    what="format",
    constant="FORMAT",
    kind=RecordingFormat,
    error=DataError,
)


def available() -> list[str]:
    """Return the names of the formats, without importing them."""
    return _REGISTRY.available()


def load(name: str) -> RecordingFormat:
    """Return the format called ``name``.

    Raises:
        DataError: If there is none of that name, or it is not written as it must be.
    """
    found: RecordingFormat = _REGISTRY.load(name)
    return found


def format_of(given: str | Path) -> RecordingFormat:
    """Return the format of the recording ``given``: by its ending, else by its content.

    What neither tells is taken for a name without an ending.

    Raises:
        DataError: If ``given`` is a folder.
    """
    path = Path(given)
    if path.name in ("", ".."):
        raise DataError(
            f"a recording must be a file, or a record's name; {str(given)!r} is a folder"
        )
    formats = [load(name) for name in available()]
    by_ending = [form for form in formats if path.suffix and form.owns(path)]
    if by_ending and path.is_file():
        return by_ending[0]
    by_content = [form for form in formats if form.recognizes(path)]
    by_name = [form for form in formats if "" in form.endings]
    return [*by_content, *by_ending, *by_name][0]


def find(folder: Path, *, annotators: Sequence[str] = ()) -> list[Path]:
    """Return the recordings of all formats in ``folder`` and its folders, as they are opened.

    Args:
        folder: Where to look.
        annotators: A file that no format recognizes, but whose ending is one's own, is meant as
            a recording where one of these annotated it: who opens it learns what it lacks.

    Raises:
        DataError: If a header is malformed, or two files may be the same recording.
    """
    from data_prep.io.annotations import annotation_file

    formats = [load(name) for name in available()]
    named: dict[Path, Path] = {}
    for form in formats:
        for path in form.find(folder):
            other = named.setdefault(form.stem(path), path)
            if other != path:
                raise DataError(
                    f"each recording must be there once; {form.stem(path)} is there as "
                    f"{format_of(other).name} and {form.name}: take one of them away"
                )
    for file in sorted(folder.rglob("*")) if annotators else []:
        for form in formats:
            if file.suffix and form.owns(file) and not form.recognizes(file):
                stem = form.stem(file)
                if any(annotation_file(stem, name) is not None for name in annotators):
                    named.setdefault(stem, file)
    return [named[stem] for stem in sorted(named)]


def any_in(folder: Path) -> bool:
    """Say whether there is a recording in ``folder`` or its folders."""
    formats = [load(name) for name in available()]
    return any(
        form.owns(file) and form.recognizes(file)
        for file in folder.rglob("*")
        if file.suffix
        for form in formats
    )


def open_file(
    given: str | Path, *, fs_hz: float | None = None, units: str | None = None
) -> Recording:
    """Open the recording ``given`` with all its leads, to ``choose`` some of them.

    Args:
        given: As for :func:`open_recording`, and so are the others.
        fs_hz: Sampling rate.
        units: Unit of all leads.

    Raises:
        DataError: If there is no such recording, it is malformed, or its format takes no such
            rate or unit.
    """
    form, path = format_of(given), Path(given)
    if "" not in form.endings and not path.is_file():
        raise DataError(f"the recording {path} must be a file; there is none")
    if fs_hz is not None and not form.takes_rate:
        able = [name for name in available() if load(name).takes_rate]
        raise DataError(f"--fs is for {', '.join(able)}; {path} says its sampling rate itself")
    if units is not None and not form.takes_units:
        able = [name for name in available() if load(name).takes_units]
        raise DataError(f"--units is for {', '.join(able)}; {path} says its units itself")
    return form.open(path, fs_hz=fs_hz, units=units)


def open_recording(
    given: str | Path,
    *,
    leads: Sequence[str] | None = None,
    fs_hz: float | None = None,
    units: str | None = None,
) -> Recording:
    """Open some leads of the recording ``given``, of any format of this folder.

    Args:
        given: A file, or a record's name where a format has such.
        leads: Leads to read, as for ``leads.choose_leads``; all of them by default.
        fs_hz: Sampling rate, where a format takes one and the file does not tell it.
        units: ``mV``, ``uV`` or ``V``: the unit of all leads, where a format takes one.

    Raises:
        DataError: If there is no such recording, or it cannot be used.
    """
    recording = open_file(given, fs_hz=fs_hz, units=units).choose(leads)
    recording.refuse_rate()
    limits = current()
    if not limits.shortest_s <= recording.duration_s <= limits.longest_s:
        raise DataError(
            f"the recording {Path(given)} must last from {limits.shortest_s:g} s to "
            f"{limits.longest_s / 86400:g} days; it lasts {recording.duration_s:.4g} s"
        )
    return recording


def read_record(
    given: str | Path,
    *,
    leads: Sequence[str] | None = None,
    annotator: str | None = "atr",
    patient: str | None = None,
    beat_symbols: Collection[str] | None = None,
) -> Record:
    """Read one recording as a whole, with the beats of one annotator.

    Args:
        given: As for :func:`open_recording`.
        leads: Leads to read, as for ``leads.choose_leads``; all of them by default.
        annotator: Whose annotation file to read; ``None`` reads none (no beats).
        patient: Whose recording it is; by default the record's name.
        beat_symbols: Annotations that count as beats, the others are passed over; by default
            those of ``annotations.BEAT_SYMBOLS``.

    Raises:
        DataError: If a file is missing, truncated or malformed, a lead is unknown or not a
            voltage, or an annotation lies outside of the recording.
    """
    from data_prep.io.annotations import BEAT_SYMBOLS

    recording = open_file(given).choose(leads)
    return recording.as_record(
        None if annotator is None else recording.annotations(annotator),
        patient=patient,
        beat_symbols=BEAT_SYMBOLS if beat_symbols is None else beat_symbols,
    )
