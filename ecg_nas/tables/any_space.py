"""From CSV or JSON with architectures of any search space to a table that describes itself."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecg_nas.errors import ConfigError, TableError
from ecg_nas.tables.content import PARAMS, is_complete
from ecg_nas.tables.description import Column, Direction, Metric, TableDescription, trainings
from ecg_nas.tables.forms import JsonText
from ecg_nas.tables.parquet import CompactTable
from ecg_nas.tables.row_files import RowFile, read_rows
from search_spaces import Architecture, ArchitectureError, SearchSpace, load

_SHOWN = 3  # problems that a message names
_NUMBERS, _LISTS = ("runs", "epochs"), ("scores", "costs")
_MOST_KEYS = 2_000_000  # architectures that are listed to find those of keys


@dataclass(frozen=True, slots=True, kw_only=True)
class RowDescription:
    """What the rows of a file are, as far as it is known: ``None`` where the file may say it.

    Attributes:
        name: What comparisons are called; by default as the space, with several scores their
            names behind it.
        scores: Columns by which can be searched; by default ``score``.
        metric: What the one score is, in words; by default the name of its column.
        unit: Of the scores.
        direction: Which scores are better; by default higher ones.
        test: Column of the test score; by default ``test``, if there is one.
        params: Column of the parameters; by default ``params``, if there is one.
        costs: Further columns of what a network costs to run.
        seconds: Column of the seconds of the training; by default ``seconds``, if there is one.
        runs: Of how many trainings a value is the mean.
        epochs: Of a training.
        source: Where the values come from; by default the file.
    """

    name: str | None = None
    scores: tuple[str, ...] | None = None
    metric: str | None = None
    unit: str | None = None
    direction: Direction | None = None
    test: str | None = None
    params: str | None = None
    costs: tuple[str, ...] | None = None
    seconds: str | None = None
    runs: int | None = None
    epochs: int | None = None
    source: str | None = None

    def completed(self, header: Mapping[str, Any], where: str) -> RowDescription:
        """Return it with what a file's header says of the rest.

        Raises:
            TableError: If the header says something that cannot be.
        """
        of_file = {
            field.name: _of_header(field.name, header[field.name], where)
            for field in dataclasses.fields(self)
            if header.get(field.name) not in (None, "")
        }
        given = {
            name: value for name, value in dataclasses.asdict(self).items() if value is not None
        }
        return RowDescription(**(of_file | given))


def import_rows(source: Path, out: Path, space: str, rows: RowDescription) -> dict[str, Any]:
    """Write the table of a CSV or JSON file; rows without a score are left out.

    Args:
        source: One architecture a row, in a column ``architecture`` (the JSON of the space, or
            another form that it reads) or ``key``, and its scores.
        out: The Parquet file to write; one that is there is replaced.
        space: Name of the search space.
        rows: What the columns are; wins over what the file says.

    Returns:
        What was written: see ``CompactTable.summary``, with ``metrics`` (``name``, ``benchmark``,
        ``words`` and ``direction`` of each) and ``left_out`` (rows without a score).

    Raises:
        ArchitectureError: If there is no such space.
        ConfigError: If the descriptions do not fit each other.
        TableError: If the file cannot be read, or rows are not what they must be.
    """
    if out.exists() and source.samefile(out):
        raise TableError(f"the table must go to another file than the one it is made of; got {out}")
    of = load(space)
    file = read_rows(source)
    known = rows.completed(file.header, str(source))
    metrics = _metrics(of, known, file.columns, str(source))
    table, left_out = _table(of, file, metrics, known, source)
    table.write(out)
    shown = ("name", "benchmark", "words", "direction")
    return {
        **table.summary(),
        "metrics": [{name: getattr(metric, name) for name in shown} for metric in metrics],
        "left_out": left_out,
    }


def _of_header(name: str, value: Any, where: str) -> Any:
    try:
        if name in _NUMBERS:
            return int(value)
        if name in _LISTS:
            parts = value.split(",") if isinstance(value, str) else value
            return tuple(str(part).strip() for part in parts)
    except (TypeError, ValueError):
        raise TableError(
            f"{name} must be {'a number' if name in _NUMBERS else 'names'}; {where} says {value!r}"
        ) from None
    if name == "direction" and value not in ("higher", "lower"):
        raise TableError(f"direction must be higher or lower; {where} says {value!r}")
    return str(value)


def _metrics(
    space: SearchSpace, known: RowDescription, columns: Sequence[str], where: str
) -> tuple[Metric, ...]:
    scores = known.scores or ("score",)
    name = known.name or space.name
    if known.metric is not None and len(scores) > 1:
        raise ConfigError(f"a metric in words is of one score; got {', '.join(scores)}")
    usual = {field: field if field in columns else None for field in ("test", "params", "seconds")}
    test, params, seconds = (getattr(known, field) or usual[field] for field in usual)
    costs = {PARAMS: params} | {cost: cost for cost in known.costs or ()}
    named = [*scores, *(column for column in (test, seconds, *costs.values()) if column)]
    if lacking := [column for column in named if column not in columns]:
        raise TableError(
            f"the file must have the columns that are named; {where} has no {', '.join(lacking)}: "
            f"its columns are {', '.join(columns)} (--scores names those of scores)"
        )

    def metric(score: str) -> Metric:
        return Metric(
            name=score,
            benchmark=name if len(scores) == 1 else f"{name}-{score}",
            words=_words(known.metric or f"{space.name} {score}", known),
            unit=known.unit or "",
            direction=known.direction or "higher",
            epochs=known.epochs,
            score=Column(name=score),
            test=Column(name=test) if test else None,
            costs={cost: Column(name=column) for cost, column in costs.items() if column},
            train_s=Column(name=seconds) if seconds else None,
        )

    try:
        return tuple(metric(score) for score in scores)
    except ValueError as error:
        raise ConfigError(str(error)) from error


def _words(metric: str, known: RowDescription) -> str:
    unit = f" in {known.unit}" if known.unit and known.unit not in metric else ""
    epochs = f" at {known.epochs} epochs" if known.epochs else ""
    lower = ", lower is better" if known.direction == "lower" else ""
    runs = f", {trainings((known.runs, known.runs))}" if known.runs else ""
    return f"{metric}{unit}{epochs}{lower}{runs}"


def _table(
    space: SearchSpace,
    file: RowFile,
    metrics: Sequence[Metric],
    known: RowDescription,
    source: Path,
) -> tuple[CompactTable, int]:
    reader = _RowReader(space, metrics)
    for place, row in zip(file.places, file.rows, strict=True):
        reader.add(place, row)
    if reader.problems:
        more = len(reader.problems) - _SHOWN
        raise TableError(
            f"each row must be one architecture of {space.name} with its numbers; "
            f"{len(reader.problems)} of {len(file.rows)} in {source} are not: "
            f"{'; '.join(reader.problems[:_SHOWN])}" + (f"; and {more} more" if more > 0 else "")
        )
    archs = list(reader.places)
    if len(archs) < 2:
        raise TableError(
            f"the file must hold two or more architectures with a score; {source} has {len(archs)}"
        )
    numbers: dict[str, NDArray[Any]] = {
        name: np.array(values, np.float64) for name, values in reader.numbers.items()
    }
    text = [json.dumps(arch.to_json(), separators=(",", ":")) for arch in archs]
    table = CompactTable(
        columns={"key": [arch.key for arch in archs], "architecture": text, **numbers},
        description=TableDescription(
            space=space.name,
            metrics=tuple(metrics),
            runs=None if known.runs is None else (known.runs, known.runs),
            complete=is_complete(space, archs, JsonText(space)),
            source=known.source or source.name,
        ),
    )
    return table, reader.left_out


class _RowReader:
    """Takes rows and says what is wrong with them.

    Attributes:
        places: Where each architecture is in the file, in the order of the rows.
        numbers: Values by column.
        problems: What is wrong, a row each.
        left_out: Rows without a score.
    """

    def __init__(self, space: SearchSpace, metrics: Sequence[Metric]) -> None:
        self._space = space
        self._scores = [metric.score.name for metric in metrics]
        self._needed = list(dict.fromkeys(c.name for metric in metrics for c in metric.needed))
        self._by_key: dict[str, Architecture] | None = None
        test = [metric.test.name for metric in metrics if metric.test]
        self.places: dict[Architecture, str] = {}
        self.numbers: dict[str, list[float]] = {name: [] for name in (*self._needed, *test)}
        self.problems: list[str] = []
        self.left_out = 0

    def add(self, place: str, row: Mapping[str, Any]) -> None:
        """Take in a row."""
        try:
            numbers = {name: _number(row.get(name), name) for name in self.numbers}
            if any(math.isnan(numbers[name]) for name in self._scores):
                self.left_out += 1
                return
            lacking = [name for name in self._needed if math.isnan(numbers[name])]
            if lacking:
                raise ValueError(f"it has no {', '.join(lacking)}")
            arch = self._architecture(row)
            if arch in self.places:
                raise ValueError(f"it is the architecture of {self.places[arch]} again")
        except (ArchitectureError, ValueError, KeyError, TypeError) as error:
            reason = f"it has no {error}" if isinstance(error, KeyError) else str(error)
            self.problems.append(f"{place}: {reason.splitlines()[0]:.160}")
            return
        self.places[arch] = place
        for name, number in numbers.items():
            self.numbers[name].append(number)

    def _architecture(self, row: Mapping[str, Any]) -> Architecture:
        written, key = row.get("architecture"), row.get("key")
        if written in (None, ""):
            if not key:
                raise ValueError("it has neither architecture nor key")
            return self._of_key(str(key))
        if isinstance(written, str) and written.lstrip().startswith("{"):
            written = json.loads(written)
        if isinstance(written, str):
            arch = self._space.from_text(written)
        else:
            usual = {"space": self._space.name, "macro": {}, "representation": {}}
            arch = self._space.from_json(usual | dict(written))
        if key and key != arch.key:
            raise ValueError(f"key {key!r:.40} is not that of its architecture, {arch.key}")
        return arch

    def _of_key(self, key: str) -> Architecture:
        if self._by_key is None:
            listed = islice(self._space.listed() or (), _MOST_KEYS)
            self._by_key = {arch.key: arch for arch in listed}
        if key not in self._by_key:
            raise ValueError(f"{self._space.name} lists no architecture with the key {key!r:.40}")
        return self._by_key[key]


def _number(value: Any, name: str) -> float:
    """Return a number, NaN where there is none."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return math.nan
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        with suppress(ValueError):
            number = float(value)
            if not math.isinf(number):
                return number
    raise ValueError(f"{name} {value!r:.40} is no number")
