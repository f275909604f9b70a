"""What a table of trained networks says of itself; a Parquet file keeps it in its metadata."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ecg_nas.errors import TableError

Direction = Literal["higher", "lower"]
"""Which scores are better."""

Form = Literal["architecture", "edge_ops", "edge_bits"]
"""How the columns of a table write an architecture; see ``forms``."""

KEY = "ecg_nas.table"
"""Under which a Parquet schema keeps the description."""

_FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column with numbers.

    Attributes:
        name: In the file.
        scale: What its numbers are multiplied by.
    """

    name: str
    scale: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A figure by which the architectures of a table can be searched.

    Attributes:
        name: What it is called among the metrics of its table, such as ``cifar10``.
        benchmark: What a comparison by it is called, such as ``nb201-cifar10``.
        words: What the scores are, with their unit and how they came about.
        unit: Of the scores, ``%`` say; empty for none.
        direction: Which scores are better.
        epochs: Of the trainings, if known.
        score: The scores.
        test: Scores of the same networks on test data, reported only.
        costs: What the networks cost to run, by name: ``params`` are their parameters.
        train_s: Seconds of the trainings.
    """

    name: str
    benchmark: str
    words: str
    unit: str = ""
    direction: Direction = "higher"
    epochs: int | None = None
    score: Column
    test: Column | None = None
    costs: Mapping[str, Column] = field(default_factory=dict)
    train_s: Column | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\w[\w.-]*", self.benchmark):  # folders of kept results bear it
            raise ValueError(
                "what a comparison is called must be letters, digits, _, . and -; got "
                f"{self.benchmark!r:.60}"
            )

    @property
    def needed(self) -> tuple[Column, ...]:
        """The columns in which every architecture must have a value: all but the test scores."""
        return (self.score, *self.costs.values(), *([self.train_s] if self.train_s else ()))

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Metric:
        """Return the metric that ``dataclasses.asdict`` described."""
        columns = {name: data[name] for name in ("score", "test", "train_s")}
        return cls(
            **{
                **data,
                **{name: column and Column(**column) for name, column in columns.items()},
                "costs": {name: Column(**column) for name, column in data["costs"].items()},
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TableDescription:
    """What no column tells.

    Attributes:
        space: Name of the search space.
        form: How an architecture is written.
        metrics: By what can be searched, one or more.
        runs: Fewest and most trainings, over the architectures, that a value is the mean of;
            ``None`` if that is not known.
        complete: Whether every architecture of the space is there, with all its values.
        source: Where the values come from.
        caveat: What a result on a part of the space must say besides; ``{best}`` and ``{spread}``
            stand for how many of the best scores lie within how many points.
        labels: For how many known scores other predictors are published, if they are.
    """

    space: str
    form: Form = "architecture"
    metrics: tuple[Metric, ...]
    runs: tuple[int, int] | None
    complete: bool
    source: str
    caveat: str = "the best of them need not be the best of the space, so there is no hit rate"
    labels: tuple[int, ...] = ()

    def metric(self, name: str | None, where: str) -> Metric:
        """Return the metric that is called ``name``, or the comparison by it.

        Args:
            name: ``None`` for the only one.
            where: Names the table in errors.

        Raises:
            TableError: If there is none of that name, or no name and more than one.
        """
        found = [m for m in self.metrics if name in (None, m.name, m.benchmark)]
        if len(found) == 1:
            return found[0]
        names = ", ".join(metric.name for metric in self.metrics)
        if name is None:
            raise TableError(f"{where} has scores by {names}: choose one with --metric")
        benchmarks = ", ".join(metric.benchmark for metric in self.metrics)
        raise TableError(
            f"the table must hold what is compared; {where} holds {benchmarks} (metrics: {names}); "
            f"got {name!r}"
        )

    def to_metadata(self) -> dict[str, str]:
        """Return the entries that a Parquet schema keeps."""
        content = {"format": _FORMAT, **dataclasses.asdict(self)}
        return {KEY: json.dumps(content, ensure_ascii=False)}

    @classmethod
    def from_metadata(cls, metadata: Mapping[bytes, bytes] | None) -> TableDescription | None:
        """Return what a schema's metadata tells; ``None`` for a table that says nothing.

        Raises:
            ValueError: If it is of another format or damaged; also ``KeyError`` and ``TypeError``.
        """
        text = (metadata or {}).get(KEY.encode())
        if text is None:
            return None
        content = json.loads(text)
        if content.pop("format") != _FORMAT:
            raise ValueError("its description is of another format")
        content["metrics"] = tuple(Metric.from_json(metric) for metric in content["metrics"])
        content["labels"] = tuple(content["labels"])
        content["runs"] = content["runs"] and tuple(content["runs"])
        return cls(**content)


def trainings(runs: tuple[int, int] | None) -> str:
    """Return how many trainings a value is of, in words; empty if that is not known."""
    if runs is None:
        return ""
    numbers = "-".join(str(n) for n in dict.fromkeys(runs))
    return "one training each" if numbers == "1" else f"mean of {numbers} trainings"
