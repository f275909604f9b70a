import json

import numpy as np
import pytest
from hypothesis import given, settings
from official_files import metrics, record
from strategies import architectures

from ecg_nas.errors import TableError
from ecg_nas.tables.official.nasbench101 import read
from search_spaces.nasbench101 import from_bits, graph_hash

OPS = "input,maxpool3x3,maxpool3x3,output"
ADJACENCY = "0110001000010000"


def runs(n_cells=12, budgets=(4, 12, 36, 108), repeats=3):
    """Records in the order of the official files: each cell's trainings lie apart."""
    rng = np.random.default_rng(0)
    made = {}
    records = []
    for repeat in range(repeats):
        for cell in range(n_cells):
            key = f"{(cell * 7_919) % 10_007:032x}"
            for budget in budgets:
                values = rng.uniform(0, 1), rng.uniform(0, 1), rng.uniform(1, 2_000)
                made[key, budget, repeat] = values
                encoded = metrics(*values, params=1_000 + cell)
                records.append(record(key, budget, ADJACENCY, OPS, encoded))
    return records, made


def test_means_and_single_runs_are_those_of_the_file():
    records, made = runs()
    table = read(records, "f")
    keys = sorted({key for key, _, _ in made})
    assert table.columns["hash"] == keys
    assert table.n_cells == 12
    for budget in (4, 12, 36, 108):
        values = np.array([[made[key, budget, k] for k in range(3)] for key in keys])
        for which, name in enumerate(("val_acc", "test_acc", "train_s")):
            mean = values[:, :, which].mean(axis=1)
            np.testing.assert_allclose(table.columns[f"{name}_{budget}"], mean, rtol=1e-6)
    for k in range(3):
        np.testing.assert_allclose(
            table.columns[f"val_acc_108_runs_{k}"],
            [made[key, 108, k][0] for key in keys],
            rtol=1e-6,
        )
    assert table.columns["params"].tolist() == [
        1_000 + next(c for c in range(12) if f"{(c * 7_919) % 10_007:032x}" == key) for key in keys
    ]
    assert table.description.runs == (3, 3)
    assert not table.description.complete  # 12 of 423,624 cells


def test_a_cell_is_written_as_the_sample_of_the_benchmark_has_it():
    # Row 001a6fcc8b38cbc515be788a86bdc804 of the public sample: edge_bits 43, ops "22".
    table = read([record("0" * 32, 108, ADJACENCY, OPS)], "f")
    assert table.columns["n_vertices"].tolist() == [4]
    assert table.columns["edge_bits"].tolist() == [43]
    assert table.columns["ops"] == ["22"]
    pair = read([record("1" * 32, 108, "0100", "input,output")], "f")
    assert (pair.columns["edge_bits"].tolist(), pair.columns["ops"]) == ([1], [""])
    every = "0111111001111100011110000111000001100000010000000"
    ops = "input,conv3x3-bn-relu,conv1x1-bn-relu,maxpool3x3,conv3x3-bn-relu,conv1x1-bn-relu,output"
    seven = read([record("2" * 32, 108, every, ops)], "f")
    assert (seven.columns["edge_bits"].tolist(), seven.columns["ops"]) == ([2**21 - 1], ["01201"])


@settings(deadline=None)
@given(architectures("nasbench101"))
def test_a_cell_is_the_one_of_the_search_space(arch):
    width = len(arch.ops) + 2
    there = set(arch.edges)
    adjacency = "".join("01"[(a, b) in there] for a in range(width) for b in range(width))
    names = {"conv3x3": "conv3x3-bn-relu", "conv1x1": "conv1x1-bn-relu"}
    operations = ",".join(["input", *(names.get(op, op) for op in arch.ops), "output"])
    columns = read([record(graph_hash(arch), 108, adjacency, operations)], "f").columns
    assert from_bits(int(columns["edge_bits"][0]), columns["ops"][0]) == arch


def test_the_smaller_file_has_its_one_budget():
    table = read(runs(budgets=(108,))[0], "f")
    assert "val_acc_36" not in table.columns
    assert {"val_acc_108", "test_acc_108", "train_s_108"} <= set(table.columns)


def test_runs_that_are_missing_show():
    records, made = runs()
    table = read(records[:-1], "f")  # the last one is of 108 epochs
    assert table.description.runs == (2, 3)
    [row] = np.flatnonzero(table.columns["n_runs"] == 2)
    key = table.columns["hash"][row]
    assert np.isnan(table.columns["val_acc_108_runs_2"][row])
    mean = np.mean([made[key, 108, k][0] for k in range(2)])
    assert table.columns["val_acc_108"][row] == pytest.approx(mean, rel=1e-6)
    none = read(records[:47], "f")  # the last cell without its 108 epochs
    assert none.description.runs == (0, 1)
    assert np.isnan(none.columns["val_acc_108"]).sum() == 1


def changed(place, value):
    row = json.loads(record("a" * 32, 108, ADJACENCY, OPS))
    row[place] = value
    return json.dumps(row).encode()


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"\xff\xfe",
        b"{}",
        b"[]",
        b"[1, 2, 3, 4, 5]",
        changed(0, "short"),
        changed(0, 7),
        changed(1, 107),
        changed(1, "108"),
        changed(2, ADJACENCY[:-1]),
        changed(2, ADJACENCY[::-1]),
        changed(2, "2" * 16),
        changed(3, "input,conv9x9,maxpool3x3,output"),
        changed(3, "output,maxpool3x3,maxpool3x3,input"),
        changed(3, "input"),
        changed(4, "not base64!"),
        changed(4, ""),
        changed(4, None),
        changed(4, "CgE="),  # evaluation data cut off
        changed(4, "EP////8="),  # a number without end
        changed(4, "Cw=="),  # a wire type that does not exist any more
        record("a" * 32, 108, ADJACENCY, OPS, metrics(1.5, 0.5, 1.0, 1)),
        record("a" * 32, 108, ADJACENCY, OPS, metrics(float("nan"), 0.5, 1.0, 1)),
    ],
)
def test_a_record_of_something_else_is_refused_by_its_number(wrong):
    good = record("b" * 32, 108, ADJACENCY, OPS)
    with pytest.raises(TableError, match="record 2 of f is not") as caught:
        read([good, wrong], "f")
    assert "\n" not in str(caught.value)


def test_metrics_cut_off_anywhere_are_refused():
    encoded = metrics(0.5, 0.6, 7.0, 8)
    for size in range(len(encoded) - 9):  # the last 9 bytes are the total time, which may lack
        with pytest.raises(TableError):
            read([record("a" * 32, 108, ADJACENCY, OPS, encoded[:size])], "f")


def test_a_file_without_records_is_refused():
    with pytest.raises(TableError, match="f has none"):
        read([], "f")
