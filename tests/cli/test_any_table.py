"""A search space and a table that nothing here knows, through the commands alone."""

import csv
import json
import os
import shutil
import subprocess
import sys

import chain8
import numpy as np
import pytest
from click.testing import CliRunner

import search_spaces
from ecg_nas.cli import main
from ecg_nas.evaluation.landscape import SyntheticEvaluator

PREDICTORS = ("dcl:no-pretraining", "bananas-mlp", "weaknas-mlp")
METHODS = ("dcl-enas", "random", "regularized-evolution")


@pytest.fixture(scope="module")
def plugins(tmp_path_factory):
    """The folder of a user's plug-ins, with the one file of a search space."""
    folder = tmp_path_factory.mktemp("plugins")
    spaces = folder / "spaces"
    spaces.mkdir()
    shutil.copy(chain8.__file__, spaces)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search_spaces, "__path__", [*search_spaces.__path__, str(spaces)])
        yield folder


@pytest.fixture(scope="module")
def space(plugins):
    return search_spaces.load("chain8")


def invoke(*arguments):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result


def write_csv(path, space, archs):
    evaluator = SyntheticEvaluator(space)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["architecture", "error", "params"])
        for arch in archs:
            text = json.dumps(arch.to_json())
            writer.writerow([text, 1 - evaluator.value(arch), 1 + arch.ops.count("conv")])
    return path


def imported(folder, space, archs):
    source, table = write_csv(folder / "rows.csv", space, archs), folder / "chains.parquet"
    told = ("--scores", "error", "--metric", "share of errors", "--direction", "lower")
    result = invoke("import-table", source, "--space", "chain8", *told, "--out", table)
    assert "chain8: share of errors, lower is better" in result.stdout
    return table


@pytest.fixture(scope="module")
def whole(space, tmp_path_factory):
    return imported(tmp_path_factory.mktemp("whole"), space, space.listed())


@pytest.fixture(scope="module")
def part(space, tmp_path_factory):
    rng = np.random.default_rng(0)
    archs = list(dict.fromkeys(space.sample(rng) for _ in range(150)))
    return imported(tmp_path_factory.mktemp("part"), space, archs[:120])


def compared(table, *options):
    methods = [word for method in METHODS for word in ("--method", method)]
    words = ("benchmark", table, *methods, "--budget", 24, "--seeds", 1, "--json", "-", *options)
    return json.loads(invoke(*words).stdout)


def test_methods_are_compared_on_a_complete_table(space, whole, tmp_path):
    found = compared(whole, "--out", tmp_path, "--figure", tmp_path / "f.svg")
    assert (found["name"], found["note"], found["direction"]) == ("chain8", None, "lower")
    best = min(1 - SyntheticEvaluator(space).value(arch) for arch in space.listed())
    assert found["optimum"] == pytest.approx(best)
    for figures in found["methods"].values():
        assert 0 <= figures["hit_rate"] <= 1
        assert figures["regret"]["24"]["mean"] <= figures["regret"]["16"]["mean"]
    assert "(points)" not in (tmp_path / "f.svg").read_text()
    assert {path.stem for path in (tmp_path / "chain8").iterdir()} == set(METHODS)
    assert compared(whole, "--out", tmp_path)["methods"] == found["methods"]
    assert invoke("benchmark", "chain8", "--table", whole, "--budget", 3, "--seeds", 1).stdout


def test_methods_stay_in_a_table_of_a_part(part):
    found = compared(part)
    assert "confined to the 120 measured cells, the best of them need not be" in found["note"]
    for figures in found["methods"].values():
        assert figures["hit_rate"] is None
        assert figures["regret"]["24"]["mean"] >= 0
    front = compared(part, "--cost", "params")
    assert 0 < front["methods"]["dcl-enas"]["hypervolume"]["24"]["mean"] <= 1


def test_predictors_are_compared_at_any_numbers_of_labels(part):
    options = [word for name in PREDICTORS for word in ("--predictor", name)]
    options += ["--labels", 20, "--labels", 50, "--seeds", 2, "--json", "-"]
    found = json.loads(invoke("benchmark-predictor", part, *options).stdout)
    assert list(found["labels"]) == ["20", "50"]
    for figures in found["labels"]["50"].values():
        assert figures["kendall_tau"]["mean"] > 0.2
        assert figures["kendall_tau_unseen"].keys() == {"mean", "std"}
        assert figures["kendall_tau_unseen"]["mean"] > 0.1  # long chains are told apart
    usual = ("--predictor", "weaknas-mlp", "--seeds", 1, "--json", "-")
    assert list(json.loads(invoke("benchmark-predictor", part, *usual).stdout)["labels"]) == [
        "16",
        "32",
    ]


def test_worker_processes_know_the_space_of_a_plug_in(plugins, part):
    words = ("benchmark", part, "--method", "random", "--budget", 5, "--seeds", 2, "--workers", 2)
    ran = subprocess.run(
        [sys.executable, "-m", "ecg_nas", *map(str, words), "--json", "-"],
        env=os.environ | {"ECG_NAS_PLUGINS": str(plugins)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert (found["name"], found["seeds"]) == ("chain8", 2)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["benchmark", "TABLE", "--metric", "accuracy"], "(metrics: error); got 'accuracy'"),
        (["benchmark", "chain8"], "chain8 needs its table"),
        (["benchmark", "chain8", "--table", "TABLE", "--metric", "error"], "leave out one"),
        (["benchmark", "nb101", "--table", "TABLE"], "holds chain8 (metrics: error); got 'nb101'"),
        (["benchmark", "TABLE", "--cost", "macs"], "must be params or latency:DEVICE; got 'macs'"),
        (["import-table", "TABLE", "--unit", "%", "--out", "x"], "name its search space"),
        (["import-table", "TABLE", "--space", "chains", "--out", "x"], "ecg1d"),
    ],
)
def test_bad_input_is_one_line(part, words, message):
    result = CliRunner().invoke(main, [str(part) if word == "TABLE" else word for word in words])
    assert result.exit_code != 0
    assert message in result.stderr
    assert result.stderr.splitlines()[-1].startswith("Error: ")
