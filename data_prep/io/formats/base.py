"""What a file format is: which files are its own, and how a recording of it is opened."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from data_prep.io.recording import Recording


class RecordingFormat(ABC):
    """One file format. A module of this folder ends with ``FORMAT = `` an instance.

    Attributes:
        name: Name of the module.
        description: What a user gives, for the help of commands.
        endings: Endings of its files, in lower case; the empty one where a recording may be given
            by a name without an ending.
        takes_rate: Whether a sampling rate may be given for what a file does not say.
        takes_units: Whether a unit may be given in place of what a file says.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    endings: ClassVar[tuple[str, ...]]
    takes_rate: ClassVar[bool] = False
    takes_units: ClassVar[bool] = False

    def owns(self, path: Path) -> bool:
        """Whether the ending of ``path`` is of this format."""
        return path.suffix.casefold() in self.endings

    @abstractmethod
    def recognizes(self, file: Path) -> bool:
        """Whether the content of ``file`` is that of a recording which needs no further words.

        Never raises: what cannot be read is not recognized.
        """

    def find(self, folder: Path) -> list[Path]:
        """Return the recordings in ``folder`` and its folders, sorted, as :meth:`open` takes them.

        Raises:
            DataError: If a header is malformed.
        """
        return sorted(
            file
            for file in folder.rglob("*")
            if self.owns(file) and file.is_file() and self.recognizes(file)
        )

    def stem(self, path: Path) -> Path:
        """Return ``path`` without extension: annotation files are ``stem.EXT``."""
        return path.with_suffix("") if self.owns(path) else path

    @abstractmethod
    def open(
        self, path: Path, *, fs_hz: float | None = None, units: str | None = None
    ) -> Recording:
        """Open the recording with all its leads; ``Recording.choose`` looks at their units.

        Args:
            path: A file of this format.
            fs_hz: Sampling rate, where the format takes one and the file does not say it.
            units: Unit of all leads, where the format takes one.

        Raises:
            DataError: If there is no such file, or it is malformed.
        """
