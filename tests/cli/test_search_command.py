"""``ecg-nas search`` and ``ecg-nas runs``: a tiny run from end to end, and what they refuse."""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys

import pytest
from click.testing import CliRunner

from ecg_nas.cli import main

SETTINGS = """
method = "random"
[training]
epochs = 1
batch = 64
[folds]
n_folds = 3
[final]
epochs = 1
"""


def run(*words: object):
    return CliRunner().invoke(main, [*map(str, words)])


def refused(result, code: int, *says: str):
    """One line on standard error, nothing on standard output."""
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    *progress, last = result.stderr.splitlines()
    assert last.startswith("Error: ")
    assert not [line for line in progress if line.startswith(("Error", "Traceback"))]
    for text in says:
        assert text in last


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    file = tmp_path_factory.mktemp("settings") / "tiny.toml"
    file.write_text(SETTINGS)
    return file


@pytest.fixture(scope="module")
def store(tmp_path_factory, write_patient):
    """A prepared store of eight small patients."""
    folder = tmp_path_factory.mktemp("recordings")
    for index in range(8):
        write_patient(folder, f"p{index}", seed=index)
    out = tmp_path_factory.mktemp("data") / "store"
    result = run("prepare", "wfdb", "--records", folder, "--out", out)
    assert result.exit_code == 0, result.stderr
    return out


@pytest.fixture(scope="module")
def words(store, settings):
    return ["search", "--data", store, "--config", settings, "--budget", 2, "--workers", 1]


@pytest.fixture(scope="module")
def finished(words, tmp_path_factory):
    """The folder of a complete run and what the command said."""
    out = tmp_path_factory.mktemp("runs") / "first"
    result = run(*words, "--out", out, "--json", out.parent / "first.json")
    assert result.exit_code == 0, result.stderr
    return out, result


@pytest.fixture
def copied(finished, tmp_path):
    """A copy of the complete run that a test may damage."""
    return shutil.copytree(finished[0], tmp_path / "copied")


def test_the_result_has_the_keys_that_scripts_rely_on(finished):
    out, _ = finished
    result = json.loads((out.parent / "first.json").read_text())
    assert result["run"] == str(out)
    assert result["evaluations"] == 2
    assert result["evaluations_from_predictor"] == 0
    assert set(result["best"]) >= {"key", "score", "params", "macs"}
    assert set(result["seconds"]) >= {"search", "predictor", "training", "final"}
    assert result["bundle"] == str(out / "bundle")
    assert (out / "bundle" / "model.onnx").is_file()
    assert (out / "report.html").is_file()


def test_progress_is_on_standard_error_and_the_result_on_standard_output(finished):
    _, result = finished
    assert "1/2" in result.stderr
    assert "2/2" in result.stderr
    assert "best: " in result.stdout
    assert "optimistic" in result.stdout
    assert "1/2" not in result.stdout


def test_the_same_command_again_trains_nothing_and_says_the_same(finished, words):
    out, _ = finished
    again = run(*words, "--out", out, "--json", "-")
    assert again.exit_code == 0, again.stderr
    before = json.loads((out.parent / "first.json").read_text())
    after = json.loads(again.stdout)
    assert after["best"] == before["best"]
    assert after["evaluations"] == 2
    assert after["seconds"]["training"] == before["seconds"]["training"]


def test_runs_are_listed_and_shown(finished, copied):
    out, _ = finished
    (copied / "summary.json").unlink()
    listed = run("runs", "list", out.parent)
    assert listed.exit_code == 0
    assert f"{out}  complete  2/2" in listed.stdout
    assert "stopped" in run("runs", "list", copied.parent).stdout
    shown = run("runs", "show", out, "--json", "-")
    assert shown.exit_code == 0
    described = json.loads(shown.stdout)
    scores = [candidate["score"] for candidate in described["candidates"]]
    assert scores == sorted(scores, reverse=True)
    assert described["best"]["score"] == scores[0]
    text = run("runs", "show", out, "--top", 1).stdout
    assert described["candidates"][0]["key"] in text
    assert described["candidates"][1]["key"] not in text


def test_other_settings_on_the_same_run_are_refused_by_name(finished, words):
    out, _ = finished
    files = {file: file.read_bytes() for file in out.iterdir() if file.suffix == ".json"}
    refused(run(*words, "--seed", 1, "--out", out), 1, "seed", "other settings")
    assert all(file.read_bytes() == content for file, content in files.items())


def test_a_second_process_on_the_same_run_is_refused(copied, words):
    with (copied / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused(run(*words, "--out", copied), 1, "in use")
        assert "running" in run("runs", "list", copied.parent).stdout


def test_a_corrupt_store_is_one_line_and_hides_no_other_run(copied, words):
    (copied / "run.sqlite").write_bytes(b"no database " * 1000)
    refused(run(*words, "--out", copied), 1, "run.sqlite")
    refused(run("runs", "show", copied), 1, "run.sqlite")
    listed = run("runs", "list", copied.parent)
    assert listed.exit_code == 0
    assert "damaged" in listed.stdout


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (["--preset", "slow"], 2, "quick, standard, full"),
        (["--space", "ecg9d"], 2, "ecg1d"),
        (["--method", "guess"], 2, "dcl-enas"),
        (["--data", "nowhere"], 2, "mitdb"),
        (["--data", "."], 2, "manifest.json"),
        (["--data", "wfdb"], 2, "--records"),
        (["--data", "mitdb", "--data", "synthetic"], 2, "cannot be joined"),
        (["--data", "mitdb=missing"], 2, "missing"),
        (["--data", "mitdb", "--records", "missing"], 2, "missing"),
        (["--device", "tpu"], 2, "device"),
        (["--workers", 0], 2, "--workers"),
        (["--budget", 0], 2, "budget"),
        (["--budget", "many"], 2, "many"),
        (["--seed", -1], 2, "seed"),
        (["--max-params", 0], 2, "max_params"),
        (["--max-params", 1], 2, "--max-params"),
        (["--config", "none.toml"], 2, "none.toml"),
        (["--config", "broken.toml"], 2, "broken.toml"),
        (["--config", "unknown.toml"], 2, "epocs"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, list) else None,
)
def test_bad_input_is_one_line_and_leaves_nothing(
    options, code, says, store, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.toml").write_text("budget = [")
    (tmp_path / "unknown.toml").write_text("[training]\nepocs = 3\n")
    before = set(tmp_path.iterdir())
    data = [] if "--data" in options else ["--data", store]
    refused(run("search", *data, *options, "--out", "out"), code, says)
    assert set(tmp_path.iterdir()) == before


def test_an_out_that_is_no_place_for_a_run_is_refused(words, tmp_path):
    (tmp_path / "file").write_text("")
    refused(run(*words, "--out", tmp_path / "file" / "run"), 1, "choose another --out")
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("words")
    refused(run(*words, "--out", tmp_path / "thesis"), 1, "other files")
    assert [path.name for path in (tmp_path / "thesis").iterdir()] == ["chapter.txt"]


def test_no_runs_is_said(tmp_path):
    assert "no runs" in run("runs", "list", tmp_path).stdout
    refused(run("runs", "list", tmp_path / "missing"), 1, "missing")
    refused(run("runs", "show", tmp_path), 1, "config.json")


def test_an_interrupt_is_one_line_and_130(words, tmp_path):
    code = "from ecg_nas.cli import main; main()"
    started = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, words), "--budget", "500", "--out", tmp_path / "r"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert started.stderr is not None
    first = started.stderr.readline()
    os.killpg(started.pid, signal.SIGINT)  # as a terminal does: workers get it too
    out, err = started.communicate(timeout=60)
    assert "1/500" in first
    assert started.returncode == 130
    assert out == ""
    assert "Traceback" not in err
    assert err.splitlines()[-1] == "Error: interrupted; the same command resumes the run"
