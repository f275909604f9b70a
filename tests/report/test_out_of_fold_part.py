"""The winner's folds in the report: calibrated figures, INT8's verdict, altered recordings."""

import json

import numpy as np
import pytest
from pages import Reader

from data_prep import tasks
from ecg_nas.errors import RunError
from ecg_nas.export.quantize import gate
from ecg_nas.metrics.out_of_fold import OutOfFold, facts_of
from ecg_nas.report import run_page

TASK = tasks.load("aami")
CLASSES = TASK.classes
BEST = 2
CONDITIONS = [
    {"name": "as recorded", "macro_f1_nsv": 0.811, "S_f1": 0.7, "V_f1": 0.9},
    {"name": "muscle noise, 0 dB", "macro_f1_nsv": 0.322, "S_f1": None, "V_f1": 0.4},
]


@pytest.fixture
def judged(run):
    """A run with what its winner's folds found; returns also the outputs."""
    rng = np.random.default_rng(0)
    y = rng.choice(5, size=600, p=[0.6, 0.2, 0.15, 0.05, 0])
    patient = rng.integers(0, 4, 600)
    outputs = OutOfFold(
        logits=(4 * (np.eye(5)[y] + rng.normal(0, 0.5, (600, 5)))).astype(np.float32),
        y=y,
        patient=patient,
        fold=patient % 2,
        task=TASK,
        patients=("a", "b", "c", "d"),
    )
    with (run / "held_out.npz").open("wb") as file:
        outputs.save(file)
    write(run, "held_out", **facts_of(outputs, named=True))
    called = outputs.logits.argmax(axis=1)
    write(run, "int8", verdict=gate(y, called, called, TASK))
    write(run, "robustness", conditions=CONDITIONS)
    return run, outputs, called


def write(run, name, *, slot=BEST, **content):
    (run / f"{name}.json").write_text(json.dumps({"slot": slot, **content}))


def words_of(run):
    text = run_page.render(run)
    read = Reader(text)
    assert read.loads == []
    assert read.open == []
    return " ".join(read.words)


def test_the_page_tells_the_calibrated_figures_of_the_folds(judged):
    run, outputs, _ = judged
    facts, words = facts_of(outputs, named=True), words_of(run)
    assert f"{facts['temperature']:g} temperature, in the exported model" in words
    after, before = facts["ece"]["after"], facts["ece"]["before"]
    assert f"{after:.3f} calibration error with it; {before:.3f} without" in words
    for name, row in zip("NSVF", facts["confusion"], strict=False):
        own = facts["per_class"][name]
        low, high = facts["interval"][f"{name}_se"]
        assert f"{name} {sum(row)} {own['se']:.3f} {low:.3f} to {high:.3f}" in words
    for index, fold in enumerate(facts["folds"], 1):
        assert f"{index} {len(fold['patients'])} {fold['macro_f1_nsv']:.3f}" in words
    assert "held-out-reliability" in run_page.render(run)


def test_the_page_tells_whether_int8_was_refused_and_why(judged):
    run, outputs, called = judged
    words = words_of(run)
    assert "Accepted: the bundle holds an INT8 model" in words
    assert "100.00 % of them called alike" in words
    worse = np.where(np.arange(len(called)) % 5 == 0, 0, called)
    verdict = gate(outputs.y, called, worse, TASK)
    write(run, "int8", verdict=verdict)
    words = words_of(run)
    assert "Refused: there is no INT8 model, since on held-out training patients" in words
    for name, limit in verdict["limits"].items():
        figures = [verdict[kind][name] for kind in ("fp32", "int8")]
        row = " ".join(f"{value:.3f}" for value in figures)
        assert f"{name} {row} {verdict['drop'][name]:.4f} {limit:g}" in words
    assert "trained on a little" not in words
    accepted = gate(outputs.y, called, called, TASK)
    write(run, "int8", verdict={**accepted, "without_fine_tuning": {"drop": verdict["drop"]}})
    words = words_of(run)
    assert "Accepted" in words
    assert f"as they were, macro_f1_nsv fell by {verdict['drop']['macro_f1_nsv']:.4f}," in words


def test_the_page_tells_what_altered_recordings_cost(judged):
    words = words_of(judged[0])
    assert "as recorded 0.811 0.700 0.900" in words
    assert "muscle noise, 0 dB 0.322 – 0.400" in words


def test_what_was_found_about_an_earlier_winner_is_not_shown(judged):
    run = judged[0]
    for name in ("int8", "robustness"):
        write(run, name, slot=BEST - 1)
    words = words_of(run)
    assert "trained once more" in words
    assert "Altered recordings" not in words
    assert "Accepted" not in words
    write(run, "held_out", slot=BEST - 1)
    assert "trained once more" not in words_of(run)


def test_damaged_files_are_one_clear_line(judged):
    run = judged[0]
    (run / "held_out.npz").write_bytes(b"no arrays")
    with pytest.raises(RunError, match=r"held_out\.npz must be as"):
        run_page.render(run)
    (run / "held_out.npz").unlink()
    assert "held-out-reliability" not in run_page.render(run)
    write(run, "robustness")
    with pytest.raises(RunError, match=r"robustness\.json .* lacks conditions"):
        run_page.render(run)
