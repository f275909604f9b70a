import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from main_job import content, final_model, settings

from data_prep.store import perturbations
from data_prep.store.dataset import open_store
from ecg_nas.bundle.manifest import MODEL, load
from ecg_nas.errors import RunError
from ecg_nas.export.quantize import gate
from ecg_nas.methods.engine.run_store import RunStore
from ecg_nas.pipeline import int8_gate, robustness
from ecg_nas.pipeline.candidate_bundle import bundle_of
from ecg_nas.pipeline.main_job import execute
from ecg_nas.runs.config import ConfirmConfig


def test_the_best_are_trained_again_and_the_best_mean_wins(whole):
    out, summary, _ = whole
    with RunStore(out / "run.sqlite", read_only=True) as opened:
        first, second, last = sorted(opened.evaluations(), key=lambda e: -e.score)
    assert [len(one.repeats) for one in (first, second, last)] == [1, 1, 0]
    assert first.repeats[0] != first.score
    best = max(first, second, key=lambda e: e.score + e.repeats[0])
    assert summary["best"] | {"params": 0, "macs": 0} == {
        "key": best.key,
        "score": best.score,
        "mean_score": pytest.approx((best.score + best.repeats[0]) / 2),
        "params": 0,
        "macs": 0,
    }
    card = (out / "bundle" / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert f"trained again with other seeds, {best.repeats[0]:.3f}. It was chosen" in card


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
    manifest = load(out / "bundle").manifest
    held_out = manifest.training["held_out"]
    assert manifest.temperature == held_out["temperature"] == summary["held_out"]["temperature"]
    assert held_out["beats"] == n_beats
    assert not set(side.patients) & {one["patient"] for one in held_out["by_patient"]}


def test_int8_is_evaluated_on_the_beats_of_held_out_patients(whole):
    out = whole[0]
    found = load(out / "bundle")
    gate = found.manifest.int8.gate
    assert gate["method"] in ("static", "fine-tuned")
    assert gate["beats"] == found.manifest.training["held_out"]["beats"]
    assert (found.int8 is None) == any(
        drop is not None and drop > gate["limits"][name] for name, drop in gate["drop"].items()
    )
    # Float32 figures are those of the stored outputs: the same networks, the same beats.
    assert gate["fp32"]["V_f1"] == found.manifest.training["held_out"]["per_class"]["V"]["f1"]


def test_fold_networks_are_evaluated_on_altered_recordings(whole, store):
    out = whole[0]
    manifest = load(out / "bundle").manifest
    clean, *others = manifest.robustness
    held_out = manifest.training["held_out"]
    assert clean["macro_f1_nsv"] == held_out["macro_f1_nsv"]
    assert (clean["S_f1"], clean["V_f1"]) == tuple(held_out["per_class"][k]["f1"] for k in "SV")
    assert [one["name"] for one in others] == [
        *[f"{kind}, {db} dB" for kind in perturbations.NOISES for db in (24, 12, 6, 0)],
        "leads swapped",
        "all leads inverted",
        *[f"recorded at {fs_hz} Hz" for fs_hz in (125, 250, 500)],
    ]
    card = (out / "bundle" / "MODEL_CARD.md").read_text(encoding="utf-8")
    for one in manifest.robustness:
        assert f"| {one['name']} | {one['macro_f1_nsv']:.3f} |" in card


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
    clean = final_model(run, store).beats_on("cpu").x.numpy()
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
        return load(run / "bundle")

    monkeypatch.setattr(int8_gate, "gate", refusing_once)
    (run / "int8.json").unlink()
    found = export()
    assert any("fine-tuning for INT8" in event.get("text", "") for event in events)
    verdict = found.manifest.int8
    assert (verdict.refused, verdict.gate["method"]) == (None, "fine-tuned")
    assert verdict.gate["without_fine_tuning"]["drop"] == judged[0]["drop"]
    assert "Its weights are not those" in (run / "bundle" / "MODEL_CARD.md").read_text("utf-8")
    assert found.model.read_bytes() == (whole[0] / "bundle" / MODEL).read_bytes()
    content = found.int8.read_bytes()
    monkeypatch.setattr(int8_gate, "fine_tune", None)  # what was trained is kept
    assert export().int8.read_bytes() == content
    assert len(judged) == 2


def test_a_damaged_fold_is_trained_again(run, store, whole):
    (run / "held_out.json").unlink()
    (run / "held_out" / "fold-0.safetensors").write_bytes(b"cut off")
    (run / "bundle" / "golden.npz").unlink()
    execute(settings(run.parent, store), run, workers=1)
    assert content(run) == content(whole[0])


def test_another_candidate_is_exported_and_kept_in_the_run(run, whole):
    best = whole[1]["best"]["key"]
    with RunStore(run / "run.sqlite", read_only=True) as opened:
        other = next(e for e in opened.evaluations() if e.key != best)
    events = []
    out = bundle_of(run, other.key[:12], on_event=events.append)
    assert [e["fold"] for e in events if e["event"] == "fold"] == [1, 2]
    training = load(out).manifest.training
    assert load(out).manifest.architecture["key"] == other.key
    assert training["fold_score"] == other.score
    assert training["held_out"]["temperature"] == load(out).manifest.temperature
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
    saved["settings"]["data"]["sets"][0]["records"] = str(run / "no store")
    return json.dumps(saved)
