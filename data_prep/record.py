"""One recording in memory, and the one place that calls wfdb."""

from __future__ import annotations

import functools
import tempfile
import warnings
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data_prep._annotation_file import decode
from data_prep.errors import DataError
from data_prep.header import Header, Lead, read_header, refuse_short_files
from data_prep.labels import BEAT_SYMBOLS
from data_prep.leads import choose_leads

__all__ = [
    "Annotations",
    "Header",
    "Record",
    "beats_of",
    "read_annotations",
    "read_header",
    "read_record",
    "write_annotations",
    "write_record",
]

# What one unit of the header is in millivolt.
_MILLIVOLT = {"mv": 1.0, "uv": 1e-3, "µv": 1e-3, "v": 1e3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotations:
    """All annotations of one annotator on one record: beats, rhythms, noise, comments.

    Attributes:
        samples: ``(n,)`` int64 positions in samples at ``fs_hz``, in the order of the file.
        symbols: ``(n,)`` one-character WFDB symbols.
        subtypes: ``(n,)`` int64 subtypes (noise flags of ``~``).
        aux: ``(n,)`` auxiliary texts such as ``(AFIB``, without trailing NULs.
        fs_hz: Sampling rate of the positions.
    """

    samples: NDArray[np.int64]
    symbols: NDArray[np.str_]
    subtypes: NDArray[np.int64]
    aux: tuple[str, ...]
    fs_hz: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One recording: a signal with its beat annotations.

    Attributes:
        name: Name of the record, unique within its source.
        patient: Whose recording it is; one patient may have several records.
        signal: ``(samples, leads)`` float32, in mV; NaN where the recorder had no valid sample.
        fs_hz: Sampling rate of ``signal`` and of ``beats``.
        leads: Name of each lead, in the order of the columns.
        beats: ``(n_beats,)`` int64, sample position of each beat's R peak, ascending.
        symbols: ``(n_beats,)`` one-character WFDB beat symbols.
        annotations: All annotations as they are in the file, those of beats among them.
    """

    name: str
    patient: str
    signal: NDArray[np.float32]
    fs_hz: float
    leads: tuple[str, ...]
    beats: NDArray[np.int64]
    symbols: NDArray[np.str_]
    annotations: Annotations | None = None


def read_record(
    path: str | Path,
    *,
    leads: Sequence[str] | None = None,
    annotator: str | None = "atr",
    patient: str | None = None,
    beat_symbols: Collection[str] = BEAT_SYMBOLS,
) -> Record:
    """Read one WFDB record with the beats of one annotator.

    Args:
        path: The record without extension, as in ``data/mitdb/100``.
        leads: Leads to read, as for ``leads.choose_leads``; all of them by default.
        annotator: Extension of the annotation file; ``None`` reads none (no beats).
        patient: Whose recording it is; by default the record's name.
        beat_symbols: Annotations that count as beats; the others are passed over.

    Raises:
        DataError: If a file is missing, truncated or malformed, a lead is unknown or not a
            voltage, or an annotation lies outside of the recording.
    """
    path = Path(path)
    header = read_header(path)
    columns = (
        list(range(len(header.leads)))
        if leads is None
        else choose_leads(header.leads, leads, where=f"record {path}")
    )
    refuse_short_files(path, header)
    signal = _read_signal(path, header, columns)
    fs_hz = header.fs_hz * header.oversampling(columns)
    notes = None if annotator is None else read_annotations(path, annotator, fs_hz=header.fs_hz)
    beats, symbols = beats_of(notes, fs_hz, len(signal), beat_symbols, where=str(path))
    return Record(
        name=path.name,
        patient=path.name if patient is None else patient,
        signal=signal,
        fs_hz=fs_hz,
        leads=tuple(header.leads[column] for column in columns),
        beats=beats,
        symbols=symbols,
        annotations=notes,
    )


def read_annotations(
    path: str | Path, extension: str, *, fs_hz: float | None = None
) -> Annotations:
    """Read a WFDB annotation file, ``path.extension``.

    Args:
        path: The record without extension; its header need not be there.
        extension: The annotator, as in ``atr``.
        fs_hz: Sampling rate of the positions, where neither the file nor a header says it.

    Raises:
        DataError: If the file is missing, truncated or malformed, or its rate is not known.
    """
    path = Path(path)
    file = path.with_name(f"{path.name}.{extension}")
    if not file.is_file():
        raise DataError(
            f"record {path} must have an annotation file {file.name} beside it; there is none"
        )
    try:
        raw = decode(file.read_bytes(), str(file))
    except OSError as error:
        raise DataError(f"the annotation file {file} must be readable: {error}") from error
    symbol_of = _symbols() | raw.symbols
    unknown = sorted(set(raw.codes) - set(symbol_of))
    if unknown:
        raise DataError(
            f"the annotation file {file} must hold annotations of WFDB; of code {unknown[0]} "
            "there are none: is it another kind of file?"
        )
    rate = raw.fs_hz or fs_hz
    if not rate and path.with_name(f"{path.name}.hea").is_file():
        rate = read_header(path).fs_hz
    if not rate:
        raise DataError(
            f"the sampling rate of {file} must be known; neither it nor a header beside it says one"
        )
    return Annotations(
        samples=np.array(raw.samples, dtype=np.int64),
        symbols=np.array([symbol_of[code] for code in raw.codes], dtype=np.str_),
        subtypes=np.array(raw.subtypes, dtype=np.int64),
        aux=tuple(raw.aux),
        fs_hz=float(rate),
    )


def beats_of(
    notes: Annotations | None,
    fs_hz: float,
    n_samples: int,
    beat_symbols: Collection[str] = BEAT_SYMBOLS,
    *,
    where: str,
) -> tuple[NDArray[np.int64], NDArray[np.str_]]:
    """Return positions (in samples at ``fs_hz``, ascending) and symbols of the beats in ``notes``.

    Raises:
        DataError: If a beat lies outside of the ``n_samples`` of the record ``where``.
    """
    if notes is None:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.str_)
    is_beat = np.isin(notes.symbols, list(beat_symbols))
    # Some annotators count at another rate than the signal's.
    samples = np.rint(notes.samples[is_beat] * (fs_hz / notes.fs_hz)).astype(np.int64)
    outside = samples[(samples < 0) | (samples >= n_samples)]
    if len(outside):
        raise DataError(
            f"the beats of record {where} must lie within its {n_samples} samples; one is at "
            f"{outside[0]}"
        )
    order = np.argsort(samples, kind="stable")
    return samples[order], notes.symbols[is_beat][order]


def write_annotations(
    path: str | Path,
    extension: str,
    *,
    samples: ArrayLike,
    symbols: Sequence[str] | NDArray[np.str_],
    fs_hz: float,
    subtypes: ArrayLike | None = None,
    aux: Sequence[str] | None = None,
) -> Path:
    """Write a WFDB annotation file, ``path.extension``, and return where it lies.

    Args:
        path: The record without extension; its folder must exist.
        extension: The annotator: letters only.
        samples: ``(n,)`` positions, ascending, not negative.
        symbols: ``(n,)`` one-character WFDB symbols.
        fs_hz: Sampling rate of the positions; kept in the file.
        subtypes: ``(n,)`` integers, -128 to 127; zeros by default.
        aux: ``(n,)`` auxiliary texts, empty for none.

    Raises:
        DataError: If the annotations cannot be represented, or the file cannot be written.
    """
    path = Path(path)
    positions = np.asarray(samples, dtype=np.int64)
    if positions.ndim != 1 or len(positions) != len(symbols) or len(positions) == 0:
        raise DataError(
            f"the annotations for {path} must be at least one position with one symbol each; "
            f"got {len(positions)} positions and {len(symbols)} symbols"
        )
    if positions[0] < 0 or (np.diff(positions) < 0).any():
        raise DataError(f"the annotation positions for {path} must be ascending and not negative")
    import wfdb

    # wfdb writes a symbol that it does not know as something else.
    unknown = {str(s) for s in symbols} - set(wfdb.io.annotation.ann_label_table["symbol"])
    if unknown:
        raise DataError(f"the annotations for {path} must have WFDB symbols; got {sorted(unknown)}")

    def write(folder: str) -> None:
        wfdb.wrann(
            path.name,
            extension,
            positions,
            symbol=[str(symbol) for symbol in symbols],
            subtype=None if subtypes is None else np.asarray(subtypes, dtype=np.int64),
            aux_note=None if aux is None else [text or "" for text in aux],
            fs=fs_hz,
            write_dir=folder,
        )

    return _write(path, [f"{path.name}.{extension}"], write)[0]


def write_record(
    path: str | Path,
    *,
    signal: NDArray[np.floating[Any]],
    fs_hz: float,
    leads: Sequence[str],
    fmt: Literal["16", "212"] = "16",
    gain: float = 200.0,
    comments: Sequence[str] = (),
) -> Path:
    """Write a WFDB record (``path.hea``, ``path.dat``) and return the path of its header.

    Args:
        path: The record without extension; its folder must exist.
        signal: ``(samples, leads)`` in mV; NaN is written as an invalid sample, and what passes
            the range of the format is written as its limit.
        fs_hz: Sampling rate.
        leads: Name of each lead.
        fmt: ``16`` bits a sample, or ``212`` (12 bits, ±10.2 mV at the default gain).
        gain: Steps a millivolt.
        comments: Lines for the end of the header.

    Raises:
        DataError: If the record cannot be represented, or its files cannot be written.
    """
    path = Path(path)
    values = np.asarray(signal, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] != len(leads) or len(values) == 0:
        raise DataError(
            f"the signal of {path} must be (samples, {len(leads)} leads); got {values.shape}"
        )
    limit = 2**15 - 1 if fmt == "16" else 2**11 - 1
    steps = np.clip(np.rint(values * gain), -limit, limit)
    digital = np.where(np.isnan(steps), -limit - 1, steps).astype(np.int64)
    import wfdb

    def write(folder: str) -> None:
        wfdb.wrsamp(
            path.name,
            fs=fs_hz,
            units=["mV"] * len(leads),
            sig_name=list(leads),
            d_signal=digital,
            fmt=[fmt] * len(leads),
            adc_gain=[gain] * len(leads),
            baseline=[0] * len(leads),
            comments=list(comments),
            write_dir=folder,
        )

    return _write(path, [f"{path.name}.dat", f"{path.name}.hea"], write)[1]


@functools.cache
def _symbols() -> dict[int, str]:
    """Return the symbol of each code."""
    from wfdb.io.annotation import ann_label_table

    return dict(zip(ann_label_table["label_store"], ann_label_table["symbol"], strict=True))


def _guard(call: Callable[[], Any], requirement: str) -> Any:
    """Call wfdb; whatever it raises on malformed input becomes one line."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return call()
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{requirement}: {reason}") from error


def _write(path: Path, names: Sequence[str], write: Callable[[str], None]) -> list[Path]:
    """Let ``write`` fill a folder beside ``path``, then move its files into place."""
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".write-") as folder:
            _guard(lambda: write(folder), f"{path} must be representable in WFDB")
            for name in names:
                Path(folder, name).replace(path.with_name(name))
    except OSError as error:
        raise DataError(f"{path.parent} must be a folder that can be written: {error}") from error
    return [path.with_name(name) for name in names]


def _read_signal(path: Path, header: Header, columns: Sequence[int]) -> NDArray[np.float32]:
    """Return ``(samples, columns)`` in mV, at the rate of the fastest of these leads.

    A slower lead is interpolated; a lead that a part of the record lacks is NaN there.
    """
    if header.segments:
        return _read_parts(path, header, columns)
    channels = [header.channels[column] for column in columns]
    scales = [_millivolt(lead, path) for lead in channels]
    import wfdb

    raw = _guard(
        lambda: wfdb.rdrecord(
            str(path), channels=list(columns), smooth_frames=False, return_res=32
        ),
        f"the signals of record {path} must be readable",
    )
    for lead, values in zip(channels, raw.e_p_signal, strict=True):
        if len(values) != header.n_samples * lead.per_frame:
            raise DataError(
                f"lead {lead.name} of record {path} must hold {header.n_samples} samples as its "
                f"header says; got {len(values) // lead.per_frame}: is the file truncated?"
            )
    rate = header.oversampling(columns)
    out = np.empty((header.n_samples * rate, len(columns)), dtype=np.float32)
    for place, (lead, scale) in enumerate(zip(channels, scales, strict=True)):
        values = raw.e_p_signal[place]
        if lead.per_frame != rate:
            times = np.arange(len(out)) / rate
            values = np.interp(times, np.arange(len(values)) / lead.per_frame, values)
        with np.errstate(over="ignore"):  # looked at below
            np.multiply(values, scale, out=out[:, place], casting="same_kind")
    if np.isinf(out).any():
        raise DataError(f"the signals of record {path} must be finite; its gains make them not so")
    return out


def _read_parts(path: Path, header: Header, columns: Sequence[int]) -> NDArray[np.float32]:
    out = np.full((header.n_samples, len(columns)), np.nan, dtype=np.float32)
    at = 0
    for name, length in header.segments:
        if name != "~" and length:
            part = read_header(path.with_name(name))
            wanted = [header.leads[column] for column in columns]
            places = [place for place, lead in enumerate(wanted) if lead in part.leads]
            own = [part.leads.index(wanted[place]) for place in places]
            if own:
                out[at : at + length, places] = _read_signal(path.with_name(name), part, own)
        at += length
    return out


def _millivolt(lead: Lead, path: Path) -> float:
    scale = _MILLIVOLT.get(lead.unit.strip().casefold())
    if scale is None:
        raise DataError(
            f"lead {lead.name} of record {path} must be in V, mV or uV; it is in {lead.unit!r}"
        )
    return scale
