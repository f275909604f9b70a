"""Reads the parts of an architecture's JSON form, and says in one line what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from search_spaces.base import ArchitectureError

_FIELDS = ("space", "ops", "edges", "macro", "representation")


class Parts(NamedTuple):
    """What the JSON form of an architecture says, each part in the form of ``Architecture``."""

    ops: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]
    macro: dict[str, int | str]
    representation: dict[str, str]


def read_parts(
    data: object,
    *,
    space: str,
    op_names: Sequence[str],
    n_ops: tuple[int, int],
    macro: Mapping[str, Sequence[int | str]] = MappingProxyType({}),
    representation: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> Parts:
    """Return the parts of an architecture; whether they fit each other is for its space to say.

    Args:
        data: The JSON form.
        space: Name of the space that it must belong to.
        op_names: What an operation may be.
        n_ops: Fewest and most operations of a cell.
        macro: Options of each choice of the network around the cell.
        representation: Options of each choice of how a beat is presented.

    Raises:
        ArchitectureError: If a part is missing, unknown or not allowed.
    """
    read = fields(data, space)
    found = ops(read["ops"], op_names)
    least, most = n_ops
    if not least <= len(found) <= most:
        allowed = str(most) if least == most else f"{least} to {most}"
        raise ArchitectureError(
            f"a cell of {space} must have {allowed} operations; got {len(found)}"
        )
    joined = edges(read["edges"], len(found) + 2)
    chosen = choices(read["macro"], macro, "macro")
    presented = choices(read["representation"], representation, "representation")
    return Parts(found, joined, chosen, {name: str(value) for name, value in presented.items()})


def fields(data: object, space: str) -> Mapping[str, Any]:
    """Return ``data``, which must be an object with the fields of an architecture of ``space``.

    Raises:
        ArchitectureError: If it is not.
    """
    if not isinstance(data, Mapping):
        raise ArchitectureError(f"an architecture must be a JSON object; got {data!r:.80}")
    if set(data) != set(_FIELDS):
        raise ArchitectureError(
            f"an architecture must have the fields {', '.join(_FIELDS)}; got "
            f"{', '.join(map(str, data)) or 'none'}"
        )
    if data["space"] != space:
        raise ArchitectureError(
            f"the architecture must belong to the space {space}; it says {data['space']!r:.80}"
        )
    return data


def ops(value: object, names: Sequence[str]) -> tuple[str, ...]:
    """Return the operations listed in ``value``.

    Raises:
        ArchitectureError: If it is not a list of ``names``.
    """
    if not isinstance(value, list | tuple):
        raise ArchitectureError(f"ops must be a list of operations; got {value!r:.80}")
    for op in value:
        if op not in names:
            raise ArchitectureError(
                f"an operation must be one of {', '.join(names)}; got {op!r:.80}"
            )
    return tuple(value)


def edges(value: object, n_nodes: int) -> tuple[tuple[int, int], ...]:
    """Return the edges listed in ``value``, sorted.

    Raises:
        ArchitectureError: If it is not a list of different pairs of nodes, lower one first.
    """
    if not isinstance(value, list | tuple):
        raise ArchitectureError(f"edges must be a list of [from, to] pairs; got {value!r:.80}")
    found: set[tuple[int, int]] = set()
    for edge in value:
        pair = isinstance(edge, list | tuple) and [type(node) for node in edge] == [int, int]
        if not pair or not 0 <= edge[0] < edge[1] < n_nodes:
            raise ArchitectureError(
                f"an edge must be [from, to] with 0 <= from < to <= {n_nodes - 1} for "
                f"{n_nodes - 2} operations; got {edge!r:.80}"
            )
        if tuple(edge) in found:
            raise ArchitectureError(f"an edge must be listed once; {edge!r} is there twice")
        found.add((edge[0], edge[1]))
    return tuple(sorted(found))


def choices(
    value: object, table: Mapping[str, Sequence[int | str]], what: str
) -> dict[str, int | str]:
    """Return the option chosen for every name of ``table``.

    Raises:
        ArchitectureError: If a name is missing or unknown, or its option is not one of the table's.
    """
    if not isinstance(value, Mapping) or set(value) != set(table):
        given = ", ".join(map(str, value)) if isinstance(value, Mapping) else repr(value)[:80]
        wanted = ", ".join(sorted(table)) or "no names"
        raise ArchitectureError(f"{what} must give {wanted}; got {given or 'none'}")
    for name, options in table.items():
        # By type too: True == 1 and 2.0 == 2, but their JSON texts, and so the keys, differ.
        if not any(value[name] == o and type(value[name]) is type(o) for o in options):
            raise ArchitectureError(
                f"{what} {name} must be one of {', '.join(map(repr, options))}; "
                f"got {value[name]!r:.80}"
            )
    return dict(value)
