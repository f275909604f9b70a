"""What annotators said about a recording: beats, rhythms, noise."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data_prep.errors import DataError
from data_prep.io.limits import current, refuse_above

BEAT_SYMBOLS = frozenset("NLRBAaJSVrFejnE/fQ?")
"""Annotations that mark a beat; all others (rhythm changes, noise, waves, comments) mark none.
``!`` (a flutter wave) is no beat for a classifier."""

TABLE = ".csv"
"""What the name of a table of beats ends with, after the annotator's."""


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


def annotation_file(path: Path, annotator: str) -> Path | None:
    """Return the file of ``annotator`` beside the record ``path`` (without extension), if any.

    It is ``path.ANNOTATOR``, an annotation file of WFDB, else ``path.ANNOTATOR.csv``, a table.
    """
    for name in (f"{path.name}.{annotator}", f"{path.name}.{annotator}{TABLE}"):
        if path.with_name(name).is_file():
            return path.with_name(name)
    return None


def refuse_crowd(positions: NDArray[np.int64], where: str) -> None:
    """Refuse annotations too many, or too many of them at one sample, in ``where``.

    Raises:
        DataError: If they are.
    """
    refuse_above("annotations", len(positions), "annotations", where)
    most = int(current().at_one_time)
    if not 0 < most < len(positions):
        return
    ordered = np.sort(positions)
    if alike := int((ordered[most:] == ordered[:-most]).sum()):
        refuse_above("at_one_time", most + alike, "annotations at one sample", where)


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
    places = np.rint(notes.samples[is_beat] * (fs_hz / notes.fs_hz))
    outside = places[(places < 0) | (places >= n_samples)]
    if len(outside):
        raise DataError(
            f"the beats of record {where} must lie within its {n_samples} samples; one is at "
            f"{outside[0]:.0f}"
        )
    samples = places.astype(np.int64)
    order = np.argsort(samples, kind="stable")
    return samples[order], notes.symbols[is_beat][order]
