"""How the columns of a table write an architecture, one class a form.

A form turns the columns into keys, one a row, and keys into architectures; equal keys mean the
same architecture. Where a key is shorter than an architecture, a table of 423,624 cells is read
without making them all.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from ecg_nas.tables import published
from ecg_nas.tables.description import TableDescription
from search_spaces import Architecture, SearchSpace, load, nasbench101, nasbench201

Columns = Mapping[str, NDArray[Any]]


class TableForm(ABC):
    """One way to write architectures.

    Attributes:
        columns: Those that it takes.
        space: Name of the only space that is written so; ``None`` for any.
    """

    columns: ClassVar[tuple[str, ...]]
    space: ClassVar[str | None] = None

    @abstractmethod
    def keys(self, columns: Columns) -> list[Hashable]:
        """Return the key of each row.

        Raises:
            ValueError: If a row does not write an architecture (forms whose keys are shorter than
                architectures may find that out later).
        """

    @abstractmethod
    def key(self, arch: Architecture) -> Hashable:
        """Return the key of an architecture of the space."""

    @abstractmethod
    def architecture(self, key: Any) -> Architecture:
        """Return the architecture of a key.

        Raises:
            ArchitectureError: If there is none.
        """


class JsonText(TableForm):
    """The JSON text of an architecture, of any space."""

    columns = ("architecture",)

    def __init__(self, space: SearchSpace) -> None:
        self._space = space

    @override
    def keys(self, columns: Columns) -> list[Hashable]:
        return [self._space.from_json(json.loads(text)) for text in columns["architecture"]]

    @override
    def key(self, arch: Architecture) -> Hashable:
        return arch

    @override
    def architecture(self, key: Any) -> Architecture:
        arch: Architecture = key
        return arch


class EdgeOps(TableForm):
    """The operation on each edge of a NAS-Bench-201 cell, by its number."""

    columns = published.EDGE_OPS
    space = nasbench201.SPACE.name

    @override
    def keys(self, columns: Columns) -> list[Hashable]:
        edges = np.stack([columns[name] for name in self.columns], axis=1).astype(np.int64)
        n_ops = len(nasbench201.OPS)
        if not ((edges >= 0) & (edges < n_ops)).all():
            raise ValueError(f"operations must be 0 to {n_ops - 1}")
        keys: list[Hashable] = (edges @ n_ops ** np.arange(edges.shape[1])[::-1]).tolist()
        return keys

    @override
    def key(self, arch: Architecture) -> Hashable:
        return nasbench201.to_index(arch)

    @override
    def architecture(self, key: Any) -> Architecture:
        return nasbench201.from_index(key)


class EdgeBits(TableForm):
    """Edges of a NAS-Bench-101 cell as the bits of one number, and operations as digits."""

    columns = published.EDGE_BITS
    space = nasbench101.SPACE.name

    @override
    def keys(self, columns: Columns) -> list[Hashable]:
        bits, ops = (columns[name] for name in self.columns)
        return [(int(edges), str(digits)) for edges, digits in zip(bits, ops, strict=True)]

    @override
    def key(self, arch: Architecture) -> Hashable:
        return nasbench101.to_bits(arch)

    @override
    def architecture(self, key: Any) -> Architecture:
        return nasbench101.from_bits(*key)


def form_of(description: TableDescription) -> TableForm:
    """Return the form in which a table writes its architectures.

    Raises:
        ArchitectureError: If there is no space of the table's.
        ValueError: If that space is not written so.
    """
    space = load(description.space)
    if description.form == "architecture":
        return JsonText(space)
    form = {"edge_ops": EdgeOps, "edge_bits": EdgeBits}[description.form]()
    if form.space != space.name:
        raise ValueError(f"{space.name} is not written as {description.form}")
    return form
