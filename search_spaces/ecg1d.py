"""Small 1-D networks for ECG beats: a searched cell, the network around it, and the input's form.

The cell is a graph with operations on its nodes (as in NAS-Bench-101). Beside it, *macro* choices
say how the network is stacked, and *representation* choices how a beat is presented to it; the
latter are names only, which ``ecg_nas.evaluation`` turns into a ``BeatSpec``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from typing_extensions import override

from search_spaces import _graph, _json, _layer_sizes
from search_spaces.base import Architecture, ArchitectureError, CellGraph, Cost, SearchSpace

if TYPE_CHECKING:
    from torch import nn

OPS = (*_layer_sizes.KERNELS, "max_pool_3", "avg_pool_3", "squeeze_excite", "identity")

MACRO: Mapping[str, tuple[int | str, ...]] = {
    "activation": ("relu", "silu"),
    "cells": (1, 2),  # a stage
    "context_join": ("concat", "film", "mlp"),  # how the rhythm features enter
    "growth_pct": (100, 150, 200),  # width of a stage, in % of the one before
    "head_hidden": (0, 32),
    "head_pool": ("avg", "avg+max"),
    "reduce": ("avg", "max"),  # pooling between stages
    "stages": (2, 3, 4),
    "stem_kernel": (5, 11, 21),
    "stem_stride": (1, 2, 4),
    "width": (8, 12, 16, 24, 32),  # of the first stage
}

REPRESENTATION: Mapping[str, tuple[str, ...]] = {
    "reference_beat": ("off", "on"),
    "rr": ("absolute", "local", "patient", "patient+local"),
    "scale": ("record", "window"),
    "window": ("narrow", "wide", "neighbours"),
}

MAX_INNER = 4
MAX_EDGES = 9  # of 15; as in NAS-Bench-101, it keeps cells from being all edges
NOMINAL = {"leads": 2, "samples": 128, "context": 8, "classes": 5}
PARAMS = (2_000, 60_000)  # at the nominal size
MAX_MACS = 2_000_000

_MOVES = ("op", "edge", "node", "macro", "representation")
_MOVE_WEIGHTS = (0.25, 0.2, 0.15, 0.2, 0.2)

_T = TypeVar("_T")
_Cell = tuple[tuple[str, ...], tuple[_graph.Edge, ...]]


class Ecg1d(SearchSpace):
    """The space; ``SPACE`` is its one instance."""

    name = "ecg1d"
    op_names = OPS
    max_nodes = MAX_INNER + 2
    max_paths = 8
    max_path_ops = MAX_INNER
    trains = True

    @override
    def sample(self, rng: np.random.Generator) -> Architecture:
        while True:
            cell = _random_cell(rng)
            macro = {name: _pick(options, rng) for name, options in MACRO.items()}
            representation = {name: _pick(options, rng) for name, options in REPRESENTATION.items()}
            arch = _make(*cell, macro, representation)
            if _fault(arch) is None:
                return arch

    @override
    def mutate(self, arch: Architecture, rng: np.random.Generator) -> Architecture:
        while True:  # a change of representation is always legal, so this ends
            cell: _Cell = (arch.ops, arch.edges)
            macro: dict[str, int | str] = dict(arch.macro)
            representation = dict(arch.representation)
            move = _MOVES[rng.choice(len(_MOVES), p=_MOVE_WEIGHTS)]
            if move == "op":
                cell = _change_op(cell, rng)
            elif move == "edge":
                cell = _flip_edge(cell, rng)
            elif move == "node":
                cell = _change_nodes(cell, rng)
            elif move == "macro":
                name = _pick(tuple(MACRO), rng)
                macro[name] = _pick([o for o in MACRO[name] if o != macro[name]], rng)
            else:
                name = _pick(tuple(REPRESENTATION), rng)
                others = [o for o in REPRESENTATION[name] if o != representation[name]]
                representation[name] = _pick(others, rng)
            mutant = _make(*cell, macro, representation)
            if mutant != arch and _fault(mutant) is None:
                return mutant

    @override
    def crossover(self, a: Architecture, b: Architecture, rng: np.random.Generator) -> Architecture:
        parents = (a, b)
        for _ in range(32):
            macro = dict(_pick(genes, rng) for genes in zip(a.macro, b.macro, strict=True))
            pairs = zip(a.representation, b.representation, strict=True)
            representation = dict(_pick(genes, rng) for genes in pairs)
            cells = (a.ops, a.edges), (b.ops, b.edges)
            child_cell = _graph.cross(cells, MAX_INNER, OPS[-1], rng)
            child = _make(*child_cell, macro, representation)
            if _fault(child) is None:
                return child
            whole = _pick(parents, rng)  # then a cell from one side with genes of both
            child = _make(whole.ops, whole.edges, macro, representation)
            if _fault(child) is None:
                return child
        return _pick(parents, rng)

    @override
    def check(self, arch: Architecture) -> None:
        if arch != self.from_json(arch.to_json()):
            raise ArchitectureError(
                "an ecg1d architecture must be in canonical form (read it with from_json); "
                f"got ops {list(arch.ops)}, edges {[list(e) for e in arch.edges]}"
            )

    @override
    def from_json(self, data: Mapping[str, Any]) -> Architecture:
        parts = _json.read_parts(
            data,
            space=self.name,
            op_names=OPS,
            n_ops=(1, MAX_INNER),
            macro=MACRO,
            representation=REPRESENTATION,
        )
        arch = _make(*parts)
        fault = _fault(arch)
        if fault is not None:
            raise ArchitectureError(fault)
        return arch

    @override
    def graph(self, arch: Architecture) -> CellGraph:
        inner = (2 + OPS.index(op) for op in arch.ops)
        return CellGraph(
            ops=(0, *inner, 1),
            edges=arch.edges,
            settings=_one_hot(MACRO, dict(arch.macro))
            + _one_hot(REPRESENTATION, dict(arch.representation)),
        )

    @override
    def cost(
        self, arch: Architecture, *, leads: int, samples: int, context: int, classes: int
    ) -> Cost:
        return _layer_sizes.cost(
            arch, leads=leads, samples=samples, context=context, classes=classes
        )

    @override
    def build(
        self, arch: Architecture, *, leads: int, samples: int, context: int, classes: int
    ) -> nn.Module:
        from search_spaces import _net1d  # torch takes seconds to import; the moves do not need it

        return _net1d.build(arch, leads=leads, samples=samples, context=context, classes=classes)


def _pick(options: Sequence[_T], rng: np.random.Generator) -> _T:
    return options[int(rng.integers(len(options)))]


def _make(
    ops: Sequence[str],
    edges: Sequence[_graph.Edge],
    macro: Mapping[str, int | str],
    representation: Mapping[str, str],
) -> Architecture:
    """Return the canonical architecture; it may still break a limit (see ``_fault``)."""
    cell = _graph.canonical(*_graph.prune(ops, edges))
    return Architecture(
        space=Ecg1d.name,
        ops=cell[0],
        edges=cell[1],
        macro=tuple(sorted(macro.items())),
        representation=tuple(sorted(representation.items())),
    )


def _fault(arch: Architecture) -> str | None:
    """Return the limit that ``arch`` breaks, in words; ``None`` for a legal one."""
    if not arch.ops:
        return "an ecg1d cell must have an operation on a way from its input to its output"
    if len(arch.edges) > MAX_EDGES:
        return f"an ecg1d cell must have at most {MAX_EDGES} edges; got {len(arch.edges)}"
    cost = _layer_sizes.cost(arch, **NOMINAL)
    if not PARAMS[0] <= cost.params <= PARAMS[1]:
        return (
            f"an ecg1d network must have {PARAMS[0]} to {PARAMS[1]} parameters (2 channels, 5 "
            f"classes); got {cost.params}"
        )
    if cost.macs > MAX_MACS:
        return (
            f"an ecg1d network must have at most {MAX_MACS} multiply-accumulates (2 channels of "
            f"128 samples); got {cost.macs}"
        )
    return None


def _random_cell(rng: np.random.Generator) -> _Cell:
    """Return a cell of 1 to 4 live operations; all numbers of them are equally likely."""
    n_ops = int(rng.integers(1, MAX_INNER + 1))
    slots = list(combinations(range(n_ops + 2), 2))
    ops = [_pick(OPS, rng) for _ in range(n_ops)]
    while True:
        drawn = rng.random(len(slots)) < 0.5
        edges = [slot for slot, there in zip(slots, drawn, strict=True) if there]
        if len(edges) <= MAX_EDGES and len(_graph.live_nodes(n_ops + 2, edges)) == n_ops + 2:
            return tuple(ops), tuple(edges)


def _change_op(cell: _Cell, rng: np.random.Generator) -> _Cell:
    ops = list(cell[0])
    node = int(rng.integers(len(ops)))
    ops[node] = _pick([op for op in OPS if op != ops[node]], rng)
    return tuple(ops), cell[1]


def _flip_edge(cell: _Cell, rng: np.random.Generator) -> _Cell:
    edge = _pick(list(combinations(range(len(cell[0]) + 2), 2)), rng)
    return cell[0], tuple(sorted(set(cell[1]) ^ {edge}))


def _change_nodes(cell: _Cell, rng: np.random.Generator) -> _Cell:
    """Put a new operation into an edge, or take a node out and join its neighbours."""
    ops, edges = list(cell[0]), set(cell[1])
    if len(ops) < MAX_INNER and (len(ops) == 1 or rng.random() < 0.5):
        start, end = _pick(sorted(edges), rng)
        ops.insert(end - 1, _pick(OPS, rng))
        moved = {(a + (a >= end), b + (b >= end)) for a, b in edges - {(start, end)}}
        return tuple(ops), tuple(sorted(moved | {(start, end), (end, end + 1)}))
    node = int(rng.integers(1, len(ops) + 1))
    before = [a for a, b in edges if b == node]
    after = [b for a, b in edges if a == node]
    edges |= {(a, b) for a in before for b in after}
    return _graph.prune(ops, [edge for edge in edges if node not in edge])


def _one_hot(
    table: Mapping[str, Sequence[int | str]], chosen: Mapping[str, int | str]
) -> tuple[float, ...]:
    return tuple(float(option == chosen[name]) for name in sorted(table) for option in table[name])


SPACE = Ecg1d()
