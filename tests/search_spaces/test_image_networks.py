"""The networks of both NAS benchmarks: sizes as in their tables, and what their cells compute."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from search_spaces import ArchitectureError, nasbench101, nasbench201
from search_spaces._cost import count_on
from search_spaces._net2d import Cell101, Cell201
from search_spaces._plan2d import vertex_channels

INCEPTION = nasbench101.from_cell(
    ["conv1x1", "conv3x3", "maxpool3x3", "conv3x3", "conv1x1"],
    [(0, 1), (0, 2), (0, 3), (1, 4), (2, 5), (3, 6), (4, 6), (5, 6), (0, 6)],
)
SMALL = {"channels": 4, "cells": 2, "image_channels": 2, "classes": 5}


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def sampled(module, count, seed=0):
    rng = np.random.default_rng(seed)
    return [module.SPACE.sample(rng) for _ in range(count)]


@pytest.mark.parametrize("module", [nasbench101, nasbench201])
def test_cost_is_what_the_network_has(module):
    archs = [*sampled(module, 6), *([INCEPTION] if module is nasbench101 else [])]
    for arch in archs:
        network = module.build_image_network(arch, **SMALL)
        assert module.image_cost(arch, **SMALL, side=12) == count_on(network, (2, 12, 12))


@pytest.mark.parametrize("module", [nasbench101, nasbench201])
def test_networks_train(module):
    torch.manual_seed(0)
    for arch in sampled(module, 4, seed=1):
        network = module.build_image_network(arch, **SMALL)
        logits = network(torch.randn(3, 2, 8, 8))
        assert logits.shape == (3, 5)
        logits.square().sum().backward()
        assert network.head.weight.grad.isfinite().all()


@pytest.mark.parametrize("module", [nasbench101, nasbench201])
@pytest.mark.parametrize("side", [0, 2, 30])
def test_an_image_that_cannot_be_halved_twice_is_refused(module, side):
    with pytest.raises(ArchitectureError, match="multiple of 4 pixels"):
        module.image_cost(sampled(module, 1)[0], side=side)


def test_the_output_shares_its_channels():
    three = [(0, 1), (0, 2), (0, 3), (1, 4), (2, 4), (3, 4), (0, 4)]
    assert vertex_channels(5, three, 8, 128) == [8, 43, 43, 42, 128]
    # 1 leads to 2 and 3 only: as wide as the wider one
    assert vertex_channels(5, [(0, 1), (1, 2), (1, 3), (2, 4), (3, 4)], 8, 9) == [8, 5, 5, 4, 9]
    assert vertex_channels(2, [(0, 1)], 8, 16) == [8, 16]


def test_a_cell_101_worked_out_by_hand():
    # 1 and 2 share the output, 1 leads to 2 as well; the input is added
    edges = ((0, 1), (0, 3), (1, 2), (1, 3), (2, 3))
    cell = Cell101(("conv1x1", "maxpool3x3"), edges, 3, 5).eval()
    x = torch.randn(2, 3, 4, 4)
    first = cell.ops[0](cell.projections["1"](x))
    second = nn.functional.max_pool2d(first[:, :2], 3, stride=1, padding=1)
    wanted = torch.cat([first, second], dim=1) + cell.projections["3"](x)
    assert first.shape[1] == 3
    torch.testing.assert_close(cell(x), wanted)


def test_a_cell_201_worked_out_by_hand():
    ops = ("nor_conv_3x3", "avg_pool_3x3", "nor_conv_1x1", "none", "skip_connect", "nor_conv_1x1")
    cell = Cell201(ops, nasbench201.EDGES, 3)
    x = torch.randn(2, 3, 4, 4)
    conv3, pool, conv1, _, last = cell.ops
    one = conv3(x)
    wanted = one + last(pool(x) + conv1(one))
    torch.testing.assert_close(cell(x), wanted)
    torch.testing.assert_close(pool(torch.ones(1, 3, 4, 4)), torch.ones(1, 3, 4, 4))


def test_of_zeros_a_convolution_makes_its_shift():
    ops = ("none", "none", "nor_conv_3x3", "none", "none", "skip_connect")
    cell = Cell201(ops, nasbench201.EDGES, 2)
    nn.init.constant_(cell.ops[0][2].bias, 0.7)
    torch.testing.assert_close(cell(torch.randn(3, 2, 4, 4)), torch.full((3, 2, 4, 4), 0.7))


def test_the_benchmarks_own_sizes():
    convolutions = nasbench201.from_ops(["nor_conv_3x3"] * 6)
    assert nasbench201.image_cost(convolutions).params == 1_531_546
    arch = nasbench101.from_bits(1394777, "02001")
    assert nasbench101.image_cost(arch).params == 8_555_530


def check_101(data_dir: Path, places):
    with np.load(data_dir / "nb101" / "nb101_space.npz") as arrays:
        bits, ops, params = (arrays[name] for name in ("edge_bits", "ops", "params_counted"))
    for place in places:
        arch = nasbench101.from_bits(int(bits[place]), ops[place].decode())
        assert nasbench101.image_cost(arch).params == params[place]


@pytest.mark.real
def test_parameters_of_nasbench101_are_the_benchmarks(data_dir):
    places = np.random.default_rng(0).choice(nasbench101.N_CELLS, 1000, replace=False)
    check_101(data_dir, places)


@pytest.mark.real
@pytest.mark.slow
def test_parameters_of_all_nasbench101(data_dir):
    check_101(data_dir, range(nasbench101.N_CELLS))


@pytest.mark.real
def test_measured_parameters_of_nasbench101_are_those_of_some_order(data_dir):
    """Not of the listed order in 3 % of the cells, all of three vertices before the output."""
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = ["edge_bits", "ops", "params"]
    table = parquet.read_table(data_dir / "nb101" / "nb101_20001.parquet", columns=columns)
    rows = table.slice(0, 2000).to_pydict()
    others = 0
    for bits, ops, params in zip(*rows.values(), strict=True):
        arch = nasbench101.from_bits(bits, ops)
        if nasbench101.image_cost(arch).params != params:
            others += 1
            last = len(arch.ops) + 1
            assert sum(a > 0 and b == last for a, b in arch.edges) == 3
    assert others == 67


@pytest.mark.real
@pytest.mark.parametrize(
    ("data_set", "size"),
    [
        ("c10", {}),
        ("c100", {"classes": 100}),
        ("img", {"classes": 120, "side": 16}),
    ],
)
def test_cost_of_nasbench201_is_the_benchmarks(data_dir, data_set, size):
    parquet = pytest.importorskip("pyarrow.parquet")
    names = [f"{data_set}_{what}" for what in ("params_M", "params_M_counted", "macs_M_counted")]
    path = data_dir / "nb201" / "nb201.parquet"
    table = parquet.read_table(path, columns=["arch", "unique_str", *names]).to_pydict()
    given, params, macs = (np.array(table[name]) for name in names)
    archs = [nasbench201.from_string(text) for text in table["arch"]]
    costs = {arch.ops: nasbench201.image_cost(arch, **size) for arch in archs}
    found = [costs[arch.ops] for arch in archs]
    assert [cost.params for cost in found] == np.rint(params * 1e6).astype(int).tolist()
    np.testing.assert_allclose([cost.macs for cost in found], macs * 1e6, rtol=1e-6)
    quirks = np.flatnonzero(np.abs(given - params) > 1e-6)
    assert len(quirks) == 150
    of_string: dict[str, set[int]] = {}
    for string, cost in zip(table["unique_str"], found, strict=True):
        of_string.setdefault(string, set()).add(cost.params)
    for place in quirks:
        assert round(given[place] * 1e6) in of_string[table["unique_str"][place]]
