import json
from dataclasses import dataclass

import numpy as np
import pytest
from click.testing import CliRunner
from plugin_doubles import GivenPlugins
from tables import write_ecg1d, write_nb201

from ecg_nas import predictor
from ecg_nas.cli import main
from ecg_nas.predictor import Predictor, PredictorSpec


@dataclass
class NoConfig:
    """Nothing to set."""


class Constant(Predictor):
    """Says the same of all, or (with seed 1) the truth."""

    def __init__(self, space, config, *, seed):
        self.seed = seed

    def pretrain(self, archs):
        pass

    def fit(self, archs, scores):
        pass

    def predict(self, archs):
        return np.arange(len(archs), dtype=float) * (self.seed == 1)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "nb201.parquet"
    return write_nb201(path, ("img", "img"), range(15_625))


@pytest.fixture(autouse=True)
def one_predictor(monkeypatch):
    known = {"constant": PredictorSpec(make=Constant, config=NoConfig())}
    monkeypatch.setattr(predictor, "_REGISTRY", GivenPlugins("predictor", known))


def invoke(*arguments):
    return CliRunner().invoke(main, ["benchmark-predictor", *map(str, arguments)])


def test_prints_a_table_and_writes_the_keys_that_scripts_read(table, tmp_path):
    options = ["--labels", 20, "--labels", 10, "--seeds", 2, "--out", tmp_path / "results"]
    options += ["--figure", tmp_path / "tau.svg"]
    json_file = tmp_path / "p.json"
    result = invoke("nb201-imagenet16", "--table", table, *options, "--json", json_file)
    assert result.exit_code == 0, result.output
    first, heads, row = result.stdout.splitlines()
    assert "imagenet16 validation accuracy" in first
    assert "15625 cells" in first
    assert heads.split() == ["predictor", "10", "labels", "s", "20", "labels", "s"]
    assert row.split()[:2] == ["constant", "1.000"]
    assert "4/4  constant  20 labels  seed 1  tau 1.000" in result.stderr
    assert "tau undefined" in result.stderr
    assert "constant" in (tmp_path / "tau.svg").read_text()
    labels = json.loads(json_file.read_text())["labels"]
    assert list(labels) == ["10", "20"]
    assert labels["10"]["constant"].keys() >= {"kendall_tau", "seconds"}
    assert labels["10"]["constant"]["kendall_tau"] == {"mean": 1.0, "std": None}
    again = invoke("nb201-imagenet16", "--table", table, *options, "--json", "-")
    assert again.stderr == f"4 of 4 runs are kept in {tmp_path / 'results'}\n"
    assert json.loads(again.stdout)["labels"] == labels


def test_networks_trained_here_are_ranked(tmp_path):
    write_ecg1d(tmp_path / "table.json")
    options = ["--table", tmp_path / "table.json", "--seeds", 2, "--json", "-"]
    result = invoke("ecg1d", *options, "--labels", 20)
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["cells"], list(found["labels"])) == (40, ["20"])
    assert list(json.loads(invoke("ecg1d", *options).stdout)["labels"]) == ["16", "32"]
    assert "from 2 to the 40 cells" in invoke("ecg1d", *options, "--labels", 41).stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nb999"], "nb201-cifar10, nb201-cifar100"),
        (["nb201-cifar10"], "--table"),
        (["nb201-cifar10", "--table", "none.parquet"], "none at none.parquet"),
        (["nb201-cifar10", "--labels", "many"], "many"),
    ],
)
def test_bad_input_is_one_line(arguments, message):
    result = invoke(*arguments)
    assert result.exit_code != 0
    assert message in result.stderr
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    assert not result.stdout
