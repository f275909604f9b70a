"""A recording that is read piece by piece, whatever its file format."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from data_prep.errors import DataError
from data_prep.io.annotations import BEAT_SYMBOLS, Annotations, beats_of
from data_prep.io.leads import choose_leads
from data_prep.io.limits import current
from data_prep.io.record import Record, read_annotations


class Recording(ABC):
    """Some leads of one recording; its header is read once, when it is opened.

    Attributes:
        path: Where it lies, without extension: annotation files are ``path.EXT``.
        where: What to call it in a message.
        files: The files that it is read from, its header first.
        fs_hz: Sampling rate of what :meth:`read` returns: that of the fastest of the leads.
        n_samples: Length at that rate.
        leads: Names of the leads, in the order of the columns.
        signals: Which of all signals of the file they are, counted from 0.
    """

    path: Path
    where: str
    files: tuple[Path, ...]
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

    @abstractmethod
    def _take(self, columns: Sequence[int]) -> None:
        """Keep only these of the columns: all but ``leads`` and ``signals``, which are done."""

    def assumptions(self, column: int) -> list[str]:
        """Return what is assumed to read the lead in ``column`` that the file does not state."""
        del column
        return []

    def choose(self, leads: Sequence[str] | None) -> Self:
        """Return the recording with some of its leads, without reading its header again.

        Args:
            leads: As for ``leads.choose_leads``; ``None``: all.

        Raises:
            DataError: If a lead is not there, or its unit is not known, or there is no lead at all.
        """
        if not self.leads:
            raise DataError(f"{self.where} must have a lead; it has none")
        columns = (
            list(range(len(self.leads)))
            if leads is None
            else choose_leads(self.leads, leads, where=self.where)
        )
        chosen = copy.copy(self)
        chosen.leads = tuple(self.leads[column] for column in columns)
        chosen.signals = tuple(self.signals[column] for column in columns)
        chosen._take(columns)
        return chosen

    def refuse_rate(self) -> None:
        """Refuse a sampling rate that no recorder has.

        Raises:
            DataError: If it is outside of the limits.
        """
        lowest, highest = current().slowest_hz, current().fastest_hz
        if not lowest <= self.fs_hz <= highest:
            raise DataError(
                f"{self.where} must have from {lowest:g} to {highest:g} samples a second; it has "
                f"{self.fs_hz:g}"
            )

    def annotations(self, annotator: str) -> Annotations:
        """Return what ``annotator`` said about it, from the file beside it.

        Raises:
            DataError: If there is no such file, or it is malformed.
        """
        return read_annotations(self.path, annotator, fs_hz=self.annotation_fs_hz)

    def beats_in(
        self, notes: Annotations | None, beat_symbols: Collection[str] = BEAT_SYMBOLS
    ) -> tuple[NDArray[np.int64], NDArray[np.str_]]:
        """Return positions (samples of :meth:`read`, ascending) and symbols of the beats.

        Raises:
            DataError: If one lies outside of the recording.
        """
        return beats_of(notes, self.fs_hz, self.n_samples, beat_symbols, where=str(self.path))

    def beats(
        self, annotator: str, beat_symbols: Collection[str] = BEAT_SYMBOLS
    ) -> NDArray[np.int64]:
        """Return the positions of the beats of ``annotator``, ascending.

        Raises:
            DataError: If there is no such file, or it does not fit the recording.
        """
        return self.beats_in(self.annotations(annotator), beat_symbols)[0]

    def as_record(
        self,
        notes: Annotations | None,
        *,
        name: str | None = None,
        patient: str | None = None,
        beat_symbols: Collection[str] = BEAT_SYMBOLS,
    ) -> Record:
        """Read the whole signal.

        Args:
            notes: Its annotations; ``None``: no beats.
            name: What to call the record; by default its own name.
            patient: Whose recording it is; by default the record's name.
            beat_symbols: Annotations that count as beats; the others are passed over.

        Raises:
            DataError: If a file is not what it must be, or a beat lies outside of the recording.
        """
        signal = self.read(0, self.n_samples)
        beats, symbols = self.beats_in(notes, beat_symbols)
        name = self.name if name is None else name
        return Record(
            name=name,
            patient=name if patient is None else patient,
            signal=signal,
            fs_hz=self.fs_hz,
            leads=self.leads,
            beats=beats,
            symbols=symbols,
            annotations=notes,
        )
