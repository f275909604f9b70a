"""What a source of recordings is: where its records lie, whose they are, how they are split."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from data_prep.dsp.signal_spec import SignalSpec
from data_prep.errors import DataError
from data_prep.events import OnEvent, ignore
from data_prep.splits import Assignment
from data_prep.tasks import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordRef:
    """Where one record lies and whose it is.

    Attributes:
        path: What ``data_prep.io.formats.open_file`` takes: a file, or a WFDB record's name.
        name: Name of the record, unique within its source.
        patient: Whose recording it is.
        annotator: Who made its reference annotations: the extension of their file.
    """

    path: Path
    name: str
    patient: str
    annotator: str = "atr"


class Source(ABC):
    """One data set. A module of this folder ends with ``SOURCE = `` an instance.

    Attributes:
        name: Name of the module.
        description: One line for ``ecg-nas sources``.
        splits: Names of the splits that :meth:`assign` knows.
        signal: How its recordings are made comparable unless the user says otherwise.
        complete: Whether every record must be usable. Where it need not (the user's own
            folder), a record without the wanted leads or without beats is left out and counted.
        public: Whether the names of its patients may be told to anyone.
        always_without: Records without which an evaluation gives its figures, too: those that
            decide them.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    splits: ClassVar[tuple[str, ...]] = ("standard",)
    signal: ClassVar[SignalSpec] = SignalSpec()
    complete: ClassVar[bool] = True
    public: ClassVar[bool] = False
    always_without: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def records(self, folder: Path | None, on_event: OnEvent = ignore) -> list[RecordRef]:
        """Return all records, also those that a split leaves out, in a fixed order.

        Args:
            folder: Where the user says that they lie; ``None``: where the source itself finds
                (or fetches, or makes) them.
            on_event: Called with what is being fetched or made.

        Raises:
            DataError: If there is no such folder or no record in it, or none can be had.
        """

    @abstractmethod
    def assign(
        self, split: str, patients: Mapping[str, Mapping[str, int]], task: Task
    ) -> Assignment:
        """Put every patient on one side of ``split``, or leave it out with a reason.

        Args:
            split: One of ``splits``.
            patients: Each patient's beats a class, for a split that spreads the classes.
            task: Whose classes they are.

        Raises:
            DataError: If there is no such split, or a patient is not known to it.
        """

    def refuse_split(self, split: str) -> None:
        """Refuse a ``split`` that is not one of ``splits``.

        Raises:
            DataError: If it is not.
        """
        if split not in self.splits:
            raise DataError(
                f"the split of source {self.name} must be one of {', '.join(self.splits)}, or a "
                f"TOML file with the lists train and test; got {split!r}"
            )


def cache_folder() -> Path:
    """Return the folder for what can be made or fetched again.

    ``ECG_NAS_CACHE``, else ``ecg-nas`` in ``XDG_CACHE_HOME``, else in ``~/.cache``.
    """
    if chosen := os.environ.get("ECG_NAS_CACHE"):
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "ecg-nas"


def refuse_missing(folder: Path) -> None:
    """Refuse a ``folder`` of recordings that is not there.

    Raises:
        DataError: If it is not a folder.
    """
    if not folder.is_dir():
        raise DataError(f"the folder of recordings must exist; {folder} is not a folder")
