"""A recording that is read piece by piece, whatever its file format."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from data_prep.errors import DataError
from data_prep.io.annotations import BEAT_SYMBOLS, beats_of
from data_prep.io.header import Header, read_header, refuse_short_files
from data_prep.io.leads import choose_leads
from data_prep.io.record import read_annotations, read_signal

RATES_HZ: Final = (50.0, 10_000.0)
"""Outside of these it is no ECG, but a damaged header; some filters would take for ever."""


class Recording(ABC):
    """Some leads of one recording.

    Attributes:
        path: Where it lies, without extension: annotation files are ``path.EXT``.
        fs_hz: Sampling rate of what :meth:`read` returns: that of the fastest of the leads.
        n_samples: Length at that rate.
        leads: Names of the leads, in the order of the columns.
        signals: Which of all signals of the file they are, counted from 0.
    """

    path: Path
    fs_hz: float
    n_samples: int
    leads: tuple[str, ...]
    signals: tuple[int, ...]

    @property
    def name(self) -> str:
        """Name of the recording."""
        return self.path.name

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.n_samples / self.fs_hz

    @property
    def annotation_fs_hz(self) -> float:
        """Rate at which an annotation file counts that does not say it."""
        return self.fs_hz

    @abstractmethod
    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        """Read samples ``start`` to ``stop``.

        Any division into pieces gives the same samples.

        Args:
            start: First sample, 0 or later.
            stop: One past the last; not past ``n_samples``.

        Returns:
            ``(stop - start, leads)`` in mV; NaN where there is no valid sample.

        Raises:
            DataError: If the file is not what it must be there.
        """

    def beats(
        self, annotator: str, beat_symbols: Collection[str] = BEAT_SYMBOLS
    ) -> NDArray[np.int64]:
        """Return the positions of the beats in the annotation file ``path.annotator``, ascending.

        Raises:
            DataError: If there is no such file, or it does not fit the recording.
        """
        notes = read_annotations(self.path, annotator, fs_hz=self.annotation_fs_hz)
        return beats_of(notes, self.fs_hz, self.n_samples, beat_symbols, where=str(self.path))[0]


class WfdbRecording(Recording):
    """A WFDB record.

    Args:
        path: The record without extension.
        leads: As for ``leads.choose_leads``; ``None``: all.

    Raises:
        DataError: If there is no such record, it is malformed, or has no such leads.
    """

    def __init__(self, path: Path, leads: tuple[str, ...] | None = None) -> None:
        self._header: Header = read_header(path)
        self._columns = chosen(self._header.leads, leads, where=f"record {path}")
        self.signals = tuple(self._columns)
        refuse_short_files(path, self._header)
        rate = self._header.oversampling(self._columns)
        self.path = path
        self.fs_hz = self._header.fs_hz * rate
        self.n_samples = self._header.n_samples * rate
        self.leads = tuple(self._header.leads[column] for column in self._columns)

    @property
    @override
    def annotation_fs_hz(self) -> float:
        """Annotations count frames."""
        return self._header.fs_hz

    @override
    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        return read_signal(self.path, self._header, self._columns, start, stop)


def chosen(available: tuple[str, ...], leads: tuple[str, ...] | None, *, where: str) -> list[int]:
    """Return the columns of ``leads`` (as for ``choose_leads``), or all of them.

    Raises:
        DataError: If a lead is not there, or no lead at all.
    """
    if not available:
        raise DataError(f"{where} must have a lead; it has none")
    return list(range(len(available))) if leads is None else choose_leads(
        available, leads, where=where
    )  # fmt: skip
