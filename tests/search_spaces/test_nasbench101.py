from __future__ import annotations

from itertools import combinations, product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import dags

from ecg_nas.predictor.encodings.paths import HardEncoder
from search_spaces import ArchitectureError
from search_spaces import nasbench101 as nb

SPACE = nb.SPACE
INCEPTION = ((0, 1), (0, 2), (0, 3), (0, 6), (1, 4), (2, 5), (3, 6), (4, 6), (5, 6))
INCEPTION_OPS = ("conv1x1", "conv1x1", "maxpool3x3", "conv3x3", "conv3x3")


@pytest.fixture(scope="module")
def whole_space(data_dir: Path) -> dict[str, np.ndarray]:
    with np.load(data_dir / "nb101" / "nb101_space.npz") as arrays:
        return {name: arrays[name] for name in ("hash", "edge_bits", "ops")}


def rows(whole_space, places):
    for place in places:
        bits, ops = int(whole_space["edge_bits"][place]), whole_space["ops"][place].decode()
        yield bits, ops, whole_space["hash"][place].tobytes().hex()


def check_rows(whole_space, places) -> set[str]:
    """Check that every row is a legal cell in its canonical form with its hash; return keys."""
    keys = set()
    for bits, ops, digest in rows(whole_space, places):
        arch = nb.from_bits(bits, ops)
        assert [nb.OPS.index(op) for op in arch.ops] == [int(digit) for digit in ops]
        slots = [(a, b) for a in range(len(ops) + 2) for b in range(a + 1, len(ops) + 2)]
        assert arch.edges == tuple(slot for i, slot in enumerate(slots) if bits >> i & 1)
        assert nb.graph_hash(arch) == digest
        keys.add(arch.key)
    return keys


@pytest.mark.real
def test_cells_of_the_benchmark_are_canonical_and_have_its_hash(whole_space):
    places = np.random.default_rng(0).choice(nb.N_CELLS, 3000, replace=False)
    small = np.flatnonzero(np.char.str_len(whole_space["ops"]) <= 3)
    assert len(check_rows(whole_space, {*places.tolist(), *small.tolist()})) > 5000


@pytest.mark.real
@pytest.mark.slow
def test_all_cells_of_the_benchmark_are_different(whole_space):
    assert len(check_rows(whole_space, range(nb.N_CELLS))) == nb.N_CELLS


@pytest.mark.real
def test_at_most_eight_paths(whole_space):
    sizes = np.char.str_len(whole_space["ops"]) + 2
    widest = []
    for n_nodes in range(2, 8):
        places = np.flatnonzero(sizes == n_nodes)
        bits = whole_space["edge_bits"][places].astype(int)
        slots = list(combinations(range(n_nodes), 2))
        ways = [np.ones(len(bits), int)]  # to each node
        for node in range(1, n_nodes):
            into = [(i, a) for i, (a, b) in enumerate(slots) if b == node]
            ways.append(np.sum([ways[a] * (bits >> i & 1) for i, a in into], axis=0))
        assert ways[-1].max() <= SPACE.max_paths
        widest += places[ways[-1] == SPACE.max_paths].tolist()
    assert len(widest) == 729
    archs = [nb.from_bits(bits, ops) for bits, ops, _ in rows(whole_space, widest)]
    assert len(HardEncoder(SPACE).encode(archs)) == 729


def test_there_are_364_paths():
    assert sum(1 for n in range(6) for _ in product(nb.OPS, repeat=n)) == 364
    assert SPACE.max_path_ops == 5


def test_the_hash_is_the_benchmarks():
    found = nb.graph_hash(nb.from_bits(1394777, "02001"))
    assert found == "00005c142e6f48ac74fdcf73e3439874"


@given(dags(max_inner=5), st.data())
def test_isomorphic_cells_are_one_architecture(dag, data):
    n_nodes, edges = dag
    ops = [data.draw(st.sampled_from(nb.OPS)) for _ in range(n_nodes - 2)]
    order = data.draw(st.permutations(range(1, n_nodes - 1)))
    number = [0, *order, n_nodes - 1]
    renamed = [(number[a], number[b]) for a, b in edges]
    moved = [""] * len(ops)
    for node, op in enumerate(ops, start=1):
        moved[number[node] - 1] = op
    try:
        arch = nb.from_cell(ops, edges)
    except ArchitectureError:
        return
    if all(a < b for a, b in renamed):
        assert nb.from_cell(moved, renamed) == arch
    assert nb.from_cell(arch.ops, arch.edges) == arch


def test_cells_that_differ_have_different_hashes():
    rng = np.random.default_rng(0)
    archs = {arch.key: arch for arch in (SPACE.sample(rng) for _ in range(2000))}
    assert len({nb.graph_hash(arch) for arch in archs.values()}) == len(archs) > 800


def test_dead_nodes_do_not_count():
    arch = nb.from_cell(["conv1x1", "conv3x3", "maxpool3x3"], [(0, 2), (2, 4), (0, 1), (3, 4)])
    assert arch == nb.from_cell(["conv3x3"], [(0, 1), (1, 2)])
    inception = nb.from_cell(INCEPTION_OPS, INCEPTION)
    assert len(inception.edges) == 9
    assert len(SPACE.graph(inception).paths()) == 4


@pytest.mark.parametrize(
    ("ops", "edges", "message"),
    [
        (["conv3x3"] * 6, [(0, 7)], "at most 5 operations; got 6"),
        (["conv3x3"] * 5, [*INCEPTION, (0, 4)], "at most 9 edges; got 10"),
        (["conv3x3"], [(0, 1)], "a way from its input"),
    ],
)
def test_an_illegal_cell_is_refused(ops, edges, message):
    with pytest.raises(ArchitectureError, match=message):
        nb.from_cell(ops, edges)


@pytest.mark.parametrize(("bits", "ops"), [(0, "0"), (8, "0"), (5, "3"), (5, "x"), (-1, "0")])
def test_a_row_that_is_no_cell_is_refused(bits, ops):
    with pytest.raises(ArchitectureError, match="must"):
        nb.from_bits(bits, ops)


def test_mutation_and_crossover_reach_every_size():
    rng = np.random.default_rng(0)
    smallest = nb.from_cell((), [(0, 1)])
    largest = nb.from_cell(INCEPTION_OPS, INCEPTION)
    grown = {len(SPACE.mutate(smallest, rng).ops) for _ in range(400)}
    shrunk = {len(SPACE.mutate(largest, rng).ops) for _ in range(400)}
    assert grown >= {1, 2}
    assert shrunk >= {1, 2, 3, 4, 5}
    assert {len(SPACE.crossover(smallest, largest, rng).ops) for _ in range(200)} >= {0, 1, 2, 3}


def test_a_mutant_is_mostly_close():
    rng = np.random.default_rng(0)
    arch = nb.from_cell(INCEPTION_OPS, INCEPTION)
    same_size = [m for m in (SPACE.mutate(arch, rng) for _ in range(500)) if len(m.ops) == 5]
    changed = [len(set(m.edges) ^ set(arch.edges)) for m in same_size]
    assert len(same_size) > 50
    assert np.median(changed) <= 8
