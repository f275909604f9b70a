from __future__ import annotations

from itertools import pairwise, permutations
from operator import ne

import numpy as np
import pytest
from chain8 import SPACE as CHAINS

from search_spaces import ArchitectureError, ConfinedSpace, _confined, load
from search_spaces.nasbench101 import OPS, SPACE, from_cell

N_CELLS = 400
CHAIN = [(0, 1), (1, 2), (2, 3)]


@pytest.fixture(scope="module", params=["nasbench101", "ecg1d"])
def whole(request):
    """A space of cells alone, and one with settings around them."""
    return load(request.param)


@pytest.fixture(scope="module")
def cells(whole):
    rng = np.random.default_rng(0)
    found = {}
    while len(found) < N_CELLS + 50:
        found[whole.sample(rng)] = None
    return list(found)


@pytest.fixture(scope="module")
def space(whole, cells):
    return ConfinedSpace(whole, cells[:N_CELLS])


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


def best_fit(a, b, last):
    """Edges and operations by which ``a`` differs from ``b`` under its best numbering, by hand.

    And twice the settings in which they differ; node ``last`` is the output of the frame.
    """
    inner = range(1, last)
    found = []
    wanted = {("edge", *(last if node == len(b.ops) + 1 else node for node in e)) for e in b.edges}
    wanted |= {("op", i, op) for i, op in enumerate(b.ops, 1)}
    for order in permutations(inner, len(a.ops)):
        number = [0, *order, last]
        edges = {("edge", number[s], number[e]) for s, e in a.edges}
        if all(s < e for _, s, e in edges):
            ops = {("op", *pair) for pair in zip(order, a.ops, strict=True)}
            found.append(len((edges | ops) ^ wanted))
    return min(found) + 2 * sum(map(ne, a.macro + a.representation, b.macro + b.representation))


def test_distance_counts_edges_operations_and_settings(space, cells):
    for arch in cells[N_CELLS:][:20]:
        distances = space.distances(arch)
        for place in range(0, N_CELLS, 37):
            assert distances[place] == best_fit(arch, cells[place], space.max_nodes - 1)


def test_cells_of_any_size_are_told_apart():
    """Edges and operations of a chain of eight need 69 bits."""
    chains = [CHAINS.sample(np.random.default_rng(seed)) for seed in range(60)]
    space = ConfinedSpace(CHAINS, chains[:50])
    for chain in chains[45:]:
        differing = [sum(map(ne, chain.ops, other.ops)) for other in chains[:50]]
        assert space.distances(chain).tolist() == [2 * count for count in differing]
    rng = np.random.default_rng(0)
    assert {space.mutate(chain, rng) for chain in chains[:50]} <= set(chains[:50])


def test_bits_that_no_cell_has_count(monkeypatch):
    first, *others = (from_cell((), [(0, 1)]), from_cell(("conv3x3",), [(0, 1), (1, 2)]))
    space = ConfinedSpace(SPACE, [first, *others])
    far = from_cell(("maxpool3x3",) * 5, [(i, i + 1) for i in range(6)])
    expected = space.distances(far).tolist()
    monkeypatch.setattr(_confined, "_WORD", 16)
    assert ConfinedSpace(SPACE, [first, *others]).distances(far).tolist() == expected


def test_a_child_is_the_cell_nearest_to_that_of_the_whole_space(whole, space, cells):
    for seed, (a, b) in enumerate(pairwise(cells[:30])):
        child = whole.crossover(a, b, np.random.default_rng(seed))
        found = space.crossover(a, b, np.random.default_rng(seed))
        distances = space.distances(child)
        near = distances[[i for i in range(N_CELLS) if cells[i] not in (a, b)]].min()
        assert distances[cells.index(found)] in (0, near)


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
def test_too_few_cells_are_refused(whole, cells, count):
    with pytest.raises(ValueError, match="two or more different"):
        ConfinedSpace(whole, cells[:1] * count)


def test_is_otherwise_the_whole_space(whole, space, cells):
    assert (space.name, space.max_paths) == (whole.name, whole.max_paths)
    assert space.graph(cells[0]) == whole.graph(cells[0])
    assert space.trains == whole.trains
