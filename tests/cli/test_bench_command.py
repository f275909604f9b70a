"""``ecg-nas bench``: what it takes and refuses."""

import json

import pytest
from click.testing import CliRunner

from data_prep.store.dataset import open_store
from ecg_nas.cli import main


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ECG_NAS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def refused(*words: object) -> str:
    """Return the line of a refusal of ``bench reliability``; stages may stand before it."""
    result = CliRunner().invoke(main, ["bench", "reliability", *map(str, words)])
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    *stages, line = result.stderr.splitlines()
    assert not [stage for stage in stages if stage.startswith(("Error", "Traceback"))]
    return line


def test_no_workers_are_refused_before_data_are_prepared(small_folder, cache):
    assert "--workers must be 1 or more; got 0" in refused("--data", small_folder, "--workers", 0)
    assert not cache.exists()


def test_recordings_are_prepared_as_for_a_search(small_folder, tmp_path, cache):
    table, labels = tmp_path / "patients.csv", tmp_path / "mine.toml"
    rows = [f"p{index},patient {index}\n" for index in range(6)]
    table.write_text("record,patient\n" + "".join(rows), encoding="utf-8")
    labels.write_text('"N" = "N"\n"A" = "S"\n"V" = "V"\n"F" = "V"\n', encoding="utf-8")
    given = ("--patients", table, "--labels", labels, "--leads", "V1", "--annotators", "atr")
    words = ("--data", small_folder, *given, "--workers", 1, "--architectures", 1)
    assert "2 or more" in refused(*words)  # after preparing: nothing needs to be trained here
    (folder,) = (cache / "stores").iterdir()
    side = open_store(folder, "train")
    assert side.signal_spec.leads == ("V1",)
    assert side.signal_spec.mapping == "mine"
    assert all(name.startswith("patient ") for name in side.patients)


@pytest.fixture
def short(tmp_path):
    config = tmp_path / "short.toml"
    config.write_text(
        "[training]\nepochs = 1\nbatch = 32\n[folds]\nn_folds = 2\nrepeats = 1\n", encoding="utf-8"
    )
    return config


def test_training_is_timed_beside_the_plain_loop(small_folder, short, tmp_path):
    out = tmp_path / "speed.json"
    words = ("--data", small_folder, "--config", short, "--workers", 1, "--architectures", 1)
    result = CliRunner().invoke(main, ["bench", "train", *map(str, words), "--json", str(out)])
    assert result.exit_code == 0, result.output
    found = json.loads(out.read_text(encoding="utf-8"))
    assert found["device"] == "cpu"
    assert found["ratio"] * found["reference_beats_per_s"] == pytest.approx(
        found["engine_beats_per_s"]
    )
    assert found["candidates_per_hour"] > 0
    assert found["in_memory_beats_per_s"] > 0
    path, *_ = result.stdout.splitlines()
    assert path.startswith("path: folds one after the other")
    assert "as cpu has" in path


def test_only_whole_trainings_are_timed(small_folder, short):
    with short.open("a", encoding="utf-8") as file:
        file.write('[early]\nmode = "stop"\n')
    words = ("--data", small_folder, "--config", short, "--workers", 1)
    result = CliRunner().invoke(main, ["bench", "train", *map(str, words)])
    assert result.exit_code == 2
    assert "times whole trainings: early.mode must be off; got stop" in result.stderr


def test_every_choice_of_representation_is_trained(small_folder, short):
    words = ("--data", small_folder, "--config", short, "--workers", 1, "--seeds", 2)
    result = CliRunner().invoke(main, ["bench", "representation", *map(str, words)])
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[1].startswith("base ")
    assert any(line.startswith("causal = on ") for line in lines)
    assert "failed" not in result.stdout


def test_a_table_is_trained_goes_on_and_refuses_other_settings(small_folder, short, tmp_path):
    out = tmp_path / "table.json"
    words = ("--data", small_folder, "--config", short, "--workers", 1, "--out", out)
    words = ["bench", "table", *map(str, words), "--architectures"]
    result = CliRunner().invoke(main, [*words, "2"])
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"{out}: 2 architectures trained once each, 0 trainings failed")
    content = json.loads(out.read_text(encoding="utf-8"))
    assert content["settings"]["training"]["epochs"] == 1
    assert content["settings"]["max_macs"] == 500_000
    assert content["settings"].keys() >= {"space", "seed", "causal", "device", "engine", "folds"}
    assert not content["settings"].keys() & {"data", "method", "budget", "final", "inherit"}
    assert content["data"].keys() == {"fingerprint", "source", "split"}
    first, second = content["architectures"]
    assert len(first["folds"]) == 2
    assert list(first["per_class"]) == ["N", "S", "V", "F", "Q"]
    assert (first["device"], first["engine"]["folds"]) == ("cpu", "alone")
    assert max(first["macs"], second["macs"]) <= 500_000
    assert str(tmp_path) not in out.read_text(encoding="utf-8")

    again = CliRunner().invoke(main, [*words, "2"])
    assert again.exit_code == 0, again.output
    assert "2 of 2 are trained already" in again.stderr
    assert json.loads(out.read_text(encoding="utf-8")) == content

    other = CliRunner().invoke(main, [*words, "2", "--seed", "1"])
    assert other.exit_code == 1
    assert "other settings: seed (0, now 1)" in other.stderr.splitlines()[-1]
    assert json.loads(out.read_text(encoding="utf-8")) == content


def test_a_table_is_not_begun_where_another_file_is(small_folder, tmp_path, cache):
    out = tmp_path / "notes.json"
    out.write_text("{}", encoding="utf-8")
    words = ["bench", "table", "--data", str(small_folder), "--out"]
    result = CliRunner().invoke(main, [*words, str(out)])
    assert result.exit_code == 1
    assert "`ecg-nas bench table` wrote" in result.stderr
    assert "its folder must exist" in CliRunner().invoke(main, [*words, "none/t.json"]).stderr
    assert not cache.exists()


def test_cheaper_scores_are_held_against_a_table(small_folder, short, tmp_path):
    with short.open("a", encoding="utf-8") as file:
        file.write('[early]\nmode = "watch"\n')
    out, figures = tmp_path / "table.json", tmp_path / "cheaper.json"
    words = ["--data", small_folder, "--config", short, "--workers", 1]
    made = ["bench", "table", *words, "--out", out, "--architectures", 11]
    assert CliRunner().invoke(main, [*map(str, made)]).exit_code == 0
    asked = ["bench", "cheaper", *words, "--table", out, "--json", figures]
    result = CliRunner().invoke(main, [*map(str, asked)])
    assert result.exit_code == 0, result.output
    found = json.loads(figures.read_text(encoding="utf-8"))
    assert found["heirs"]["n"] == 3
    assert found["early"]["foretold"]["n"] == 11
    assert found["again"] is None
    assert "weight inheritance, 50 % of the epochs: rank correlation" in result.stdout

    other = CliRunner().invoke(main, [*map(str, asked), "--seed", "1"])
    assert other.exit_code == 1
    assert "other settings: seed (0, now 1)" in other.stderr.splitlines()[-1]
