from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score, precision_score, recall_score

from data_prep import tasks
from ecg_nas.metrics import classification
from ecg_nas.metrics.calibration import calibration
from ecg_nas.metrics.intervals import patient_intervals

TASK = tasks.load("aami")
CLASSES = TASK.classes
labels = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 3)), min_size=1, max_size=60
)


@given(labels)
def test_figures_equal_scikit_learn(rows):
    y, predicted, _ = np.array(rows).T
    figures = classification.per_class(classification.confusion(y, predicted, 5), CLASSES)
    options = {"labels": range(5), "average": None, "zero_division": np.nan}
    for figure, function in (("se", recall_score), ("ppv", precision_score), ("f1", f1_score)):
        ours = [figures[name][figure] for name in CLASSES]
        np.testing.assert_allclose(
            [np.nan if value is None else value for value in ours],
            function(y, predicted, **options),
        )


@given(labels)
def test_groups_add_up_to_the_whole(rows):
    y, predicted, group = np.array(rows).T
    parts = classification.grouped_confusion(y, predicted, group, groups=4, classes=5)
    whole = classification.confusion(y, predicted, 5)
    np.testing.assert_array_equal(parts.sum(0), whole)
    without = classification.leave_one_out(parts, "abcd", TASK)
    kept = group != 2
    alone = classification.confusion(y[kept], predicted[kept], 5)
    assert without["c"]["per_class"] == classification.per_class(alone, CLASSES)


def test_a_class_that_never_occurs_is_undefined_and_one_never_found_is_zero():
    matrix = classification.confusion(np.array([0, 1, 2]), np.array([0, 0, 2]), 5)
    figures = classification.per_class(matrix, CLASSES)
    assert figures["Q"] == {"se": None, "ppv": None, "f1": None}
    assert figures["S"] == {"se": 0.0, "ppv": None, "f1": 0.0}
    assert classification.macro_f1(matrix, TASK) == pytest.approx((2 / 3 + 0 + 1) / 3)
    no_s = classification.confusion(np.array([0, 2]), np.array([0, 2]), 5)
    assert classification.macro_f1(no_s, TASK) is None


def test_interval_is_wide_when_one_patient_holds_a_class():
    one_each = np.zeros((10, 5, 5), np.int64)
    one_each[:, 0, 0] = 100
    one_each[:, 1, 1], one_each[:, 1, 0], one_each[:, 2, 2] = 9, 1, 10
    carrier = one_each.copy()
    carrier[:, 1] = 0
    carrier[0, 1, 1], carrier[1:, 1, 0] = 90, 1
    narrow, wide = (
        patient_intervals(m, TASK, rng=np.random.default_rng(0), draws=400)
        for m in (one_each, carrier)
    )
    assert narrow["S_se"] == pytest.approx([0.9, 0.9])
    assert wide["S_se"][0] < 0.2 < 0.9 < wide["S_se"][1]
    assert narrow["Q_f1"] is None
    assert narrow["macro_f1_nsv"][0] <= classification.macro_f1(one_each.sum(0), TASK) + 1e-12


def test_calibration_of_an_honest_and_an_overconfident_classifier():
    rng = np.random.default_rng(1)
    stated = rng.uniform(0.5, 1, 20_000)
    probabilities = np.stack([stated, 1 - stated], 1).astype(np.float32)
    honest = (rng.uniform(size=20_000) > stated).astype(int)
    assert calibration(probabilities, honest, ("N", "S"))["ece"] < 0.02
    coin = rng.integers(0, 2, 20_000)
    found = calibration(probabilities, coin, ("N", "S"))
    assert found["ece"] == pytest.approx(0.25, abs=0.02)
    assert sum(part["beats"] for part in found["reliability"]["S"]) == 20_000
