"""What was read of a table, whatever its file looks like."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecg_nas.errors import TableError
from ecg_nas.tables.description import Column, Metric, TableDescription
from ecg_nas.tables.forms import TableForm
from search_spaces import Architecture, ArchitectureError, ConfinedSpace, SearchSpace, load

PARAMS = "params"
"""The cost that is a number of parameters."""

_BEST = 8  # cells whose scores a note on a part of a space compares

Floats = NDArray[np.float64]
Columns = Mapping[str, NDArray[Any]]


class Cells:
    """The architectures of a table, which are made only when they are asked for."""

    def __init__(self, form: TableForm, keys: Sequence[Hashable]) -> None:
        self._form = form
        self._keys = keys
        self._places = {key: place for place, key in enumerate(keys)}

    def all(self) -> list[Architecture]:
        """Return them in order."""
        return [self._form.architecture(key) for key in self._keys]

    def place(self, arch: Architecture) -> int:
        """Return where ``arch``, one of the space, is; raise ``KeyError`` if it is not there."""
        return self._places[self._form.key(arch)]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableContent:
    """What a table holds, in the order of its cells.

    That is the order in which the space lists its architectures, where the table has them all;
    else that of the file.

    Attributes:
        description: What the table says of itself.
        metric: The one that is read.
        space: Where to search: all cells are in the table, and moves lead to no others.
        cells: The architectures.
        rows: Place of each row of the file.
        note: What a result must say of the table; ``None`` for a complete one.
        scores: By the metric; higher ones are better, so where lower values are, they are negated.
        test: Test scores; ``None`` if the table has none.
        costs: By name.
        train_s: Seconds of the training, if known.
    """

    description: TableDescription
    metric: Metric
    space: SearchSpace
    cells: Cells
    rows: NDArray[np.int64]
    note: str | None
    scores: Floats
    test: Floats | None = None
    costs: Mapping[str, Floats] = field(default_factory=dict)
    train_s: Floats | None = None


def assemble(
    description: TableDescription,
    metric: Metric,
    *,
    form: TableForm,
    keys: Sequence[Hashable],
    columns: Columns,
    where: str,
) -> TableContent:
    """Return the content of a table whose file has been read.

    Args:
        description: What the table says of itself.
        metric: The one that is wanted.
        form: How the table writes an architecture.
        keys: Of each row.
        columns: The values of each row.
        where: Names the table in errors.

    Raises:
        TableError: If an architecture is there twice or not one of the space, a value is missing,
            or the table is not as complete as it says.
    """
    space = load(description.space)
    values = {column.name: _numbers(columns, column) for column in metric.needed}
    n_different = len(set(keys))
    if n_different < max(len(keys), 2) or not all(np.isfinite(v).all() for v in values.values()):
        raise TableError(
            f"the table must hold two cells of {space.name} or more, each once, with finite "
            f"values; {where} has {len(keys)} rows, {n_different} different cells"
        )
    complete = is_complete(space, keys, form)
    if description.complete and not complete:
        raise TableError(
            f"the table must hold each architecture of {space.name} once, as it says; {where} has "
            f"{len(keys)}" + ("" if space.size is None else f" of {space.size}")
        )
    listed = space.listed() if complete else None
    order = list(keys) if listed is None else [form.key(arch) for arch in listed]
    place = {key: i for i, key in enumerate(order)}
    rows = np.array([place[key] for key in keys], np.int64)
    by_place = np.argsort(rows)

    def sorted_column(column: Column) -> Floats:
        return _numbers(columns, column)[by_place]

    scores = sorted_column(metric.score)
    cells = Cells(form, order)
    return TableContent(
        description=description,
        metric=metric,
        space=space if complete else _confined(space, cells, where),
        cells=cells,
        rows=rows,
        note=None if complete else _note(description.caveat, space, scores, cells.all()[0]),
        scores=scores if metric.direction == "higher" else -scores,
        test=None if metric.test is None else sorted_column(metric.test),
        costs={
            name: np.rint(sorted_column(column)) if name == PARAMS else sorted_column(column)
            for name, column in metric.costs.items()
        },
        train_s=None if metric.train_s is None else sorted_column(metric.train_s),
    )


def is_complete(space: SearchSpace, keys: Collection[Hashable], form: TableForm) -> bool:
    """Tell whether the different ``keys`` are all of ``space``, as far as that can be known."""
    if space.size is not None:
        return len(keys) == space.size
    listed = space.listed()
    # One more than there may be: a list can be longer than memory.
    return listed is not None and set(keys) == {
        form.key(arch) for arch in islice(listed, len(keys) + 1)
    }


def _numbers(columns: Columns, column: Column) -> Floats:
    numbers: Floats = columns[column.name].astype(np.float64) * column.scale
    return numbers


def _confined(space: SearchSpace, cells: Cells, where: str) -> SearchSpace:
    try:
        return ConfinedSpace(space, cells.all())
    except (ArchitectureError, ValueError) as error:
        raise TableError(
            f"the table must hold architectures of {space.name}; {where} does not: {error}"
        ) from error


def _note(caveat: str, whole: SearchSpace, scores: Floats, example: Architecture) -> str:
    """Return what a result on a table of a part of a space must say."""
    best = np.sort(scores)[-_BEST:]
    cells = "architectures" if example.macro or example.representation else "cells"
    share = "" if whole.size is None else f"{len(scores) / whole.size:.2%} of all; "
    # Not by format, to which a file could say more than these.
    remark = caveat.replace("{best}", str(len(best)))
    remark = remark.replace("{spread}", f"{best[-1] - best[0]:.2f}")
    return f"proposals were confined to the {len(scores):,} measured {cells}, {share}{remark}"
