"""Comparisons with a second objective: costs from files, the yardstick, figures."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from tables import compared, nb201_ops, write_nb201

from ecg_nas.benchmark.costs import read_costs
from ecg_nas.benchmark.fronts import Yardstick
from ecg_nas.benchmark.harness import SecondObjective, compare
from ecg_nas.cli import main
from ecg_nas.errors import ConfigError, TableError
from ecg_nas.tables.table_evaluator import TableEvaluator
from search_spaces.nasbench201 import all_architectures, to_index

CONVOLUTIONS = (nb201_ops() == 3).sum(axis=1)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Accuracies that grow with the number of 3x3 convolutions, as does the latency below."""
    path = tmp_path_factory.mktemp("table") / "nb201.parquet"
    return write_nb201(path, ("c10valid", "c10"), 1.0 + CONVOLUTIONS)


@pytest.fixture(scope="module")
def latency(table):
    file = table.with_name("latency.npz")
    measured = np.stack([1.0 + CONVOLUTIONS, np.full(15_625, 3.0)], axis=1)
    np.savez(file, device=np.array(["phone", "clock"]), latency=measured)
    return file


def test_costs_belong_to_their_cells(table, latency):
    evaluator = TableEvaluator(table, "cifar10")
    costs = read_costs(evaluator, "latency:phone", latency)
    archs, scores = evaluator.cells()
    np.testing.assert_array_equal(costs, scores)  # both count convolutions
    assert evaluator.place(archs[77]) == 77 == to_index(list(all_architectures())[77])
    assert set(read_costs(evaluator, "latency:clock", latency)) == {3.0}
    np.testing.assert_array_equal(read_costs(evaluator, "params"), evaluator.costs["params"])


@pytest.mark.parametrize(
    ("cost", "with_file", "said"),
    [
        ("beauty", True, "params or latency:DEVICE; got 'beauty'"),
        ("latency:phone", False, "--latency"),
        ("latency:fridge", True, "phone, clock; got 'fridge'"),
    ],
)
def test_costs_that_cannot_be_had_are_refused(table, latency, cost, with_file, said):
    with pytest.raises(ConfigError, match=said):
        read_costs(TableEvaluator(table, "cifar10"), cost, latency if with_file else None)


@pytest.mark.parametrize("content", [b"no archive", None])
def test_a_file_that_holds_no_latencies_is_refused(table, tmp_path, content):
    file = tmp_path / "latency.npz"
    if content is None:
        np.savez(file, device=np.array(["phone"]), latency=np.ones((3, 1)))
    else:
        file.write_bytes(content)
    with pytest.raises(TableError, match="latencies must be"):
        read_costs(TableEvaluator(table, "cifar10"), "latency:phone", file)


def test_the_true_front_is_all_of_its_area():
    scores, costs = np.array([1.0, 3.0, 2.0, 2.0]), np.array([1.0, 100.0, 10.0, 50.0])
    yardstick = Yardstick.of(scores, costs)
    assert yardstick.front == 3
    np.testing.assert_allclose(yardstick.scores, [0, 1, 0.5, 0.5])
    np.testing.assert_allclose(yardstick.costs[:3], [0, 1, 0.5])
    curve = yardstick.curve([3, 0, 1, 2])
    assert (np.diff(curve) >= 0).all()
    assert curve[-1] == pytest.approx(1)
    assert curve[0] < 1


def test_a_search_with_a_cost_is_kept_apart(table, latency, tmp_path):
    second = SecondObjective(cost="latency:phone", latency=latency)
    options = {"methods": ("nsga2", "random"), "budget": 30, "n_seeds": 1, "out": tmp_path}
    _, traces = compared(compare, "nb201-cifar10", table, second=second, **options)
    assert {path.name for path in tmp_path.iterdir()} == {"nb201-cifar10.latency.phone"}
    about = json.loads((tmp_path / "nb201-cifar10.latency.phone" / "nsga2.json").read_text())
    assert about["about"]["cost"] == "latency:phone"
    assert [len(trace.cells) for trace in traces] == [30, 30]
    with pytest.raises(ConfigError, match=r"nsga2 needs a second objective.*--cost"):
        compared(compare, "nb201-cifar10", table, **options)


def test_the_command_tells_shares_of_the_front(table, latency, tmp_path):
    words = ["benchmark", "nb201-cifar10", "--table", table, "--budget", 40, "--seeds", 2]
    words += ["--cost", "latency:phone", "--latency", latency, "--method", "random"]
    words += ["--method", "nsga2", "--json", tmp_path / "b.json", "--figure", tmp_path / "f.svg"]
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    assert "7 cells" in result.stdout
    found = json.loads((tmp_path / "b.json").read_text())
    assert found["front"] == 7
    for figures in found["methods"].values():
        assert 0 < figures["hypervolume"]["40"]["mean"] <= 1
    assert found["methods"]["nsga2"]["verdict"] == "tie"  # of two seeds
    assert "hypervolume" in (tmp_path / "f.svg").read_text()
