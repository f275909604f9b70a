import json
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data_prep import altered
from data_prep.dataset import open_store
from data_prep.errors import DataError
from ecg_nas.deploy import bundle
from ecg_nas.errors import ConfigError, RunError
from ecg_nas.export.quantize import gate
from ecg_nas.runs import int8, robustness
from ecg_nas.runs.candidate import bundle_of
from ecg_nas.runs.config import ConfirmConfig, resolve
from ecg_nas.runs.execute import execute
from ecg_nas.runs.winner import best_of, subject_of
from ecg_nas.store import RunStore

SETTINGS = """
method = "regularized-evolution"
max_macs = 60000
[training]
epochs = 1
batch = 32
keep_every = 2
[folds]
n_folds = 2
[confirm]
candidates = 2
trainings = 1
[final]
epochs = 2
[algorithm]
population = 2
tournament = 1
"""

KILLED = """
import sys
from pathlib import Path
from ecg_nas.runs.execute import execute
from test_execute import settings
execute(settings(Path(sys.argv[1]), Path(sys.argv[2])), Path(sys.argv[3]), workers=1)
"""


def settings(folder, store, **flags):
    file = folder / "settings.toml"
    if not file.exists():
        file.write_text(SETTINGS, encoding="utf-8")
    return resolve(file=file, flags={"data": str(store), "budget": 3, "device": "cpu", **flags})


@pytest.fixture(scope="module")
def store(_small_store, tmp_path_factory):
    """A prepared store whose test patients are out of reach."""
    copy = shutil.copytree(_small_store, tmp_path_factory.mktemp("train only") / "store")
    shutil.rmtree(copy / "test")
    return copy


@pytest.fixture(scope="module")
def whole(store, tmp_path_factory):
    """The folder of an uninterrupted run, its summary and its events."""
    out, events = tmp_path_factory.mktemp("whole") / "run", []
    summary = execute(settings(out.parent, store), out, workers=2, on_event=events.append)
    return out, summary, events


@pytest.fixture
def run(whole, tmp_path):
    """A copy of that folder."""
    return shutil.copytree(whole[0], tmp_path / "run")


def content(out):
    """What a run found, without the times."""
    with RunStore(out / "run.sqlite", read_only=True) as opened:
        evaluations = [
            (e.slot, e.key, e.seed, e.origin, e.score, e.metrics, e.again)
            for e in opened.evaluations()
        ]
    weights = (out / "final.safetensors").read_bytes()
    bundle = {path.name: path.read_bytes() for path in (out / "bundle").iterdir()}
    return evaluations, weights, (out / "held_out.npz").read_bytes(), bundle


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


def test_the_best_are_trained_again_and_the_best_mean_wins(whole):
    out, summary, _ = whole
    with RunStore(out / "run.sqlite", read_only=True) as opened:
        first, second, last = sorted(opened.evaluations(), key=lambda e: -e.score)
    assert [len(one.again) for one in (first, second, last)] == [1, 1, 0]
    assert first.again[0] != first.score
    best = max(first, second, key=lambda e: e.score + e.again[0])
    assert summary["best"] | {"params": 0, "macs": 0} == {
        "key": best.key,
        "score": best.score,
        "mean_score": pytest.approx((best.score + best.again[0]) / 2),
        "params": 0,
        "macs": 0,
    }
    card = (out / "bundle" / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert f"trained again with other seeds, {best.again[0]:.3f}. It was chosen" in card


def test_more_may_be_confirmed_on_a_run_that_is_complete(run, store, whole):
    config = settings(run.parent, store)
    more = replace(config, confirm=ConfirmConfig(candidates=3, trainings=1))
    events = []
    summary = execute(more, run, workers=1, on_event=events.append)
    assert [event["done"] for event in events if event["event"] == "confirmed"] == [1]
    assert summary["confirmations"] == 3
    before, after = content(whole[0])[0], content(run)[0]
    assert [row[:-1] for row in after] == [row[:-1] for row in before]
    assert all(len(row[-1]) == 1 for row in after)


def test_the_bundle_knows_its_data_and_its_fold_score(whole):
    out, summary, _ = whole
    manifest = json.loads((out / "bundle" / "manifest.json").read_text(encoding="utf-8"))
    config = json.loads((out / "config.json").read_text(encoding="utf-8"))
    assert manifest["training"]["fold_score"] == summary["best"]["score"]
    assert manifest["training"]["fingerprint"] == config["data"]["fingerprint"]
    assert manifest["architecture"]["key"] == summary["best"]["key"]
    assert str(out.parent) not in json.dumps(manifest)


def test_every_patient_is_held_out_once_and_tells_the_temperature(whole, store):
    out, summary, events = whole
    assert [event["fold"] for event in events if event["event"] == "fold"] == [1, 2]
    side = open_store(store, "train")
    n_beats = int((side.beats["y"] >= 0).sum())
    with np.load(out / "held_out.npz", allow_pickle=False) as arrays:
        assert arrays["logits"].shape == (n_beats, 5)
        assert np.array_equal(arrays["y"], side.beats["y"][side.beats["y"] >= 0])
        for patient in range(len(side.patients)):
            assert len(set(arrays["fold"][arrays["patient"] == patient])) == 1
    manifest = bundle.load(out / "bundle").manifest
    held_out = manifest.training["held_out"]
    assert manifest.temperature == held_out["temperature"] == summary["held_out"]["temperature"]
    assert held_out["beats"] == n_beats
    assert not set(side.patients) & {one["patient"] for one in held_out["by_patient"]}


def test_int8_is_judged_on_the_beats_of_held_out_patients(whole):
    out = whole[0]
    found = bundle.load(out / "bundle")
    gate = found.manifest.int8.gate
    assert gate["method"] in ("static", "fine-tuned")
    assert gate["beats"] == found.manifest.training["held_out"]["beats"]
    assert (found.int8 is None) == any(
        drop is not None and drop > gate["limits"][name] for name, drop in gate["drop"].items()
    )
    # Float32 figures are those of the stored outputs: the same networks, the same beats.
    assert gate["fp32"]["V_f1"] == found.manifest.training["held_out"]["per_class"]["V"]["f1"]


def test_altered_recordings_are_asked_about_on_the_folds(whole, store):
    out = whole[0]
    manifest = bundle.load(out / "bundle").manifest
    clean, *others = manifest.robustness
    held_out = manifest.training["held_out"]
    assert clean.macro_f1_nsv == held_out["macro_f1_nsv"]
    assert (clean.S_f1, clean.V_f1) == tuple(held_out["per_class"][k]["f1"] for k in "SV")
    assert [one.name for one in others] == [
        *[f"{kind}, {db} dB" for kind in altered.NOISES for db in (24, 12, 6, 0)],
        "leads swapped",
        "all leads inverted",
        *[f"recorded at {fs_hz} Hz" for fs_hz in (125, 250, 500)],
    ]
    card = (out / "bundle" / "MODEL_CARD.md").read_text(encoding="utf-8")
    for one in manifest.robustness:
        assert f"| {one.name} | {one.macro_f1_nsv:.3f} |" in card


def test_altered_recordings_meet_the_networks_that_did_not_know_their_patients(
    run, store, whole, monkeypatch
):
    asked = []

    def logits(network, data, rows):
        asked.append((data.x.numpy(), rows))
        return robustness_logits(network, data, rows)

    robustness_logits = robustness.logits
    monkeypatch.setattr(robustness, "logits", logits)
    (run / "robustness.json").unlink()
    execute(settings(run.parent, store), run, workers=1)
    assert content(run) == content(whole[0])
    assert len(asked) == 13 * 2
    n_beats = len(asked[0][0])
    for (_, first), (_, second) in zip(asked[::2], asked[1::2], strict=True):
        assert sorted([*first, *second]) == list(range(n_beats))
    with RunStore(run / "run.sqlite", read_only=True) as opened:
        subject = subject_of(
            settings(run.parent, store), store, best_of(opened.evaluations()), device="cpu"
        )
    clean = subject.data.x.numpy()
    np.testing.assert_allclose(asked[2 * 9][0], -clean, atol=1e-4)
    strong, weak = (np.abs(asked[2 * index][0] - clean).mean() for index in (7, 4))
    assert strong > 5 * weak > 0


def test_where_int8_costs_too_much_networks_are_fine_tuned_for_it(run, store, whole, monkeypatch):
    judged, events = [], []

    def refusing_once(*args):
        judged.append(gate(*args))
        return {**judged[-1], "refused": None if len(judged) > 1 else "too much"}

    def export():
        shutil.rmtree(run / "bundle")
        execute(settings(run.parent, store), run, workers=1, on_event=events.append)
        return bundle.load(run / "bundle")

    monkeypatch.setattr(int8, "gate", refusing_once)
    (run / "int8.json").unlink()
    found = export()
    assert any("fine-tuning for INT8" in event.get("text", "") for event in events)
    verdict = found.manifest.int8
    assert (verdict.refused, verdict.gate["method"]) == (None, "fine-tuned")
    assert verdict.gate["without_fine_tuning"]["drop"] == judged[0]["drop"]
    assert "Its weights are not those" in (run / "bundle" / "MODEL_CARD.md").read_text("utf-8")
    assert found.model.read_bytes() == (whole[0] / "bundle" / bundle.MODEL).read_bytes()
    content = found.int8.read_bytes()
    monkeypatch.setattr(int8, "fine_tune", None)  # what was trained is kept
    assert export().int8.read_bytes() == content
    assert len(judged) == 2


def test_a_damaged_fold_is_trained_again(run, store, whole):
    (run / "held_out.json").unlink()
    (run / "held_out" / "fold-0.safetensors").write_bytes(b"cut off")
    (run / "bundle" / "golden.npz").unlink()
    execute(settings(run.parent, store), run, workers=1)
    assert content(run) == content(whole[0])


def test_events_tell_where_it_is(whole):
    names = [event["event"] for event in whole[2]]
    assert names.count("evaluated") == 3
    assert names.count("confirmed") == 2
    assert names.count("final") == 2
    stages = ("search", "asked", "evaluated", "told", "confirmed", "final")
    order = [names.index(name) for name in stages]
    assert order == sorted(order)


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
        stop_at("stage", text="asking the winner's folds about altered recordings"),
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


def stored(out):
    try:
        with RunStore(out / "run.sqlite", read_only=True) as opened:
            return len(opened.evaluations())
    except RunError:
        return 0


def test_a_complete_run_is_not_done_again(run, store, whole):
    events = []
    summary = execute(settings(run.parent, store), run, workers=1, on_event=events.append)
    assert "evaluated" not in [event["event"] for event in events]
    assert "confirmed" not in [event["event"] for event in events]
    assert "final" not in [event["event"] for event in events]
    assert summary["best"] == whole[1]["best"]
    assert content(run) == content(whole[0])


def test_a_larger_budget_goes_on(run, store, whole):
    summary = execute(settings(run.parent, store, budget=4), run, workers=1)
    assert summary["evaluations"] == 4
    before, after = content(whole[0])[0], content(run)[0]
    assert [row[:-1] for row in after[:3]] == [row[:-1] for row in before]


def test_another_candidate_is_exported_and_kept_in_the_run(run, whole):
    best = whole[1]["best"]["key"]
    with RunStore(run / "run.sqlite", read_only=True) as opened:
        other = next(e for e in opened.evaluations() if e.key != best)
    events = []
    out = bundle_of(run, other.key[:12], on_event=events.append)
    assert [e["fold"] for e in events if e["event"] == "fold"] == [1, 2]
    training = bundle.load(out).manifest.training
    assert bundle.load(out).manifest.architecture["key"] == other.key
    assert training["fold_score"] == other.score
    assert training["held_out"]["temperature"] == bundle.load(out).manifest.temperature
    events.clear()
    (run / "config.json").write_text(gone(run), encoding="utf-8")
    assert bundle_of(run, other.key, on_event=events.append) == out
    assert events == []
    assert bundle_of(run, best) == run / "bundle"
    shutil.rmtree(out)
    with pytest.raises(RunError, match="must be there to train another") as caught:
        bundle_of(run, other.key)
    assert "\n" not in str(caught.value)
    for key in ("", "no such key"):
        with pytest.raises(RunError, match="runs show"):
            bundle_of(run, key)
    assert content(run) == content(whole[0])


def gone(run):
    """Return the settings of the run as if its data had lain elsewhere."""
    saved = json.loads((run / "config.json").read_text(encoding="utf-8"))
    saved["settings"]["data"] = str(run / "no store")
    return json.dumps(saved)


def test_other_settings_are_refused_and_named(run, store):
    config = settings(run.parent, store, seed=7, max_params=30_000)
    with pytest.raises(RunError, match=r"max_params \(None, now 30000\), seed \(0, now 7\)"):
        execute(config, run)


def test_other_data_are_refused(run, tmp_path, write_patient):
    from data_prep.prepare import prepare

    (tmp_path / "records").mkdir()
    for index in range(6):
        write_patient(tmp_path / "records", f"q{index}", seed=20 + index, symbols=("A", "V"))
    prepare("wfdb", tmp_path / "other", records=tmp_path / "records")
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
    assert bundle.load(Path(summary["bundle"])).spec.causal
