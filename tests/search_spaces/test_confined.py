from __future__ import annotations

from itertools import pairwise, permutations

import numpy as np
import pytest

from search_spaces import ArchitectureError, ConfinedSpace, load
from search_spaces.nasbench101 import OPS, SPACE, from_cell

N_CELLS = 400
CHAIN = [(0, 1), (1, 2), (2, 3)]


@pytest.fixture(scope="module")
def cells():
    rng = np.random.default_rng(0)
    return list(dict.fromkeys(SPACE.sample(rng) for _ in range(3000)))[: N_CELLS + 50]


@pytest.fixture(scope="module")
def space(cells):
    return ConfinedSpace(SPACE, cells[:N_CELLS])


def test_moves_stay_among_the_cells(space, cells):
    rng = np.random.default_rng(1)
    allowed = set(cells[:N_CELLS])
    archs = [space.sample(rng) for _ in range(30)]
    for a, b in pairwise(archs):
        mutant, child = space.mutate(a, rng), space.crossover(a, b, rng)
        assert {a, mutant, child} <= allowed
        assert mutant != a
        space.check(child)
    assert space.crossover(archs[0], archs[0], rng) == archs[0]


def test_every_cell_is_sampled_alike(space):
    rng = np.random.default_rng(0)
    place = {arch: i for i, arch in enumerate(space.sample(rng) for _ in range(20 * N_CELLS))}
    assert len(place) == N_CELLS
    assert set(space.listed()) == place.keys()
    assert len(space) == N_CELLS


def best_fit(a, b):
    """Edges and operations by which ``a`` differs from ``b`` under its best numbering, by hand."""
    inner = range(1, 6)
    found = []
    wanted = {("edge", *(6 if node == len(b.ops) + 1 else node for node in e)) for e in b.edges}
    wanted |= {("op", i, op) for i, op in enumerate(b.ops, 1)}
    for order in permutations(inner, len(a.ops)):
        number = [0, *order, 6]
        edges = {("edge", number[s], number[e]) for s, e in a.edges}
        if all(s < e for _, s, e in edges):
            ops = {("op", *pair) for pair in zip(order, a.ops, strict=True)}
            found.append(len((edges | ops) ^ wanted))
    return min(found)


def test_distance_counts_edges_and_operations(space, cells):
    for arch in cells[N_CELLS:][:20]:
        distances = space.distances(arch)
        for place in range(0, N_CELLS, 37):
            assert distances[place] == best_fit(arch, cells[place])


def test_distances_do_not_depend_on_the_version_of_numpy(space, cells, monkeypatch):
    found = space.distances(cells[-1])
    monkeypatch.delattr(np, "bitwise_count", raising=False)
    np.testing.assert_array_equal(space.distances(cells[-1]), found)


@pytest.mark.parametrize(
    ("ops", "edges", "distance"),
    [
        ((0, 1), CHAIN, 0),
        ((0, 0), CHAIN, 2),  # another operation
        ((0, 1), [*CHAIN, (0, 2)], 1),  # one more edge
        ((0,), [(0, 1), (1, 2)], 4),  # a node, its edges, and the edge in their place
        ((1, 0), [(0, 2), (0, 1), (1, 3), (2, 3)], 3),
    ],
)
def test_distance_in_words(ops, edges, distance):
    cell = from_cell([OPS[i] for i in (0, 1)], CHAIN)
    other = from_cell((), [(0, 1)])
    space = ConfinedSpace(SPACE, [cell, other])
    assert space.distances(from_cell([OPS[i] for i in ops], edges))[0] == distance


def test_a_mutant_is_one_of_the_nearest(space, cells):
    rng = np.random.default_rng(2)
    place = {arch: i for i, arch in enumerate(cells)}
    for arch in cells[:10]:
        distances = space.distances(arch).astype(float)
        distances[place[arch]] = np.inf
        mutants = {place[space.mutate(arch, rng)] for _ in range(300)}
        assert set(np.argsort(distances, kind="stable")[:1].tolist()) <= mutants
        assert max(distances[list(mutants)]) == np.sort(distances)[9]


def test_two_cells_are_enough():
    a, b = from_cell((), [(0, 1)]), from_cell(("conv3x3",), [(0, 1), (1, 2)])
    space = ConfinedSpace(SPACE, [a, b])
    rng = np.random.default_rng(0)
    assert (space.mutate(a, rng), space.mutate(b, rng)) == (b, a)
    assert {space.crossover(a, b, rng) for _ in range(50)} == {a, b}


def test_other_cells_are_refused(space, cells):
    outside = cells[N_CELLS]
    rng = np.random.default_rng(0)
    for use in (
        space.check,
        lambda arch: space.mutate(arch, rng),
        lambda arch: space.from_json(arch.to_json()),
    ):
        with pytest.raises(ArchitectureError, match="one of the 400 measured"):
            use(outside)
    assert space.from_json(cells[0].to_json()) == cells[0]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_cells_are_refused(cells, count):
    with pytest.raises(ValueError, match="two or more different"):
        ConfinedSpace(SPACE, cells[:1] * count)


def test_is_otherwise_the_whole_space(space, cells):
    assert (space.name, space.max_paths) == ("nasbench101", load("nasbench101").max_paths)
    assert space.graph(cells[0]) == SPACE.graph(cells[0])
