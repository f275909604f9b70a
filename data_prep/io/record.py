"""One recording in memory, and the one place that calls wfdb."""

from __future__ import annotations

import functools
import tempfile
import warnings
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data_prep import writing
from data_prep.errors import DataError
from data_prep.io._annotation_file import Decoded, decode
from data_prep.io._written import refuse_other_annotations, refuse_other_size
from data_prep.io.annotation_table import read_table
from data_prep.io.annotations import (
    TABLE,
    Annotations,
    annotation_file,
    beats_of,
    refuse_crowd,
)
from data_prep.io.frames import at_rate, frames_around
from data_prep.io.header import Header, Lead, read_header
from data_prep.io.limits import refuse_above

__all__ = [
    "Annotations",
    "Header",
    "Record",
    "beats_of",
    "read_annotations",
    "read_header",
    "read_signal",
    "write_annotations",
    "write_record",
]

MILLIVOLT = {
    "mv": 1.0,
    "uv": 1e-3,
    "µv": 1e-3,
    "μv": 1e-3,
    "\N{REPLACEMENT CHARACTER}v": 1e-3,
    "v": 1e3,
}
"""What one unit, in lower case, is in millivolt. Micro has two characters, and a third is what
becomes of it where a file is not in UTF-8: no other letter stands there."""


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


def read_annotations(
    path: str | Path, extension: str, *, fs_hz: float | None = None
) -> Annotations:
    """Read a WFDB annotation file, ``path.extension``, else the table ``path.extension.csv``.

    Args:
        path: The record without extension; its header need not be there.
        extension: The annotator, as in ``atr``.
        fs_hz: Sampling rate of the positions, where neither the file nor a header says it.

    Raises:
        DataError: If the file is missing, truncated or malformed, passes a limit, or its rate is
            not known.
    """
    path = Path(path)
    file = annotation_file(path, extension)
    if file is None:
        raise DataError(
            f"record {path} must have an annotation file {path.name}.{extension} beside it; there "
            "is none"
        )
    if file.suffix == TABLE:
        return read_table(file, _annotation_rate(path, file, fs_hz))
    try:
        size = file.stat().st_size
        refuse_above("annotation_bytes", size, "bytes", f"the annotation file {file}")
        raw = decode(file.read_bytes(), str(file))
    except OSError as error:
        raise DataError(f"the annotation file {file} must be readable: {error}") from error
    symbol_of = annotation_symbols() | raw.symbols
    unknown = sorted(set(raw.codes) - set(symbol_of))
    if unknown:
        raise DataError(
            f"the annotation file {file} must hold annotations of WFDB; of code {unknown[0]} "
            "there are none: is it another kind of file?"
        )
    positions = np.array(raw.samples, dtype=np.int64)
    refuse_crowd(positions, f"the annotation file {file}")
    return Annotations(
        samples=positions,
        symbols=np.array([symbol_of[code] for code in raw.codes], dtype=np.str_),
        subtypes=np.array(raw.subtypes, dtype=np.int64),
        aux=tuple(raw.aux),
        fs_hz=_annotation_rate(path, file, raw.fs_hz or fs_hz),
    )


def _annotation_rate(path: Path, file: Path, fs_hz: float | None) -> float:
    """Return ``fs_hz``, else what a header beside the annotation file says."""
    if not fs_hz and path.with_name(f"{path.name}.hea").is_file():
        fs_hz = read_header(path).fs_hz
    if not fs_hz:
        raise DataError(
            f"the sampling rate of {file} must be known; neither it nor a header beside it says one"
        )
    refuse_above("annotation_hz", max(fs_hz, 1 / fs_hz), "positions a second (or back)", file)
    return float(fs_hz)


def read_signal(
    path: Path, header: Header, columns: Sequence[int], start: int = 0, stop: int | None = None
) -> NDArray[np.float32]:
    """Read samples ``start`` to ``stop`` of some leads, without the rest of the recording.

    Args:
        path: The record without extension.
        header: Its header; its files were found long enough (``refuse_short_files``).
        columns: Which leads.
        start: First sample, at the rate of the fastest of these leads.
        stop: One past the last sample, not past the end; by default the end.

    Returns:
        ``(samples, columns)`` in mV at that rate: a slower lead is interpolated; a lead that a
        part of the record lacks is NaN there. Pieces equal what is read as a whole.

    Raises:
        DataError: If the signals are malformed, or a lead is not a voltage.
    """
    rate = header.oversampling(columns)
    stop = header.n_samples * rate if stop is None else stop
    if header.segments:
        return _read_parts(path, header, columns, start, stop)
    channels = [header.channels[column] for column in columns]
    scales = [_millivolt(lead, path) for lead in channels]
    first, last = frames_around(start, stop, rate, header.n_samples)
    if any(lead.fmt == "8" for lead in channels):
        first = 0  # it holds differences
    if not header.states_length:
        first, last = 0, header.n_samples  # wfdb takes a whole record only
    import wfdb

    raw = _guard(
        lambda: wfdb.rdrecord(
            str(path),
            sampfrom=first,
            sampto=last if header.states_length else None,
            channels=list(columns),
            smooth_frames=False,
            return_res=32,
        ),
        f"the signals of record {path} must be readable",
    )
    out = np.empty((stop - start, len(columns)), dtype=np.float32)
    for place, (lead, scale) in enumerate(zip(channels, scales, strict=True)):
        values, per_frame = raw.e_p_signal[place], lead.per_frame
        understood = raw.adc_gain[place], raw.baseline[place]
        if understood != (lead.gain, lead.baseline):
            raise DataError(
                f"lead {lead.name} of record {path} must have gain and baseline as in 200.0(0)/mV; "
                f"its header says {lead.gain:g} and {lead.baseline}, which would be read as "
                f"{understood[0]:g} and {understood[1]}"
            )
        if len(values) != (last - first) * per_frame:
            raise DataError(
                f"lead {lead.name} of record {path} must hold {header.n_samples} samples as its "
                f"header says; got {first + len(values) // per_frame}: is the file truncated?"
            )
        values = at_rate(values, per_frame, first, start, stop, rate)
        with np.errstate(over="ignore"):  # looked at below
            np.multiply(values, scale, out=out[:, place], casting="same_kind")
    if np.isinf(out).any():
        raise DataError(f"the signals of record {path} must be finite; its gains make them not so")
    return out


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
    codes = {symbol: code for code, symbol in annotation_symbols().items()}
    if unknown := {str(s) for s in symbols} - codes.keys():
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

    wanted = Decoded(
        samples=array("q", positions.tolist()),
        codes=array("q", [codes[str(symbol)] for symbol in symbols]),
        subtypes=array(
            "q", [0] * len(positions) if subtypes is None else np.asarray(subtypes).tolist()
        ),
        aux=[""] * len(positions) if aux is None else [text or "" for text in aux],
    )
    name = f"{path.name}.{extension}"
    return _write(
        path, [name], write, lambda folder: refuse_other_annotations(folder / name, wanted)
    )[0]


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

    size = -(-digital.size * (2 if fmt == "16" else 3) // (1 if fmt == "16" else 2))
    names = [f"{path.name}.dat", f"{path.name}.hea"]
    return _write(path, names, write, lambda folder: refuse_other_size(folder / names[0], size))[1]


@functools.cache
def annotation_symbols() -> dict[int, str]:
    """Return the symbol of each code of an annotation file."""
    from wfdb.io.annotation import ann_label_table

    return dict(zip(ann_label_table["label_store"], ann_label_table["symbol"], strict=True))


def _guard(
    call: Callable[[], Any], requirement: str, *, through: tuple[type[Exception], ...] = ()
) -> Any:
    """Call wfdb; whatever it raises on malformed input becomes one line."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return call()
    except through:
        raise
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{requirement}: {reason}") from error


def _write(
    path: Path,
    names: Sequence[str],
    write: Callable[[str], None],
    check: Callable[[Path], None],
) -> list[Path]:
    """Let ``write`` fill a folder beside ``path``; after a look at its files move them into place.

    wfdb drops what the system says when it closes a file: a full disk leaves an empty one.
    """
    try:
        with tempfile.TemporaryDirectory(
            dir=path.parent, prefix=".write-", ignore_cleanup_errors=True
        ) as folder:
            must = f"{path} must be representable in WFDB"
            _guard(lambda: write(folder), must, through=(OSError,))
            check(Path(folder))
            writing.flush_tree(Path(folder))
            for name in names:
                Path(folder, name).replace(path.with_name(name))
        writing.flush(path.parent)
    except OSError as error:
        raise DataError(writing.not_written(path.with_name(names[0]), error)) from error
    return [path.with_name(name) for name in names]


def _read_parts(
    path: Path, header: Header, columns: Sequence[int], start: int, stop: int
) -> NDArray[np.float32]:
    out = np.full((stop - start, len(columns)), np.nan, dtype=np.float32)
    wanted = [header.leads[column] for column in columns]
    for at, name, length in header.segments_between(start, stop):
        first, last = max(start, at), min(stop, at + length)
        if name != "~" and first < last:
            part = header.parts[name]
            places = [place for place, lead in enumerate(wanted) if lead in part.leads]
            own = [part.leads.index(wanted[place]) for place in places]
            if own:
                piece = read_signal(path.with_name(name), part, own, first - at, last - at)
                out[first - start : last - start, places] = piece
    return out


def _millivolt(lead: Lead, path: Path) -> float:
    scale = MILLIVOLT.get(lead.unit.strip().casefold())
    if scale is None:
        raise DataError(
            f"lead {lead.name} of record {path} must be in V, mV or uV; it is in {lead.unit!r}"
        )
    return scale
