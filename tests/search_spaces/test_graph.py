from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import dags

from search_spaces import _graph

DIAMOND = ((0, 1), (0, 2), (1, 3), (2, 3))


def test_paths_of_a_diamond():
    assert list(_graph.paths(4, DIAMOND)) == [(1,), (2,)]
    assert list(_graph.paths(4, (*DIAMOND, (0, 3), (1, 2)))) == [(1, 2), (1,), (2,), ()]


@given(dags())
def test_as_many_paths_as_powers_of_the_adjacency_matrix_count(dag):
    n_nodes, edges = dag
    adjacency = np.zeros((n_nodes, n_nodes), dtype=int)
    for a, b in edges:
        adjacency[a, b] = 1
    walks = sum(np.linalg.matrix_power(adjacency, n)[0, -1] for n in range(1, n_nodes))
    assert len(set(_graph.paths(n_nodes, edges))) == walks


@given(dags())
def test_live_nodes_are_those_on_a_path(dag):
    n_nodes, edges = dag
    walks = list(_graph.paths(n_nodes, edges))
    on_paths = {0, n_nodes - 1, *(node for walk in walks for node in walk)} if walks else set()
    assert _graph.live_nodes(n_nodes, edges) == tuple(sorted(on_paths))


def test_pruning_drops_dead_ends_and_renumbers():
    # 2 is never reached, 3 leads nowhere
    edges = [(0, 1), (1, 3), (1, 4), (2, 4), (4, 5)]
    assert _graph.prune("abcd", edges) == (("a", "d"), ((0, 1), (1, 2), (2, 3)))
    assert _graph.prune("ab", [(0, 1), (2, 3)]) == ((), ())


@given(dags(), st.data())
def test_renumbered_cells_share_one_form(dag, data):
    n_nodes, edges = dag
    ops = tuple(data.draw(st.sampled_from("xyz")) for _ in range(n_nodes - 2))
    form = _graph.canonical(ops, edges)
    assert _graph.canonical(*form) == form
    for order in permutations(range(1, n_nodes - 1)):
        number = (0, *order, n_nodes - 1)
        renamed = tuple(sorted((number[a], number[b]) for a, b in edges))
        if all(a < b for a, b in renamed):
            moved = [""] * len(ops)
            for node, op in enumerate(ops, start=1):
                moved[number[node] - 1] = op
            assert _graph.canonical(tuple(moved), renamed) == form


def test_cells_that_differ_keep_different_forms():
    chain = ((0, 1), (1, 2), (2, 3))
    assert _graph.canonical(("x", "y"), chain) != _graph.canonical(("y", "x"), chain)
    assert _graph.canonical(("x", "y"), DIAMOND) == _graph.canonical(("y", "x"), DIAMOND)


def test_a_cycle_has_no_canonical_form():
    with pytest.raises(ValueError, match="lower to a higher"):
        _graph.canonical(("x", "y"), ((0, 1), (1, 2), (2, 1), (2, 3)))
