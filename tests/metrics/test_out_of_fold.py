import io
import json

import numpy as np
import pytest
from bundles import tiny_bundle
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from data_prep import tasks
from ecg_nas.bundle.manifest import load
from ecg_nas.metrics.calibration import fit_temperature
from ecg_nas.metrics.out_of_fold import OutOfFold, facts_of

TASK = tasks.load("aami")
CLASSES = TASK.classes


def outputs(seed=0, scale=1.0, beats=4000, patients=6):
    """Return outputs that state ``scale`` times too much: labels drawn from what they should."""
    rng = np.random.default_rng(seed)
    logits = rng.normal([2, 0, 0, -1, -2], 2, (beats, 5))
    cumulated = softmax(logits, axis=1).cumsum(axis=1)
    y = (rng.uniform(size=(beats, 1)) > cumulated).sum(axis=1).clip(max=4)
    patient = rng.integers(0, patients, beats)
    return OutOfFold(
        logits=(scale * logits).astype(np.float32),
        y=y.astype(np.int64),
        patient=patient,
        fold=patient % 3,
        task=TASK,
        patients=tuple(f"record {index}" for index in range(patients)),
    )


@settings(max_examples=15, deadline=None)
@given(scale=st.floats(0.3, 5.0), seed=st.integers(0, 100))
def test_the_temperature_is_how_many_times_too_sure_the_outputs_are(scale, seed):
    made = outputs(seed, scale)
    assert fit_temperature(made.logits, made.y) == pytest.approx(scale, rel=0.12)


def test_outputs_that_are_always_right_still_give_a_temperature():
    assert fit_temperature(np.eye(5, dtype=np.float32), np.arange(5)) == pytest.approx(0.1, rel=0.1)


def test_the_calibration_error_falls_on_folds_that_the_temperature_was_not_fitted_on():
    facts = facts_of(outputs(scale=3.0), named=True)
    assert facts["ece"]["before"] > 0.1
    assert facts["ece"]["after"] < 0.03


def test_the_figures_are_of_all_patients_each_in_its_interval():
    made = outputs()
    facts = facts_of(made, named=True)
    assert facts["beats"] == 4000
    assert np.sum(facts["confusion"]) == 4000
    assert facts["accuracy"] == (made.logits.argmax(1) == made.y).mean()
    for name in ("accuracy", "macro_f1_nsv"):
        low, high = facts["interval"][name]
        assert low <= facts[name] <= high
    assert [fold["patients"] for fold in facts["folds"]] == [
        ["record 0", "record 3"],
        ["record 1", "record 4"],
        ["record 2", "record 5"],
    ]
    assert sum(sum(one["beats"].values()) for one in facts["by_patient"]) == 4000
    assert json.loads(json.dumps(facts)) == facts


def test_names_that_are_not_public_become_numbers():
    facts = facts_of(outputs(), named=False)
    assert "record" not in json.dumps(facts)
    assert [one["patient"] for one in facts["by_patient"]] == list("123456")


def test_outputs_are_written_as_arrays():
    made, file = outputs(), io.BytesIO()
    made.save(file)
    file.seek(0)
    with np.load(file, allow_pickle=False) as arrays:
        assert np.array_equal(arrays["logits"], made.logits)
        assert tuple(arrays["classes"]) == CLASSES


def test_the_card_tells_figures_with_intervals_and_the_temperature(tmp_path):
    facts = facts_of(outputs(scale=2.0), named=False)
    folder = tiny_bundle(tmp_path / "b", held_out=facts)
    card = (folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    score, (low, high) = facts["macro_f1_nsv"], facts["interval"]["macro_f1_nsv"]
    assert f"- Macro F1 over N, S, V: {score:.3f} ({low:.3f}–{high:.3f})" in card
    assert f"{facts['ece']['before']:.3f} before, {facts['ece']['after']:.3f} after" in card
    for heading in ("Intended use", "Training data", "Calibration", "Limits"):
        assert f"## {heading}\n" in card
    assert "not a medical device" in card
    assert load(folder).manifest.training["held_out"]["folds"][0]["patients"] == 2
