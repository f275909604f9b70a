import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from data_requests import asked
from main_job import KILLED, content, settings, stored

from data_prep.errors import DataError
from ecg_nas.bundle import manifest
from ecg_nas.errors import ConfigError, RunError
from ecg_nas.pipeline.main_job import execute


def test_the_main_job_leaves_all_that_it_promises(whole):
    out, summary, _ = whole
    assert {p.name for p in out.iterdir()} >= {
        "config.json",
        "run.sqlite",
        "log.txt",
        "final.safetensors",
        "final.json",
        "held_out.npz",
        "held_out.json",
        "int8.json",
        "robustness.json",
        "bundle",
        "report.html",
        "summary.json",
    }
    assert not [p.name for p in out.iterdir() if p.name.startswith(".")]
    assert json.loads((out / "summary.json").read_text(encoding="utf-8")) == summary
    assert summary["evaluations"] == 3
    assert summary["confirmations"] == 2
    assert set(summary["best"]) == {"key", "score", "mean_score", "params", "macs"}
    promised = {"search", "predictor", "training", "confirming", "final"}
    assert set(summary["seconds"]) == promised
    assert all(value >= 0 for value in summary["seconds"].values())
    assert Path(summary["bundle"]).is_dir()
    assert summary["best"]["macs"] <= 60_000


def test_events_tell_where_it_is(whole):
    names = [event["event"] for event in whole[2]]
    assert names.count("evaluated") == 3
    assert names.count("confirmed") == 2
    assert names.count("final") == 2
    stages = ("search", "asked", "evaluated", "told", "confirmed", "final")
    order = [names.index(name) for name in stages]
    assert order == sorted(order)
    steps = [event["step"] for event in whole[2]]
    assert list(dict.fromkeys(steps)) == list(range(1, 10))
    assert {event["steps"] for event in whole[2]} == {9}


def test_stopped_at_any_stage_it_ends_as_if_it_had_not(whole, store, tmp_path):
    config, out = settings(tmp_path, store), tmp_path / "run"

    def stop_at(name, **facts):
        def stop(event):
            if event["event"] == name and facts.items() <= event.items():
                raise KeyboardInterrupt

        return stop

    for moment in (
        stop_at("asked"),
        stop_at("evaluated"),
        stop_at("told"),
        stop_at("confirmed"),
        stop_at("final"),
        stop_at("fold"),
        stop_at("fold", fold=2),
        stop_at("stage", text="evaluating the winner's folds on altered recordings"),
        stop_at("stage", text="evaluating the winner's folds in INT8"),
        stop_at("stage", text="exporting and verifying the classifier"),
        stop_at("stage", text="writing the report"),
    ):
        with pytest.raises(KeyboardInterrupt):
            execute(config, out, workers=1, on_event=moment)
        assert not (out / "summary.json").exists()
    execute(config, out, workers=1)
    assert content(out) == content(whole[0])


def test_killed_it_goes_on_and_ends_as_if_it_had_not(whole, store, tmp_path):
    out = tmp_path / "run"
    config = settings(tmp_path, store)
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, tmp_path, store, out], cwd=Path(__file__).parent
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and stored(out) == 0:
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert 0 < stored(out) < 3
    execute(config, out, workers=1)
    assert content(out) == content(whole[0])


def test_a_complete_run_is_not_done_again(run, store, whole):
    events = []
    summary = execute(settings(run.parent, store), run, workers=1, on_event=events.append)
    assert "evaluated" not in [event["event"] for event in events]
    assert "confirmed" not in [event["event"] for event in events]
    assert "final" not in [event["event"] for event in events]
    assert not any("training" in event.get("text", "") for event in events)
    assert summary["best"] == whole[1]["best"]
    assert content(run) == content(whole[0])


def test_a_run_begun_with_flat_settings_is_the_same_run(run, store, whole):
    flatten(run / "config.json")
    events = []
    summary = execute(settings(run.parent, store), run, workers=1, on_event=events.append)
    assert not {"evaluated", "confirmed", "final"} & {event["event"] for event in events}
    assert summary["best"] == whole[1]["best"]
    assert content(run) == content(whole[0])
    flatten(run / "config.json")
    with pytest.raises(RunError, match=r"data\.split \(standard, now strict\)"):
        execute(settings(run.parent, store, split="strict"), run, workers=1)


def flatten(file):
    """Write the settings of a run as they were before data were one request."""
    saved = json.loads(file.read_text(encoding="utf-8"))
    data = saved["settings"].pop("data")
    (one,) = data["sets"]
    assert one.pop("source") is None  # a prepared store, by its folder
    assert one.pop("role") == "train"
    saved["settings"] |= {**one, "data": one["records"], "records": None, "split": data["split"]}
    file.write_text(json.dumps(saved), encoding="utf-8")


def test_a_larger_budget_goes_on(run, store, whole):
    summary = execute(settings(run.parent, store, budget=4), run, workers=1)
    assert summary["evaluations"] == 4
    before, after = content(whole[0])[0], content(run)[0]
    assert [row[:-1] for row in after[:3]] == [row[:-1] for row in before]


def test_other_settings_are_refused_and_named(run, store):
    config = settings(run.parent, store, seed=7, max_params=30_000)
    with pytest.raises(RunError, match=r"max_params \(None, now 30000\), seed \(0, now 7\)"):
        execute(config, run)


def test_other_data_are_refused(run, tmp_path, write_patient):
    from data_prep.store.prepare import prepare

    (tmp_path / "records").mkdir()
    for index in range(6):
        write_patient(tmp_path / "records", f"q{index}", seed=20 + index, symbols=("A", "V"))
    prepare(asked("wfdb", tmp_path / "records"), tmp_path / "other")
    with pytest.raises(RunError, match="data"):
        execute(settings(tmp_path, tmp_path / "other"), run)


def test_damage_is_one_clear_line(run, store):
    config = settings(run.parent, store)
    for name, exception in (
        ("final.safetensors", RunError),
        ("run.sqlite", RunError),
        ("config.json", RunError),
    ):
        (run / name).write_bytes(b"no longer what it was " * 300)
        with pytest.raises(exception, match=name) as caught:
            execute(config, run, workers=1)
        assert "\n" not in str(caught.value)


def test_what_cannot_be_done_is_refused_before_anything_is_made(tmp_path, store):
    with pytest.raises(ConfigError, match="workers"):
        execute(settings(tmp_path, store), tmp_path / "run", workers=0)
    with pytest.raises(DataError, match="source"):
        execute(settings(tmp_path, tmp_path / "nowhere"), tmp_path / "run")
    with pytest.raises(ConfigError, match="max-params"):
        execute(settings(tmp_path, store, max_params=1), tmp_path / "run", workers=1)
    assert not (tmp_path / "run" / "bundle").exists()


def test_a_causal_run_ends_in_a_causal_bundle(tmp_path, store):
    summary = execute(settings(tmp_path, store, budget=2, causal=True), tmp_path / "run", workers=1)
    assert manifest.load(Path(summary["bundle"])).spec.causal
