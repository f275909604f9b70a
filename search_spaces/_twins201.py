"""Which NAS-Bench-201 cells are one network: the same output from the same trained weights.

An edge's convolution (with its batch norm) is one set of weights, whatever it is applied to, and
its result can go several ways; so two cells are one network if their convolutions can be matched
one to one such that each sees the same and the output is the same. Skips pass a value on, sums
have no order, and the pool is linear (it counts no padding), so that the pool of a sum is the sum
of pools. What the output does not depend on does not count.

Not matched, for the weights would not be the same ones: cells that only equal after a change of
weights (a convolution of ``x`` and one of ``x + x``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations
from typing import NamedTuple

_INPUT = -1
_SHIFT = "shift"
_POOL = "avg_pool_3x3"

_Value = Counter[tuple[int, int]]
"""What a node holds: how often each ``(atom, poolings)`` is in its sum. An atom is the cell's
input or a convolution, by its edge."""


class _Convolution(NamedTuple):
    """One set of weights: its kind and what it is applied to."""

    kind: str
    source: _Value


def twin_class(ops: Sequence[str], edges: Sequence[tuple[int, int]]) -> str:
    """Return the network of a cell as text, the same for all cells that are the same network.

    The text names each convolution once, so cells of one class have equally many of each kind.

    Args:
        ops: Operation of each edge.
        edges: ``(from, to)`` nodes, sources before what depends on them.
    """
    output, convolutions = _trace(ops, edges)
    live = _live(output, convolutions)
    return min(_text(order, output, convolutions) for order in _orders(live, convolutions))


def _trace(
    ops: Sequence[str], edges: Sequence[tuple[int, int]]
) -> tuple[_Value, dict[int, _Convolution]]:
    """Return what the last node holds, and all convolutions by edge."""
    values = [_Value({(_INPUT, 0): 1}), *(_Value() for _ in range(edges[-1][1]))]
    convolutions: dict[int, _Convolution] = {}
    for edge, ((start, end), op) in enumerate(zip(edges, ops, strict=True)):
        source = values[start]
        if op == "skip_connect":
            values[end] += source
        elif op == _POOL:
            values[end] += _pooled(source, convolutions)
        elif op != "none":
            # Of zeros, any convolution makes zeros, and its batch norm adds the shift it learnt.
            convolutions[edge] = _Convolution(op if source else _SHIFT, source)
            values[end][edge, 0] += 1
    return values[-1], convolutions


def _pooled(value: _Value, convolutions: Mapping[int, _Convolution]) -> _Value:
    """Return the pool of a sum as the sum of its pools; a constant is its own pool."""
    pooled = _Value()
    for (atom, poolings), count in value.items():
        constant = atom in convolutions and convolutions[atom].kind == _SHIFT
        pooled[atom, poolings + (not constant)] += count
    return pooled


def _live(output: _Value, convolutions: Mapping[int, _Convolution]) -> list[int]:
    """Return the convolutions that ``output`` depends on."""
    found: set[int] = set()
    waiting = [output]
    while waiting:
        new = {atom for atom, _ in waiting.pop() if atom != _INPUT} - found
        found |= new
        waiting += [convolutions[atom].source for atom in new]
    return sorted(found)


def _orders(
    live: Sequence[int], convolutions: Mapping[int, _Convolution]
) -> Iterator[tuple[int, ...]]:
    """Yield the orders of ``live`` in which every convolution comes after those it looks at."""
    for order in permutations(live):
        place = {atom: i for i, atom in enumerate(order)}
        if all(
            place[source] < place[atom]
            for atom in order
            for source, _ in convolutions[atom].source
            if source != _INPUT
        ):
            yield order


def _text(order: Sequence[int], output: _Value, convolutions: Mapping[int, _Convolution]) -> str:
    names = {_INPUT: "x", **{atom: f"c{i}" for i, atom in enumerate(order, start=1)}}

    def total(value: _Value) -> str:
        terms = [
            "pool(" * poolings + names[atom] + ")" * poolings for atom, poolings in value.elements()
        ]
        return " + ".join(sorted(terms))

    parts = [
        f"{names[atom]} = {convolutions[atom].kind}({total(convolutions[atom].source)})"
        for atom in order
    ]
    return "; ".join([*parts, total(output) or "0"])
