"""What data are asked for: one object from the command line to the plan, the cache and the run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, Self

from data_prep import sources, tasks
from data_prep.dsp.signal_spec import SignalSpec
from data_prep.errors import DataError
from data_prep.io import formats
from data_prep.sources import Source
from data_prep.store.dataset import MANIFEST

Role = Literal["train", "external test"]

ROLES: tuple[Role, ...] = ("train", "external test")
STANDARD = "standard"
"""The split where none is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSetRequest:
    """One data set that is asked for.

    Attributes:
        source: Name of a source; ``None`` where the folder tells what it is: a prepared signal
            store, or recordings.
        records: That folder, or the folder of the source's recordings; ``None`` where the source
            finds them itself.
        leads: Leads by name or position, with fallbacks; ``None`` for those of the signal.
        annotators: Extensions of annotation files in order of preference: of each record, the
            first that is there; ``None`` as the source says.
        labels: TOML file that gives each beat symbol its class, instead of the signal's mapping.
        patients: CSV or TOML file that gives each record its patient.
        role: Whether its training patients train, or all of it is kept to test on.

    Raises:
        DataError: If something of this cannot be; the message names all of it.
    """

    source: str | None = None
    records: Path | None = None
    leads: tuple[str, ...] | None = None
    annotators: tuple[str, ...] | None = None
    labels: Path | None = None
    patients: Path | None = None
    role: Role = "train"

    def __post_init__(self) -> None:
        _refuse(self._faults())

    @property
    def name(self) -> str:
        """What to call it: its source, or else its folder."""
        return str(self.records) if self.source is None else self.source

    def prepared_store(self) -> Path | None:
        """Return its folder where that is a prepared store; ``None`` for recordings.

        Raises:
            DataError: If it is neither a source nor a folder.
        """
        if self.source is not None or self.records is None:
            return None
        if not self.records.is_dir():
            raise DataError(
                f"the data must be a source ({', '.join(sources.available())}), the folder of a "
                f"prepared store or one of recordings; got {str(self.records)!r}"
            )
        if not (self.records / MANIFEST).is_file() and formats.any_in(self.records):
            return None
        return self.records

    def origin(self) -> Source:
        """Return the source of its recordings; a folder of recordings is one of ``wfdb``.

        Raises:
            DataError: If it is a prepared store, or neither a source nor a folder.
        """
        if (store := self.prepared_store()) is not None:
            raise DataError(
                "recordings must be given: a source, or a folder of recordings ("
                f"{', '.join(formats.available())}); {store} holds none, or is a prepared store"
            )
        return sources.load("wfdb" if self.source is None else self.source)

    def _faults(self) -> Iterator[str]:
        if self.source is None and self.records is None:
            yield "a data set must have a source, or a folder of records; it has neither"
        if self.source is not None and self.source not in sources.available():
            known = ", ".join(sources.available())
            yield f"the source must be one of {known}; got {self.source!r}"
        if self.leads is not None and not _are_names(self.leads):
            yield f"the leads must be one name or more, as in MLII/II; got {self.leads!r}"
        if self.annotators is not None and not (
            _are_names(self.annotators) and all(name.isalnum() for name in self.annotators)
        ):
            yield (
                "the annotators must be extensions of annotation files, of letters and digits, as "
                f"in atr; got {', '.join(map(repr, self.annotators)) or 'none'}"
            )
        for name in _FILES:
            if not isinstance(path := getattr(self, name), Path | None):
                yield f"{name} must be the path of a file or folder; got {path!r}"
        if self.role not in ROLES:
            yield f"the role must be one of {', '.join(ROLES)}; got {self.role!r}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataRequest:
    """All data that are asked for.

    Attributes:
        sets: The data sets.
        split: A split of the source, or a TOML file with the lists ``train`` and ``test``;
            ``None`` for the standard one.
        task: Name of the task; ``None`` for the signal's, or the prepared store's.
        signal: How to make the signals comparable, but for what a data set says itself; ``None``
            as the source says.

    Raises:
        DataError: If something of this cannot be; the message names all of it.
    """

    sets: tuple[DataSetRequest, ...]
    split: str | None = None
    task: str | None = None
    signal: SignalSpec | None = None

    def __post_init__(self) -> None:
        _refuse(self._faults())

    def one_set(self) -> DataSetRequest:
        """Return its data set.

        Raises:
            DataError: If there are several: they cannot be joined.
        """
        if len(self.sets) > 1:
            raise DataError(
                "data sets cannot be joined: there must be one; got "
                f"{', '.join(one.name for one in self.sets)}"
            )
        return self.sets[0]

    def split_name(self) -> str:
        """Return the split: as asked for, or else the standard one."""
        return STANDARD if self.split is None else self.split

    def signal_spec(self) -> SignalSpec:
        """Return how its signals are made comparable, with the leads and labels of its data set.

        Raises:
            DataError: If there are several data sets, or it is not one of recordings.
        """
        one = self.one_set()
        spec = one.origin().signal if self.signal is None else self.signal
        if self.task is not None:
            spec = spec.for_task(tasks.load(self.task))
        if one.leads is not None:
            spec = replace(spec, leads=one.leads)
        return spec if one.labels is None else replace(spec, mapping=one.labels.stem)

    def to_json(self) -> dict[str, Any]:
        """Return the request as JSON-able values."""
        return {
            "sets": [
                {name: _plain(value) for name, value in asdict(one).items()} for one in self.sets
            ],
            "split": self.split,
            "task": self.task,
            "signal": None if self.signal is None else self.signal.to_json(),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return the request that :meth:`to_json` wrote; what is not named has its default.

        Raises:
            DataError: If ``values`` are not such a request.
        """
        _refuse(_unknown(cls, values))
        sets, signal = values.get("sets"), values.get("signal")
        if not isinstance(sets, list | tuple):
            raise DataError(f"a request for data must have a list of data sets; got {sets!r}")
        return cls(
            sets=tuple(_set_from_json(one) for one in sets),
            split=values.get("split"),
            task=values.get("task"),
            signal=None if signal is None else SignalSpec.from_json(signal),
        )

    def _faults(self) -> Iterator[str]:
        if not self.sets:
            yield "at least one data set must be asked for; there is none"
        places = Counter((one.source, one.records) for one in self.sets)
        if twice := [one.name for one in self.sets if places[one.source, one.records] > 1]:
            yield f"each data set must be asked for once; twice there is {twice[0]}"
        if self.split is not None and not (isinstance(self.split, str) and self.split):
            yield f"the split must be the name of one, or a file; got {self.split!r}"
        if self.task is not None and self.task not in tasks.available():
            yield f"the task must be one of {', '.join(tasks.available())}; got {self.task!r}"


_FILES = ("records", "labels", "patients")


def _set_from_json(values: Any) -> DataSetRequest:
    if not isinstance(values, Mapping):
        raise DataError(f"a data set must be a table of its settings; got {values!r}")
    _refuse(_unknown(DataSetRequest, values))
    read: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    read |= {name: Path(read[name]) for name in _FILES if isinstance(read.get(name), str)}
    return DataSetRequest(**read)


def _unknown(cls: type[Any], values: Mapping[str, Any]) -> Iterator[str]:
    known = [item.name for item in fields(cls)]
    if unknown := [str(name) for name in values if name not in known]:
        yield f"a {cls.__name__} has {', '.join(known)}; got {', '.join(unknown)}"


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


def _are_names(value: Any) -> bool:
    return (
        isinstance(value, tuple)
        and len(value) > 0
        and all(isinstance(name, str) and name for name in value)
    )


def _refuse(faults: Iterable[str]) -> None:
    if found := list(faults):
        raise DataError("; ".join(found))
