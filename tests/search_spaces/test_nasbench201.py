from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

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


@pytest.mark.real
def test_strings_and_numbers_are_those_of_the_table(data_dir: Path):
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = ["arch", *(f"edge_ops_{i}" for i in range(6))]
    table = parquet.read_table(data_dir / "nb201" / "nb201.parquet", columns=columns).to_pydict()
    archs = [nb.from_string(text) for text in table["arch"]]
    assert len({nb.to_index(arch) for arch in archs}) == 15_625
    for edge in range(6):
        assert [nb.OPS.index(arch.ops[edge]) for arch in archs] == table[f"edge_ops_{edge}"]
