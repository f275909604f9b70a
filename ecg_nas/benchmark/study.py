"""A study: many independent runs, of which only those are made that are not kept on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from ecg_nas.benchmark import _processes
from ecg_nas.benchmark.result_cache import CachedRuns
from ecg_nas.errors import ConfigError


class RunKey(NamedTuple):
    """What tells the runs of a study apart.

    Attributes:
        name: Of the method or predictor.
        size: Its budget, or number of labels.
        seed: Of its luck.
    """

    name: str
    size: int
    seed: int


class Run(Protocol):
    """What came of a run."""

    @property
    def key(self) -> RunKey:
        """Which it is."""

    def to_json(self) -> dict[str, Any]:
        """Return the rest of it as JSON-able values."""


_Run = TypeVar("_Run", bound=Run)
_Job = TypeVar("_Job")


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """How a study is made; none of it changes a result but the seconds.

    Attributes:
        workers: Processes.
        out: Folder of kept runs: what it holds is not made again, what is made is added at once.
        on_start: Called once with how many runs were kept and how many are to be made.
        on_run: Called with each run as it ends; not with the kept ones.
    """

    workers: int = 1
    out: Path | None = None
    on_start: Callable[[int, int], None] = lambda kept, missing: None
    on_run: Callable[[Any], None] = lambda run: None


SERIAL = Execution()
"""In this process, without keeping anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Study(Generic[_Job, _Run]):
    """Runs to be made, and how.

    Attributes:
        wanted: The runs, in the order of their results.
        about: By name, all that its runs depend on besides size, seed and code.
        folder: Where in the folder of kept runs those of the study are, a file a name.
        read: Returns the run that ``to_json`` described; raises ``ValueError`` if it is none.
        jobs: Returns the jobs that make missing runs; they can be sent to a process.
        play: Makes the runs of a job; a function of a module.
    """

    wanted: Sequence[RunKey]
    about: Mapping[str, Mapping[str, Any]]
    folder: str
    read: Callable[[Any, RunKey], _Run]
    jobs: Callable[[Sequence[RunKey]], Sequence[_Job]]
    play: Callable[[_Job], Sequence[_Run]]


def conduct(study: Study[_Job, _Run], execution: Execution) -> list[_Run]:
    """Make the runs that are missing, and return all in the order in which they are wanted.

    Raises:
        RunError: If a worker process dies, or the folder holds runs made with other settings.
    """
    kept = {
        name: CachedRuns(_file(execution.out / study.folder, name), about)
        for name, about in study.about.items()
        if execution.out is not None
    }
    found = dict(_found(study, kept))
    missing = [key for key in study.wanted if key not in found]
    execution.on_start(len(found), len(missing))
    jobs = study.jobs(missing)
    for runs in _processes.results(study.play, jobs, workers=execution.workers):
        for run in runs:
            name, size, seed = run.key
            if name in kept:
                kept[name].add(size, seed, run.to_json())
            found[run.key] = run
            execution.on_run(run)
    return [found[key] for key in study.wanted]


def check_at_least_1(**numbers: int) -> None:
    """Check numbers by their names.

    Raises:
        ConfigError: If one is too small.
    """
    for what, number in numbers.items():
        if number < 1:
            raise ConfigError(f"{what} must be at least 1; got {number}")


def _found(
    study: Study[_Job, _Run], kept: Mapping[str, CachedRuns]
) -> Iterator[tuple[RunKey, _Run]]:
    for key in study.wanted:
        run = kept[key.name].get(key.size, key.seed) if key.name in kept else None
        if run is not None:
            try:
                yield key, study.read(run, key)
            except ValueError as error:
                raise kept[key.name].unreadable(error) from error


def _file(folder: Path, name: str) -> Path:
    """Return where in ``folder`` the runs of a method or predictor are kept."""
    return folder / f"{name.replace(':', '.')}.json"  # not all systems allow a colon
