import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecg_nas.predictor.encodings.paths import HardEncoder, distance, path_summary, sorted_paths
from search_spaces import ArchitectureError, CellGraph, load
from search_spaces.nasbench201 import NasBench201, from_ops

# Input -> a -> output, input -> b -> a -> output, input -> output, with a = op 1 and b = op 0.
GRAPH = CellGraph(ops=(0, 2, 3, 1), edges=((0, 1), (0, 2), (0, 3), (1, 2), (2, 3)))


def cell(*ops):
    short = {"0": "none", "s": "skip_connect", "1": "nor_conv_1x1", "3": "nor_conv_3x3"}
    return from_ops([short[op] for op in ops])


def test_paths_are_sorted_by_length_then_by_operations():
    assert sorted_paths(GRAPH) == [(), (1,), (0, 1)]
    assert sorted_paths(CellGraph(ops=(0, 1), edges=())) == []
    diamond = CellGraph(ops=(0, 4, 2, 1), edges=((0, 1), (0, 2), (1, 3), (2, 3)))
    assert sorted_paths(diamond) == [(0,), (2,)]


def test_the_hard_code_of_a_cell_worked_out_by_hand():
    # Ways through 0->3 (skip), 0->1->3 (3x3, 1x1); the rest is dead.
    encoded = HardEncoder(load("nasbench201")).encode([cell("3", "0", "0", "s", "1", "0")])
    code = encoded.hard[0].reshape(4, 3, 5)
    expected = np.zeros((4, 3, 5))
    expected[0, 0, 1] = 1  # the path of one operation first: skip
    expected[1, 0, 3] = 1  # then 3x3 in first
    expected[1, 1, 2] = 1  # and 1x1 in second position
    np.testing.assert_array_equal(code, expected)


def test_the_graph_of_a_cell_worked_out_by_hand():
    encoded = HardEncoder(load("nasbench201")).encode([cell("3", "0", "0", "s", "1", "0")])
    kinds = [int(row.argmax()) if row.any() else None for row in encoded.nodes[0]]
    assert kinds == [0, 5, 3, 4, None, None, None, 1]  # the output is last, after the padding
    edges = {(int(a), int(b)) for a, b in np.argwhere(encoded.adjacency[0])}
    assert edges == {(0, 1), (0, 2), (1, 3), (2, 7), (3, 7)}


def test_what_is_dead_changes_nothing_and_what_lives_does():
    encoder = HardEncoder(load("nasbench201"))
    one, twin, other = encoder.encode(
        [
            cell("3", "0", "0", "s", "1", "0"),
            cell("3", "3", "0", "s", "1", "0"),  # leads to node 2, from which nothing goes on
            cell("3", "3", "0", "s", "1", "1"),
        ]
    ).hard
    np.testing.assert_array_equal(one, twin)
    assert distance(one[None], other[None]) > 0


def test_a_cell_that_passes_nothing_has_an_empty_code():
    encoded = HardEncoder(load("nasbench201")).encode([cell("0", "0", "0", "0", "0", "0")])
    assert not encoded.hard.any()
    assert not encoded.summary.any()
    assert encoded.nodes[0].sum() == 2


def test_settings_are_part_of_the_code():
    space = load("ecg1d")
    rng = np.random.default_rng(0)
    arch = space.sample(rng)
    relabelled = dataclasses.replace(
        arch, representation=tuple({**dict(arch.representation), "rr": "local"}.items())
    )
    other = dataclasses.replace(
        arch, representation=tuple({**dict(arch.representation), "rr": "absolute"}.items())
    )
    hard = HardEncoder(space).encode([relabelled, other]).hard
    assert distance(hard[:1], hard[1:]) == 2  # one bit goes, one comes


@given(st.integers(0, 2**32 - 1), st.sampled_from(["nasbench101", "nasbench201", "ecg1d"]))
def test_every_architecture_fits_and_distance_is_the_absolute_difference(seed, name):
    space = load(name)
    rng = np.random.default_rng(seed)
    archs = [space.sample(rng) for _ in range(4)]
    encoded = HardEncoder(space).encode(archs)
    assert set(np.unique(encoded.hard)) <= {0, 1}
    between = distance(encoded.hard, encoded.hard[:2])
    naive = np.abs(encoded.hard[:, None] - encoded.hard[None, :2]).sum(axis=2)
    np.testing.assert_array_equal(between, naive)
    single = [HardEncoder(space).encode([arch]) for arch in archs]
    for name in ("hard", "summary", "settings", "nodes", "adjacency"):
        alone = np.concatenate([getattr(one, name) for one in single])
        np.testing.assert_array_equal(alone, getattr(encoded, name))


def test_the_summary_counts_over_paths():
    summary = path_summary(GRAPH, sorted_paths(GRAPH), n_ops=2)
    whole, each = summary[:5], summary[5:].reshape(7, 2)
    np.testing.assert_allclose(whole, [3, 0, 2, 1, 5])
    nodes, most, fewest, mean, deviation, paths_with, paths_of_only = each
    np.testing.assert_array_equal(nodes, [1, 1])
    np.testing.assert_array_equal(most, [1, 1])
    np.testing.assert_array_equal(fewest, [0, 0])
    np.testing.assert_allclose(mean, [1 / 3, 2 / 3])
    np.testing.assert_allclose(deviation, [np.std([0, 0, 1]), np.std([0, 1, 1])], rtol=1e-6)
    np.testing.assert_array_equal(paths_with, [1, 2])
    np.testing.assert_array_equal(paths_of_only, [0, 1])


@pytest.mark.parametrize("limit", ["max_nodes", "max_paths", "max_path_ops"])
def test_a_space_that_breaks_its_own_limits_is_refused(limit):
    space = type("Narrow", (NasBench201,), {limit: 2})()
    with pytest.raises(ArchitectureError, match="must have at most 2"):
        HardEncoder(space).encode([cell("3", "3", "3", "s", "1", "3")])


def test_nothing_to_encode_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        HardEncoder(load("nasbench201")).encode([])
