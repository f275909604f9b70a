"""Other tasks than the default one, from recordings to figures, beats and pages."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from main_job import SETTINGS
from pages import Reader

from data_prep import tasks
from data_prep.io.record import read_annotations
from ecg_nas.bundle.manifest import load
from ecg_nas.cli import main
from ecg_nas.webpage.bundle_page import page_rules

TASKS = ("aami3", "ectopy")


def run(*arguments, code=0):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result


@pytest.fixture(scope="module")
def patients(write_patient, tmp_path_factory):
    """Six patients with N, S, V, fusion and paced beats."""
    folder = tmp_path_factory.mktemp("patients")
    for index in range(6):
        write_patient(folder, f"p{index}", seed=index, symbols=("A", "V", "A", "V", "F", "/"))
    return folder


@pytest.fixture(scope="module", params=TASKS)
def made(request, patients, tmp_path_factory):
    """A task, what ``prepare`` and ``evaluate`` said, and the run in between."""
    task, folder = tasks.load(request.param), tmp_path_factory.mktemp(request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ECG_NAS_CACHE", str(folder / "cache"))
        (folder / "settings.toml").write_text(SETTINGS)
        prepared = run(
            "prepare", "wfdb", "--records", patients, "--task", task.name,
            "--out", folder / "store", "--json", "-",
        )  # fmt: skip
        searched = run(
            "search", "--config", folder / "settings.toml", "--data", patients,
            "--task", task.name, "--budget", 3, "--device", "cpu", "--workers", 1,
            "--out", folder / "run", "--json", "-",
        )  # fmt: skip
        evaluated = run(
            "evaluate", folder / "run" / "bundle", "--data", patients,
            "--report", folder / "page.html", "--json", "-",
        )  # fmt: skip
    manifest, summary, result = (json.loads(one.stdout) for one in (prepared, searched, evaluated))
    return task, folder, manifest, summary, result


def test_what_is_left_out_is_told_with_its_reason_and_is_no_fault(made):
    task, _, manifest, _, _ = made
    dropped = {entry["symbol"]: entry["reason"] for entry in manifest["dropped_beats"]}
    reasons = dict(task.left_out)
    assert set(dropped) == {"F", "/"} & set(reasons)
    assert all(reasons[symbol] == reason for symbol, reason in dropped.items())
    assert tuple(manifest["counts"]["train"]) == task.classes
    assert tasks.Task.from_json(manifest["signal"]["task"]) == task


def test_the_task_goes_whole_into_run_and_bundle(made):
    task, folder, manifest, summary, _ = made
    bundle = load(folder / "run" / "bundle")
    assert bundle.task == task
    assert bundle.classes == task.classes
    about = json.loads((folder / "run" / "config.json").read_text())["data"]
    assert tasks.Task.from_json(about["task"]) == task
    assert about["fingerprint"] == manifest["fingerprint"]
    assert summary["held_out"]["headline"]["name"] == task.headline
    assert {tuple(one) for one in bundle.manifest.robustness} == {("name", *task.figures)}
    assert set(bundle.manifest.int8.gate["limits"]) == set(task.figures)
    card = (folder / "run" / "bundle" / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert f"Macro F1 over {', '.join(task.scored)}: " in card
    assert "took no part in training" in card
    assert all(f"- {kind.letter}: {kind.text}" in card for kind in task.kinds)
    assert "No claim is made" not in card


def test_an_evaluation_is_of_its_classes_and_counts_no_other_beat(made):
    task, _, manifest, _, result = made
    assert result["classes"] == list(task.classes)
    assert result["headline"]["name"] == task.headline
    if task.headline == "macro_f1_nsv":
        assert result["macro_f1_nsv"] == result["headline"]["value"]
    else:
        assert result["macro_f1_nsv"] is None
    counted = sum(manifest["counts"]["test"].values())
    assert np.sum(result["confusion"]) == counted
    assert result["dropped"] == result["protocol"]["unmapped_beats"] == 0
    tests = set(manifest["records"]["test"])
    left_out = sum(e["beats"] for e in manifest["dropped_beats"] if e["record"] in tests)
    assert result["protocol"]["left_out_beats"] == left_out > 0
    assert result["accuracy"] == np.trace(result["confusion"]) / counted
    assert "take no part" in result["protocol"]["counting"]
    gross = result["ec57"]["gross"]
    assert gross["q_se"] == gross["q_ppv"] == 1.0  # nobody missed what takes no part
    for kind in ("v", "s"):
        assert (gross[f"{kind}_se"] is None) == (kind not in task.ec57)


def test_a_bundle_and_a_store_of_different_tasks_are_refused(made, small_store):
    task, folder, *_ = made
    refused = run("evaluate", folder / "run" / "bundle", "--data", small_store, code=2)
    assert f"the task of the bundle {folder / 'run' / 'bundle'}, {task.name}" in refused.stderr
    assert "they are for aami" in refused.stderr
    refused = run("search", "--data", folder / "store", "--task", "aami", "--out", folder / "x",
                  code=2)  # fmt: skip
    assert "prepared with the task asked for" in refused.stderr


def test_detected_beats_that_take_no_part_are_not_counted(made):
    _, folder, manifest, *_ = made
    result = run("evaluate", folder / "run" / "bundle", "--data", folder / "store",
                 "--beats", "detected", "--json", "-")  # fmt: skip
    found = json.loads(result.stdout)
    of_classes = np.sum(found["confusion"]) + sum(found["missed"].values())
    assert of_classes == sum(manifest["counts"]["test"].values())
    assert found["dropped"] == 0


def test_classified_beats_are_written_as_symbols_of_the_task(made, patients):
    task, folder, *_ = made
    record = patients / "p0"
    for form in ("wfdb", "csv"):
        run("classify", folder / "run" / "bundle", record, "--beats", "atr", "--format", form,
            "--out", folder / "beats", "--report")  # fmt: skip
    notes = read_annotations(folder / "beats" / "p0", "ecgnas", fs_hz=250.0)
    assert set(notes.symbols) - {'"', "~"} <= {kind.symbol for kind in task.kinds}
    head = (folder / "beats" / "p0.ecgnas.csv").read_text().splitlines()[0]
    assert head.split(",")[-len(task.classes) :] == [f"p_{letter}" for letter in task.classes]
    page = (folder / "beats" / "p0.ecgnas.html").read_text(encoding="utf-8")
    assert all(f"{letter} beats;" in page for letter in task.runs_of)


def test_the_pages_are_of_its_classes(made):
    task, folder, *_ = made
    for page in (folder / "run" / "report.html", folder / "page.html"):
        read = Reader(page.read_text(encoding="utf-8"))
        words = " ".join(read.words)
        assert task.score_text in words
        assert all(f"F1 of {letter}" in words for letter in task.sought)
    rules = page_rules(load(folder / "run" / "bundle"))
    assert rules["classes"] == list(task.classes)
    assert rules["common"] == task.common
    assert set(rules["looks"]) == {*task.classes, "?"}
    assert set(rules["runs_of"]) == set(task.runs_of)
