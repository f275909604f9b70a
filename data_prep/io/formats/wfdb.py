"""WFDB records: a header, signal files, perhaps in several parts one after another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from data_prep.io.formats.base import RecordingFormat
from data_prep.io.header import read_header, record_files, refuse_short_files, segment_names
from data_prep.io.record import read_signal
from data_prep.io.recording import Recording


class WfdbRecording(Recording):
    """A WFDB record.

    Args:
        path: The record without extension.

    Raises:
        DataError: If there is no such record, or it is malformed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.where = f"record {path}"
        self._header = read_header(path)
        refuse_short_files(path, self._header)
        self.files = tuple(record_files(path, self._header))
        self.leads = self._header.leads
        self.signals = tuple(range(len(self.leads)))
        self._columns: Sequence[int] = self.signals
        self._take(self.signals)

    @override
    def _take(self, columns: Sequence[int]) -> None:
        self._columns = [self._columns[column] for column in columns]
        rate = self._header.oversampling(self._columns)
        self.fs_hz = self._header.fs_hz * rate
        self.n_samples = self._header.n_samples * rate

    @property
    @override
    def annotation_fs_hz(self) -> float:
        """Annotations count frames."""
        return self._header.fs_hz

    @override
    def assumptions(self, column: int) -> list[str]:
        lead = self._header.channels[self._columns[column]]
        found = []
        if not lead.calibrated:
            found.append(f"lead {lead.name} has no gain: 200 steps a {lead.unit} were assumed")
        own_hz = self._header.fs_hz * lead.per_frame
        if own_hz != self.fs_hz:
            found.append(f"lead {lead.name} of {own_hz:g} Hz was interpolated to {self.fs_hz:g} Hz")
        return found

    @override
    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        return read_signal(self.path, self._header, self._columns, start, stop)


class _Wfdb(RecordingFormat):
    name = "wfdb"
    description = "WFDB record, with or without .hea."
    endings = (".hea", "")

    @override
    def recognizes(self, file: Path) -> bool:
        return file.with_name(f"{self.stem(file).name}.hea").is_file()

    @override
    def find(self, folder: Path) -> list[Path]:
        paths = sorted(self.stem(file) for file in folder.rglob("*.hea"))
        # The parts of a record in several parts are no records of their own; one that has parts
        # itself is none, whoever names it, and is refused where it is opened.
        names = {path: segment_names(path) for path in paths}
        parts = {path.with_name(name) for path in paths for name in names[path]}
        return [path for path in paths if path not in parts or names[path]]

    @override
    def stem(self, path: Path) -> Path:
        return path.with_suffix("") if path.suffix.casefold() == ".hea" else path

    @override
    def open(
        self, path: Path, *, fs_hz: float | None = None, units: str | None = None
    ) -> Recording:
        return WfdbRecording(self.stem(path))


FORMAT = _Wfdb()
