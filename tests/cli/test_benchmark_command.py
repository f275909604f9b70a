import json
import xml.etree.ElementTree as ET

import pytest
from click.testing import CliRunner
from tables import write_ecg1d, write_nb101, write_nb201

from ecg_nas.cli import main


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "nb201.parquet"
    return write_nb201(path, ("img", "img"), range(15_625))


def invoke(*arguments):
    return CliRunner().invoke(main, ["benchmark", *map(str, arguments)])


def test_prints_a_table_and_writes_the_keys_that_scripts_read(table, tmp_path):
    out = tmp_path / "b.json"
    options = ["--method", "random", "--method", "regularized-evolution", "--budget", 33]
    result = invoke("nb201-imagenet16", "--table", table, *options, "--seeds", 2, "--json", out)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert "regret@32" in lines[1]
    assert lines[1].endswith("vs random")
    assert lines[3].endswith("tie")
    assert [line.split()[0] for line in lines[2:]] == ["random", "regularized-evolution"]
    assert "4/4" in result.stderr
    found = json.loads(out.read_text())
    assert found.keys() >= {"name", "budget", "seeds", "metric", "optimum", "methods"}
    assert (found["name"], found["budget"], found["seeds"]) == ("nb201-imagenet16", 33, 2)
    assert found["optimum"] == 15_624
    assert found["comparison"]["against"] == "random"
    assert found["comparison"]["rivals"]["regularized-evolution"]["verdict"] == "tie"
    for figures in found["methods"].values():
        assert figures.keys() >= {
            "regret",
            "hit_rate",
            "trainings_to_optimum",
            "test_accuracy",
            "seconds_per_run",
        }
        assert figures["regret"]["32"].keys() >= {"mean", "std", "median"}
        assert figures["test_accuracy"].keys() == {"mean", "std"}


def test_draws_the_comparison(table, tmp_path):
    svg = tmp_path / "regret.svg"
    options = ["--method", "random", "--budget", 5, "--seeds", 2, "--figure", svg]
    result = invoke("nb201-imagenet16", "--table", table, *options)
    assert result.exit_code == 0, result.output
    root = ET.fromstring(svg.read_text())
    assert "mean regret (points) at the end random" in root.get("aria-label")
    refused = invoke("nb201-imagenet16", *options[:-1], tmp_path / "none" / "f.svg")
    assert "its folder must exist" in refused.stderr


def test_a_sample_of_cells_gives_regret_only_and_says_why(tmp_path):
    table, _ = write_nb101(tmp_path / "nb101.parquet")
    methods = ["--method", "random", "--method", "regularized-evolution", "--budget", 30]
    result = invoke("nb101", "--table", table, *methods, "--seeds", 2, "--json", "-")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert "confined to the 60 measured cells" in found["note"]
    assert "one training each" in found["metric"]
    for figures in found["methods"].values():
        assert (figures["hit_rate"], figures["trainings_to_optimum"]) == (None, None)
        assert figures["test_accuracy"] == {"mean": None, "std": None}
        assert figures["regret"]["30"]["mean"] >= 0
    text = invoke("nb101", "--table", table, *methods, "--seeds", 2).stdout
    assert text.splitlines()[-1].startswith("Note: proposals were confined to the 60")
    assert text.splitlines()[2].split()[-3:-1] == ["-", "-"]
    assert found["comparison"]["rivals"]["regularized-evolution"]["trainings_to_optimum"] is None
    result = invoke("nb101", "--table", table, *methods, "--seeds", 2, "--cost", "params")
    assert result.stdout.splitlines()[-1].startswith("Note: proposals were confined to the 60")


def test_networks_trained_here_are_searched_as_a_sample(tmp_path):
    table = tmp_path / "table.json"
    write_ecg1d(table)
    methods = ["--method", "random", "--method", "regularized-evolution", "--budget", 20]
    figure = ["--figure", tmp_path / "regret.svg"]
    options = ["--table", table, *methods, "--seeds", 2, "--json", "-"]
    result = invoke("ecg1d", *options, *figure)
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert "confined to the 40 measured architectures, a random sample" in found["note"]
    assert "reliability is below 1" in found["note"]
    for figures in found["methods"].values():
        assert (figures["hit_rate"], figures["trainings_to_optimum"]) == (None, None)
        assert figures["test_accuracy"] == {"mean": None, "std": None}
        assert 0 <= figures["regret"]["20"]["mean"] < 100
    assert found["comparison"]["rivals"]["regularized-evolution"]["trainings_to_optimum"] is None
    assert "a random sample" in (tmp_path / "regret.svg").read_text()
    result = invoke("ecg1d", *options, "--cost", "params")
    assert json.loads(result.stdout)["note"] == found["note"]


def test_standard_output_is_json_alone(table):
    result = invoke(
        "nb201-imagenet16", "--table", table, "--method", "random", "--budget", 5, "--json", "-"
    )
    assert json.loads(result.stdout)["budget"] == 5


def test_the_same_command_with_out_adds_what_is_missing(table, tmp_path):
    out = tmp_path / "docs" / "results"
    options = ["--table", table, "--method", "random", "--budget", 5, "--out", out]
    assert "kept" not in invoke("nb201-imagenet16", *options, "--seeds", 1).stderr
    result = invoke("nb201-imagenet16", *options, "--seeds", 2)
    assert result.exit_code == 0, result.output
    assert result.stderr.splitlines()[0] == f"1 of 2 runs are kept in {out}"
    assert result.stderr.splitlines()[1].startswith("2/2  random  seed 1")
    assert [path.name for path in out.rglob("*.json")] == ["random.json"]
    file = out / "nb201-imagenet16" / "random.json"
    content = json.loads(file.read_text())
    assert content["about"]["method"] == "random"
    assert set(content["runs"]["5"]) == {"0", "1"}
    # Runs made with other code are used, but not in silence.
    content["runs"]["5"]["1"]["code"] = "0"
    file.write_text(json.dumps(content))
    assert "Note: kept runs of random" in invoke("nb201-imagenet16", *options, "--seeds", 2).stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nb999"], "nb201-cifar10, nb201-cifar100"),
        (["nb201-cifar10"], "Parquet file with --table"),
        (["ecg1d"], "`ecg-nas bench table` with --table"),
        (["ecg1d", "--table", "none.json"], "none at none.json"),
        (["nb201-cifar10", "--table", "none.parquet"], "none at none.parquet"),
        (["nb201-cifar10", "--method", "tabu"], "bananas, dcl-enas, local-search"),
        (["nb201-cifar10", "--method", "random", "--against", "dcl-enas"], "compared, random; got"),
    ],
)
def test_bad_input_is_one_line(arguments, message):
    result = invoke(*arguments)
    assert result.exit_code != 0
    assert message in result.stderr
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    assert not result.stdout
