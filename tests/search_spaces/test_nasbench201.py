from __future__ import annotations

from collections import defaultdict
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search_spaces import ArchitectureError
from search_spaces import nasbench201 as nb

SPACE = nb.SPACE
TEXT = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|none~1|nor_conv_1x1~2|"


def test_all_cells_are_different():
    archs = list(nb.all_architectures())
    assert len(archs) == 15_625
    assert len({arch.key for arch in archs}) == 15_625
    assert len({nb.to_string(arch) for arch in archs}) == 15_625


def test_index_and_string_lead_back():
    for index in range(0, 15_625, 7):
        arch = nb.from_index(index)
        assert nb.to_index(arch) == index
        assert nb.from_string(nb.to_string(arch)) == arch
    assert [nb.to_index(arch) for arch in nb.all_architectures()] == list(range(15_625))


def test_the_string_names_operations_by_edge():
    arch = nb.from_string(TEXT)
    assert arch.ops == (
        "nor_conv_3x3",
        "none",
        "skip_connect",
        "avg_pool_3x3",
        "none",
        "nor_conv_1x1",
    )
    assert nb.to_string(arch) == TEXT


@pytest.mark.parametrize(
    "text",
    [
        "",
        TEXT[:-1],
        TEXT + "|none~0|",
        TEXT.replace("none~1", "none~2"),
        TEXT.replace("1x1", "7x7"),
    ],
)
def test_a_string_in_another_notation_is_refused(text):
    with pytest.raises(ArchitectureError, match="must read"):
        nb.from_string(text)


@pytest.mark.parametrize("index", [-1, 15_625])
def test_an_index_outside_is_refused(index):
    with pytest.raises(ArchitectureError, match="0 to 15624"):
        nb.from_index(index)


def test_the_full_cell_has_four_paths():
    graph = SPACE.graph(nb.from_ops(["nor_conv_3x3"] * 6))
    assert graph.ops == (0, *[5] * 6, 1)
    assert graph.edges == nb.NODE_EDGES
    assert sorted(map(len, graph.paths())) == [1, 2, 2, 3]


def test_paths_follow_the_edges_of_the_cell():
    # 0 -3x3-> 1 -skip-> 2 -1x1-> 3, and 0 -avg-> 3
    graph = SPACE.graph(nb.from_string(TEXT))
    skip, conv1, conv3, pool = (2 + nb.OPS.index(op) for op in nb.OPS[1:])
    assert set(graph.paths()) == {(conv3, skip, conv1), (pool,)}


def test_what_leads_nowhere_is_not_in_the_graph():
    # only 0 -3x3-> 1: nothing leaves node 1
    graph = SPACE.graph(nb.from_ops(["nor_conv_3x3", *["none"] * 5]))
    assert (graph.ops, graph.edges) == ((0, 1), ())


def test_a_mutation_changes_one_edge():
    rng = np.random.default_rng(0)
    arch = SPACE.sample(rng)
    changed = set()
    for _ in range(200):
        mutant = SPACE.mutate(arch, rng)
        differ = [i for i in range(6) if mutant.ops[i] != arch.ops[i]]
        assert len(differ) == 1
        changed.add((differ[0], mutant.ops[differ[0]]))
    assert len(changed) == 6 * 4


SHORT = dict(zip("0s13p", nb.OPS, strict=True))


def cell(ops):
    """The cell with these operations by initial: 0 none, s skip, 1 and 3 convolutions, p pool."""
    return nb.from_ops([SHORT[op] for op in ops])


@pytest.mark.parametrize(
    ("ops", "text"),
    [
        ("000s00", "x"),
        ("3p1000", "0"),  # nothing reaches the output
        ("pp00ss", "pool(x) + pool(x)"),
        (
            "3s1s03",
            "c1 = nor_conv_3x3(x); c2 = nor_conv_1x1(c1); c3 = nor_conv_3x3(c2 + x); c3 + x",
        ),
        ("001003", "c1 = shift(); c2 = nor_conv_3x3(c1); c2"),
    ],
)
def test_a_twin_class_is_the_network_in_words(ops, text):
    assert nb.twin_class(cell(ops)) == text


@pytest.mark.parametrize(
    ("ops", "others", "same"),
    [
        ("3000s0", "000300", True),  # by way of a node
        ("3s00ss", "s003s0", True),
        ("30s0ss", "3300ss", False),  # one convolution used twice, and two
        ("30s011", "330011", False),
        ("3300pp", "33s00p", True),  # the pool of a sum
        ("p000p0", "p000s0", False),
        ("3s00s0", "3100s0", True),  # what node 2 does leads nowhere
        ("00300s", "00100s", True),  # of zeros, both only shift,
        ("00300p", "00100s", True),  # which no pool changes,
        ("00300s", "000000", False),  # but the shift is learnt
        ("sss003", "0s0003", False),  # of x + x and of x
    ],
)
def test_twins(ops, others, same):
    assert (nb.twin_class(cell(ops)) == nb.twin_class(cell(others))) == same


POOL = np.array([[0.5, 0.5, 0, 0], [0.2, 0.5, 0.3, 0], [0, 0.1, 0.2, 0.7], [0, 0, 0.4, 0.6]])
BENDS = {"nor_conv_1x1": np.tanh, "nor_conv_3x3": np.sin}


def output(arch, weights):
    """The cell on stand-ins: any maps of 0 to 0 with a shift, and a pool that keeps constants."""
    nodes = [np.random.default_rng(0).normal(size=(4, 3)), *np.zeros((3, 4, 3))]
    for (start, end), op, (matrix, shift) in zip(nb.EDGES, arch.ops, weights, strict=True):
        if op == "skip_connect":
            nodes[end] = nodes[end] + nodes[start]
        elif op == "avg_pool_3x3":
            nodes[end] = nodes[end] + POOL @ nodes[start]
        elif op != "none":
            nodes[end] = nodes[end] + BENDS[op](nodes[start] @ matrix) + shift
    return nodes[-1]


def are_one_network(a, b):
    """Whether some matching of the edges' weights gives equal outputs."""
    rng = np.random.default_rng(1)
    weights = [(rng.normal(size=(3, 3)), rng.normal(size=3)) for _ in nb.EDGES]
    wanted = output(a, weights)
    used = [i for i, op in enumerate(a.ops) if op.startswith("nor")]
    free = [i for i, op in enumerate(b.ops) if op.startswith("nor")]
    spare = [None] * max(len(free) - len(used), 0)
    for order in permutations([*used, *spare], len(free)):
        matched = list(weights)
        for place, edge in zip(free, order, strict=True):
            if edge is None:  # weights of b alone, which must not matter
                matched[place] = (rng.normal(size=(3, 3)), rng.normal(size=3))
            else:
                matched[place] = weights[edge]
        if np.allclose(output(b, matched), wanted, atol=1e-9):
            return True
    return False


@given(st.text("0s13p", min_size=6, max_size=6), st.text("0s13p", min_size=6, max_size=6))
@settings(max_examples=100, deadline=None)
def test_twins_are_one_network_and_others_are_not(ops, others):
    a, b = cell(ops), cell(others)
    assert (nb.twin_class(a) == nb.twin_class(b)) == are_one_network(a, b)


def test_classes_of_look_alikes_are_told_apart():
    """Within each class, one network; between the classes of one string, several."""
    rng = np.random.default_rng(0)
    classes = defaultdict(list)
    strings = defaultdict(set)
    for arch in nb.all_architectures():
        classes[nb.twin_class(arch)].append(arch)
        strings[nb.unique_string(arch)].add(nb.twin_class(arch))
    assert (len(classes), len(strings)) == (5234, 6466)
    for name in rng.permutation(sorted(name for name in classes if len(classes[name]) > 1))[:60]:
        a, b = rng.choice(len(classes[name]), size=2, replace=False)
        assert are_one_network(classes[name][a], classes[name][b])
    mixed = sorted(string for string in strings if len(strings[string]) > 1)
    for string in rng.permutation(mixed)[:40]:
        a, b, *_ = sorted(strings[string])
        assert not are_one_network(classes[a][0], classes[b][0])


@pytest.mark.real
def test_strings_and_numbers_are_those_of_the_table(data_dir: Path):
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = ["arch", *(f"edge_ops_{i}" for i in range(6))]
    table = parquet.read_table(data_dir / "nb201" / "nb201.parquet", columns=columns).to_pydict()
    archs = [nb.from_string(text) for text in table["arch"]]
    assert len({nb.to_index(arch) for arch in archs}) == 15_625
    for edge in range(6):
        assert [nb.OPS.index(arch.ops[edge]) for arch in archs] == table[f"edge_ops_{edge}"]


@pytest.mark.real
def test_string_classes_are_those_of_the_table(data_dir: Path):
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = ["arch", "unique_str"]
    table = parquet.read_table(data_dir / "nb201" / "nb201.parquet", columns=columns).to_pydict()
    found = [nb.unique_string(nb.from_string(text)) for text in table["arch"]]
    assert found == table["unique_str"]


@pytest.mark.real
def test_twins_that_use_all_their_weights_have_equally_many(data_dir: Path):
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = ["arch", "c10_params_M_counted"]
    table = parquet.read_table(data_dir / "nb201" / "nb201.parquet", columns=columns).to_pydict()
    params = defaultdict(set)
    for text, millions in zip(table["arch"], table["c10_params_M_counted"], strict=True):
        name = nb.twin_class(nb.from_string(text))
        if name.count("nor_conv") == text.count("nor_conv"):  # none is dead, none only shifts
            params[name].add(round(millions * 1e6))
    assert len(params) > 4000
    assert all(len(counts) == 1 for counts in params.values())
