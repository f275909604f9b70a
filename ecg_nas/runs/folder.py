"""The folder of a run: what lies where in it, and whose it is at the moment.

=========================  =====================================================================
``config.json``            resolved settings, data fingerprint, versions
``run.sqlite``             evaluations and the state of the search
                           (``ecg_nas.methods.engine.run_store``)
``lock``                   held by the process that works on the run
``log.txt``                what happened when
``final.safetensors``      weights of the winner, trained on all training patients
``final.json``             what the winner is and how it was trained
``held_out/``              networks of the winner's folds, of its out-of-fold pass
``held_out.npz``           their out-of-fold outputs
``held_out.json``          temperature and figures of these outputs, with intervals
``int8.json``              what INT8 costs on these patients
``*.int8.safetensors``     networks fine-tuned for INT8, where it was refused without
``robustness.json``        what noise, altered leads and other rates do to their figures
``bundle/``                the exported classifier
``candidates/KEY/``        the same files for other candidates that were exported
``report.html``            the report
``evaluations/``           what ``ecg-nas evaluate`` found, for the report
``summary.json``           what ``ecg-nas search --json`` prints
``checksums.json``         digests of these files, once the run is complete
=========================  =====================================================================
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from data_prep import writing
from data_prep.errors import DataError
from data_prep.locks import take_lock
from ecg_nas import run_json
from ecg_nas.errors import EcgNasError, RunError
from ecg_nas.files import write_text
from ecg_nas.methods.engine.run_store import RunStore
from search_spaces.base import KEY_DIGITS, is_key

FORMAT = 1


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """The paths of one candidate that is trained to be exported.

    Attributes:
        path: The folder; of the winner, that of the run.
    """

    path: Path

    @property
    def weights(self) -> Path:
        """Weights, trained on all training patients."""
        return self.path / "final.safetensors"

    @property
    def final(self) -> Path:
        """What it is; written after its weights."""
        return self.path / "final.json"

    def fold(self, index: int) -> Path:
        """Network of one fold, and its outputs for the patients held out."""
        return self.path / "held_out" / f"fold-{index}.safetensors"

    @property
    def outputs(self) -> Path:
        """Out-of-fold outputs: for every patient of the network that was not trained on them."""
        return self.path / "held_out.npz"

    @property
    def out_of_fold(self) -> Path:
        """What follows from the outputs; written after them."""
        return self.path / "held_out.json"

    @property
    def int8(self) -> Path:
        """What INT8 costs on the patients held out."""
        return self.path / "int8.json"

    def tuned(self, index: int | None) -> Path:
        """Network of one fold, or (``None``) of all patients, fine-tuned for INT8 if need be."""
        if index is None:
            return self.path / "final.int8.safetensors"
        return self.path / "held_out" / f"fold-{index}.int8.safetensors"

    @property
    def robustness(self) -> Path:
        """What noise, altered leads and other rates do to the figures of the patients held out."""
        return self.path / "robustness.json"

    @property
    def bundle(self) -> Path:
        """The exported classifier."""
        return self.path / "bundle"


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The paths in a run's folder.

    Attributes:
        path: The folder.
    """

    path: Path

    @property
    def config(self) -> Path:
        """Resolved settings."""
        return self.path / "config.json"

    @property
    def store(self) -> Path:
        """Evaluations and state."""
        return self.path / "run.sqlite"

    @property
    def weights(self) -> Path:
        """Weights of the candidates, where others start from them."""
        return self.path / "weights"

    @property
    def winner(self) -> ModelFolder:
        """Files of the winner."""
        return ModelFolder(self.path)

    def candidate(self, key: str) -> ModelFolder:
        """Files of another candidate that was exported.

        Raises:
            RunError: If ``key`` is no key: it may come from a stranger's file.
        """
        if not is_key(key):
            raise RunError(
                f"the key of a candidate must be {KEY_DIGITS} hex digits; {self.path} has one "
                f"that is {key!r:.60}: restore its files from a copy"
            )
        return ModelFolder(self.path / "candidates" / key)

    @property
    def bundle(self) -> Path:
        """The exported classifier of the winner."""
        return self.winner.bundle

    @property
    def report(self) -> Path:
        """The report."""
        return self.path / "report.html"

    @property
    def summary(self) -> Path:
        """What the search printed at its end; there when the run is complete."""
        return self.path / "summary.json"


@contextmanager
def working_on(path: Path) -> Iterator[RunFolder]:
    """Make or open the run folder ``path`` and keep others out while inside; log to ``log.txt``.

    The lock is the kernel's: it ends with its process, however that ends. A run that is refused
    before its first evaluation leaves nothing behind: right settings may use the folder.

    Raises:
        RunError: If the folder cannot be written, holds something else, or is in use.
    """
    folder = RunFolder(path)
    made = [place for place in (path, *path.parents) if not place.exists()]
    try:
        path.mkdir(parents=True, exist_ok=True)
        if not folder.config.exists() and any(p.name not in _OURS for p in path.iterdir()):
            raise RunError(
                f"a run needs a new or empty folder, or one with a run; {path} holds other files: "
                "choose another --out"
            )
        _refuse_links(path)
        lock = writing.open_own(path / "lock", append=True)
    except OSError as error:
        if writing.is_full(error):
            raise RunError(writing.not_written(path, error)) from error
        raise RunError(
            f"the run folder {path} must be writable ({error.strerror}): choose another --out"
        ) from error
    try:
        _take(lock, path)
        begun = folder.config.exists()
        try:
            with _logging_to(path / "log.txt"):
                yield folder
        except (DataError, EcgNasError, OSError):
            if not begun and not _has_proposals(folder):
                _clear(folder, made)
            raise
    finally:
        os.close(lock)


def _refuse_links(path: Path) -> None:
    """Refuse links among a run's files, and under them: they lead out of it what is written."""
    places = [p for p in path.iterdir() if p.name in _OWN or p.name.startswith(_OWN_STEMS)]
    folders = [place for place in places if place.is_dir() and not place.is_symlink()]
    inner = [place for folder in folders for place in folder.rglob("*")]
    for place in (*places, *inner):
        if place.is_symlink():
            raise RunError(
                f"the files of a run must lie in its folder; {place} is a link, which is not "
                "followed: put in its place what it points to"
            )


def _has_proposals(folder: RunFolder) -> bool:
    try:
        with RunStore(folder.store, read_only=True) as store:
            return store.next_slot() > 0
    except RunError:  # none, or the disk was full before it held anything
        return False


def _clear(folder: RunFolder, made: Sequence[Path]) -> None:
    """Remove the files of a run that was never begun, and the empty folders made for it."""
    stores = folder.path.glob(f"{folder.store.name}*")  # SQLite's own files beside it
    for file in (folder.config, *stores, *(folder.path / name for name in _OURS)):
        file.unlink(missing_ok=True)
    with suppress(OSError):  # somebody put something in
        for place in made:
            place.rmdir()


_OURS = {"lock", "log.txt"}  # what a process killed at once may leave
_OWN = {*_OURS, "bundle", "candidates", "config.json", "evaluations", "int8.json", "report.html",
        "robustness.json", "summary.json", "weights"}  # fmt: skip
_OWN_STEMS = ("final.", "held_out", "run.sqlite")


def read_json(file: Path) -> dict[str, Any]:
    """Return the content of a JSON file of a run.

    Raises:
        RunError: If it cannot be read, or does not hold what it must.
    """
    try:
        return run_json.load(file)
    except FileNotFoundError as error:
        raise RunError(
            f"{file} must be readable JSON ({error}); restore it from a copy or start in another "
            "run folder"
        ) from error


def write_json(file: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file whole or not at all.

    Raises:
        RunError: If it cannot be written.
    """
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_text(file, text)


def _take(descriptor: int, path: Path) -> None:
    if not take_lock(descriptor):
        os.lseek(descriptor, 0, os.SEEK_SET)
        owner = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
        raise RunError(
            f"the run {path} is in use by another process ({owner}): wait for it or choose "
            "another --out"
        )
    with suppress(OSError):  # a full disk holds the lock all the same, but not whose it is
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())


@contextmanager
def _logging_to(file: Path) -> Iterator[None]:
    try:
        handler = _LogFile(open(writing.open_own(file, append=True), "a", encoding="utf-8"))  # noqa: PTH123, SIM115
    except OSError as error:
        raise RunError(writing.not_written(file, error)) from error
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("ecg_nas")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(min(level, logging.INFO) if level else logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        handler.end()


class _LogFile(logging.StreamHandler[TextIO]):
    """A log that does without lines for which there is no room: the work does not need them."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802, logging's name
        error = sys.exc_info()[1]
        if not (isinstance(error, OSError) and writing.is_full(error)):
            super().handleError(record)

    def end(self) -> None:
        """Close the file."""
        self.close()
        with suppress(OSError):
            self.stream.close()
