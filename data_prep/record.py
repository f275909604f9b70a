"""One recording in memory, and the one place that calls wfdb."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data_prep.errors import DataError
from data_prep.labels import BEAT_SYMBOLS
from data_prep.leads import choose_leads

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a record's header says: lead names in column order, sampling rate, length."""

    leads: tuple[str, ...]
    fs_hz: float
    n_samples: int


def read_header(path: str | Path) -> Header:
    """Read the header of the WFDB record ``path`` (without extension).

    Raises:
        DataError: If it is missing, cannot be read, or announces no samples.
    """
    header = _header(Path(path))
    return Header(
        leads=tuple(str(name) for name in header.sig_name),
        fs_hz=float(header.fs),
        n_samples=int(header.sig_len),
    )


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
    header = _header(path)
    names = [str(name) for name in header.sig_name]
    columns = (
        list(range(len(names)))
        if leads is None
        else choose_leads(names, leads, where=f"record {path}")
    )
    scales = [_millivolt(header.units[column], path, names[column]) for column in columns]
    _refuse_short_files(path, header)
    import wfdb

    raw = _guard(
        lambda: wfdb.rdrecord(str(path), channels=columns, return_res=32),
        f"the signals of record {path} must be readable",
    )
    signal = np.ascontiguousarray(raw.p_signal, dtype=np.float32)
    if signal.shape != (header.sig_len, len(columns)):
        raise DataError(
            f"record {path} must hold {header.sig_len} samples of {len(columns)} leads as its "
            f"header says; got {signal.shape[0]} of {signal.shape[1]}: is the file truncated?"
        )
    signal *= np.array(scales, dtype=np.float32)
    notes = None if annotator is None else read_annotations(path, annotator, fs_hz=header.fs)
    beats, symbols = beats_of(notes, float(header.fs), len(signal), beat_symbols, where=str(path))
    return Record(
        name=path.name,
        patient=path.name if patient is None else patient,
        signal=signal,
        fs_hz=float(header.fs),
        leads=tuple(names[column] for column in columns),
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
    # An annotation file is closed by a word of 16 zero bits: without it, the end was cut off.
    content = file.read_bytes()
    if len(content) < 2 or len(content) % 2 or content[-2:] != b"\0\0":
        raise DataError(
            f"the annotation file {file} must end with an end mark; it does not: is it truncated?"
        )
    import wfdb

    raw = _guard(
        lambda: wfdb.rdann(str(path), extension), f"the annotation file {file} must be readable"
    )
    rate = raw.fs if raw.fs else fs_hz
    if not rate:
        raise DataError(
            f"the sampling rate of {file} must be known; neither it nor a header beside it says one"
        )
    return Annotations(
        samples=np.asarray(raw.sample, dtype=np.int64),
        symbols=np.asarray(raw.symbol, dtype=np.str_),
        subtypes=np.asarray(raw.subtype, dtype=np.int64),
        aux=tuple(text.rstrip("\0") for text in raw.aux_note),
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


def _header(path: Path) -> Any:
    file = path.with_name(f"{path.name}.hea")
    if not file.is_file():
        raise DataError(f"record {path} must have a header {file.name}; there is none")
    import wfdb

    header = _guard(lambda: wfdb.rdheader(str(path)), f"the header {file} must be readable")
    if not header.fs or header.fs <= 0:
        raise DataError(f"the header {file} must give a sampling rate above 0; got {header.fs}")
    if getattr(header, "n_seg", None):
        raise DataError(f"record {path} must be of one segment; it has {header.n_seg}: join them")
    if not header.sig_name or not header.sig_len:
        raise DataError(f"record {path} must hold samples of at least one lead; it holds none")
    return header


def _refuse_short_files(path: Path, header: Any) -> None:
    """Refuse signal files that are missing, and files of a fixed width that are too short."""
    bits = {"8": 8, "16": 16, "24": 24, "32": 32, "61": 16, "80": 8, "160": 16, "212": 12}
    needed: dict[str, int] = {}
    for name, fmt, per_frame in zip(
        header.file_name or (), header.fmt or (), header.samps_per_frame or (), strict=False
    ):
        needed[name] = needed.get(name, 0) + bits.get(fmt, 0) * per_frame * header.sig_len
    for name, n_bits in needed.items():
        file = path.with_name(name)
        if not file.is_file():
            raise DataError(f"record {path} must have its signal file {name}; there is none")
        size = file.stat().st_size
        if size < n_bits // 8:
            raise DataError(
                f"the signal file {file} must have {n_bits // 8} bytes as its header says; it has "
                f"{size}: it is truncated"
            )


def _millivolt(unit: str | None, path: Path, lead: str) -> float:
    scale = _MILLIVOLT.get((unit or "mV").strip().casefold())
    if scale is None:
        raise DataError(f"lead {lead} of record {path} must be in V, mV or uV; it is in {unit!r}")
    return scale
