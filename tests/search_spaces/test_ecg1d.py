from __future__ import annotations

from dataclasses import replace
from itertools import combinations, permutations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import architectures
from torch import nn

from search_spaces import Architecture, ArchitectureError, _graph, ecg1d

SPACE = ecg1d.SPACE
MACRO = {
    "activation": "relu",
    "cells": 1,
    "context_join": "concat",
    "growth_pct": 150,
    "head_hidden": 0,
    "head_pool": "avg",
    "reduce": "max",
    "stages": 2,
    "stem_kernel": 5,
    "stem_stride": 2,
    "width": 16,
}
REPRESENTATION = {"reference_beat": "off", "rr": "patient", "scale": "record", "window": "narrow"}


def _arch(ops=("conv_3",), edges=((0, 1), (1, 2)), **macro) -> Architecture:
    return SPACE.from_json(
        {
            "space": "ecg1d",
            "ops": list(ops),
            "edges": [list(edge) for edge in edges],
            "macro": {**MACRO, **macro},
            "representation": REPRESENTATION,
        }
    )


@given(architectures("ecg1d"), st.data())
@settings(max_examples=60, deadline=None)
def test_a_relabelled_cell_is_the_same_architecture(arch, data):
    last = len(arch.ops) + 1
    legal = []
    for order in permutations(range(1, last)):
        number = (0, *order, last)
        if all(number[a] < number[b] for a, b in arch.edges):
            legal.append(number)
    number = data.draw(st.sampled_from(legal))
    ops = [""] * len(arch.ops)
    for node, op in enumerate(arch.ops, start=1):
        ops[number[node] - 1] = op
    edges = [[number[a], number[b]] for a, b in reversed(arch.edges)]
    relabelled = SPACE.from_json({**arch.to_json(), "ops": ops, "edges": edges})
    assert relabelled == arch
    assert relabelled.key == arch.key


def test_dead_operations_do_not_count():
    dead = _arch(ops=("conv_3", "sep_conv_7"), edges=((0, 1), (0, 2), (1, 3)))
    assert dead == _arch()


def test_only_the_canonical_form_passes_the_check():
    arch = _arch(ops=("conv_1", "conv_3"), edges=((0, 1), (0, 2), (1, 3), (2, 3)))
    SPACE.check(arch)
    with pytest.raises(ArchitectureError, match="canonical"):
        SPACE.check(replace(arch, ops=arch.ops[::-1]))


def test_max_paths_is_the_most_that_the_edges_allow():
    slots = list(combinations(range(SPACE.max_nodes), 2))
    most = max(
        sum(1 for _ in _graph.paths(SPACE.max_nodes, edges))
        for edges in combinations(slots, ecg1d.MAX_EDGES)  # fewer edges never give more paths
    )
    assert most == SPACE.max_paths


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"edges": ()}, "a way from its input to its output"),
        ({"edges": ((0, 1),)}, "a way from its input to its output"),
        ({"ops": ("conv_3",) * 5, "edges": ((0, 1),)}, "1 to 4 operations; got 5"),
        ({"width": 7}, "macro width must be one of 8, 12, 16, 24, 32; got 7"),
        ({"width": "16"}, "macro width must be one of"),
        ({"cells": True}, "macro cells must be one of 1, 2; got True"),
        ({"ops": ("identity",), "width": 8}, "must have 2000 to 60000 parameters"),
        ({"ops": ("conv_5",), "width": 32, "growth_pct": 200, "stages": 4}, "to 60000 parameters"),
        (
            {"ops": ("conv_5",), "width": 32, "stem_stride": 1, "cells": 2, "growth_pct": 100},
            "at most 2000000 multiply-accumulates",
        ),
    ],
)
def test_what_breaks_a_limit_is_named(change, message):
    with pytest.raises(ArchitectureError, match=message):
        _arch(**change)


def test_a_cell_of_all_edges_is_refused():
    edges = tuple(combinations(range(6), 2))
    with pytest.raises(ArchitectureError, match="at most 9 edges; got 15"):
        _arch(ops=("conv_1",) * 4, edges=edges)


def test_settings_are_one_hot_in_every_choice():
    counts = [len(options) for options in (*ecg1d.MACRO.values(), *ecg1d.REPRESENTATION.values())]
    hot = SPACE.graph(_arch()).settings
    assert len(hot) == sum(counts)
    assert sum(hot) == len(counts)
    for start, n in zip(np.cumsum([0, *counts]), counts, strict=False):
        assert sum(hot[start : start + n]) == 1


def test_samples_spread_over_the_sizes_that_deployment_allows():
    rng = np.random.default_rng(0)
    archs = [SPACE.sample(rng) for _ in range(300)]
    costs = [SPACE.cost(arch, **ecg1d.NOMINAL) for arch in archs]
    params = np.array([cost.params for cost in costs])
    assert params.min() >= 2_000
    assert params.max() <= 60_000
    assert np.quantile(params, 0.9) > 5 * np.quantile(params, 0.1)
    assert max(cost.macs for cost in costs) <= 2_000_000
    assert len({len(arch.ops) for arch in archs}) == 4


def test_a_mutation_changes_one_thing():
    rng = np.random.default_rng(0)
    arch = SPACE.sample(rng)
    kinds = set()
    for _ in range(600):
        mutant = SPACE.mutate(arch, rng)
        cell = (mutant.ops, mutant.edges) != (arch.ops, arch.edges)
        moved = {*mutant.macro, *mutant.representation} - {*arch.macro, *arch.representation}
        assert cell + len(moved) == 1
        kinds |= {"cell"} if cell else {name for name, _ in moved}
        arch = mutant
    assert kinds == {"cell", *ecg1d.MACRO, *ecg1d.REPRESENTATION}


def test_windows_too_short_for_the_stages_are_refused():
    arch = _arch(ops=("sep_conv_3",), stages=4, stem_stride=4)
    assert SPACE.build(arch, leads=2, samples=32, context=0, classes=5)
    for method in (SPACE.build, SPACE.cost):
        with pytest.raises(ArchitectureError, match="at least 32 samples for 4 stages"):
            method(arch, leads=2, samples=28, context=0, classes=5)


@pytest.mark.parametrize("join", ecg1d.MACRO["context_join"])
def test_the_rhythm_context_reaches_the_logits(join):
    torch.manual_seed(0)
    network = SPACE.build(_arch(context_join=join), leads=2, samples=90, context=4, classes=5)
    for layer in network.prepare.modules():  # film starts as if there were no context
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight)
    x, context = torch.randn(6, 2, 90), torch.randn(6, 4, requires_grad=True)
    network(x, context)[:, 2].square().sum().backward()
    assert (context.grad != 0).any(0).all()


def test_signals_stay_in_the_layout_that_runs_fast():
    seen: list[bool] = []

    def look(_: nn.Module, inputs: tuple[torch.Tensor, ...], __: torch.Tensor) -> None:
        seen.append(inputs[0].is_contiguous(memory_format=torch.channels_last))

    rng = np.random.default_rng(0)
    for arch in [SPACE.sample(rng) for _ in range(8)]:
        network = SPACE.build(arch, leads=2, samples=90, context=4, classes=5)
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.register_forward_hook(look)
        network(torch.randn(4, 2, 90), torch.randn(4, 4))
    assert len(seen) > 8 * 3
    assert all(seen)
