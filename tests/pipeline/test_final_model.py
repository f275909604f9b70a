"""The final model in steps: what they share is made once, and what is done is not touched."""

import json
import subprocess
import sys

import pytest
from main_job import content, final_model

from data_prep.store.dataset import SignalStore, open_store
from ecg_nas.methods.engine.run_store import RunStore
from ecg_nas.pipeline.candidate_bundle import bundle_of
from ecg_nas.pipeline.final_steps import N_STEPS, steps_of
from ecg_nas.pipeline.step import run_steps
from ecg_nas.runs.folder import ModelFolder

WITHOUT_TORCH = """
import sys
for name in ("torch", "torch_geometric", "onnx", "onnxscript", "safetensors"):
    sys.modules[name] = None
from pathlib import Path
from ecg_nas.pipeline.candidate_bundle import bundle_of
print(bundle_of(Path(sys.argv[1]), sys.argv[2], on_event=print))
"""


@pytest.fixture
def opened(store):
    """What opens the training patients' side, and how often it did."""
    calls = []

    def open_signals():
        calls.append(store)
        return open_store(store, "train")

    return open_signals, calls


def make(model):
    """Run the steps of a model; return their events."""
    events = []
    run_steps(steps_of(model), events.append, total=N_STEPS)
    return events


def test_the_store_is_opened_and_the_beats_are_cut_once(run, store, opened, tmp_path, monkeypatch):
    cuts, cut = [], SignalStore.cut

    def counted(signals, spec):
        cuts.append(signals)
        return cut(signals, spec)

    monkeypatch.setattr(SignalStore, "cut", counted)
    model = final_model(run, store, open_signals=opened[0], folder=ModelFolder(tmp_path))
    events = make(model)
    assert [event["step"] for event in events if event["event"] == "stage"] == [1, 2, 3, 4, 5]
    assert len(opened[1]) == 1
    assert len([signals for signals in cuts if signals is model.signals]) == 1
    for name in ("final.safetensors", "held_out.npz", "robustness.json", "int8.json"):
        assert (tmp_path / name).read_bytes() == (run / name).read_bytes()
    assert (tmp_path / "bundle" / "model.onnx").read_bytes() == (
        run / "bundle" / "model.onnx"
    ).read_bytes()


def test_where_all_is_done_nothing_is_opened_and_nothing_told(run, store, opened):
    assert make(final_model(run, store, open_signals=opened[0])) == []
    assert opened[1] == []


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("final.json", [1]),
        ("held_out.json", [2]),
        ("robustness.json", [3]),
        ("int8.json", [4]),
        ("bundle/golden.npz", [5]),
    ],
)
def test_what_is_lost_is_made_again_and_nothing_else(run, store, whole, name, steps):
    (run / name).unlink()
    events = make(final_model(run, store))
    assert [event["step"] for event in events if event["event"] == "stage"] == steps
    assert content(run) == content(whole[0])


def test_files_of_another_candidate_are_not_taken_for_its_own(run, store):
    for name in ("final.json", "held_out.json", "robustness.json", "int8.json"):
        saved = json.loads((run / name).read_text(encoding="utf-8"))
        (run / name).write_text(json.dumps(saved | {"slot": 99}), encoding="utf-8")
    assert not any(step.done() for step in steps_of(final_model(run, store))[:4])


def test_a_changed_verdict_on_int8_makes_another_bundle(run, store):
    saved = json.loads((run / "int8.json").read_text(encoding="utf-8"))
    saved["verdict"]["agreement"] = 0.25
    (run / "int8.json").write_text(json.dumps(saved), encoding="utf-8")
    assert [step.done() for step in steps_of(final_model(run, store))] == [True] * 4 + [False]


def test_the_bundle_of_another_candidate_is_found_without_torch_once_it_is_there(run, whole):
    with RunStore(run / "run.sqlite", read_only=True) as opened:
        other = next(e for e in opened.evaluations() if e.key != whole[1]["best"]["key"])
    made = bundle_of(run, other.key)
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, str(run), other.key],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{made}\n"
