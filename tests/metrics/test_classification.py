from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, f1_score, precision_score, recall_score

from data_prep import tasks
from ecg_nas.metrics.classification import confusion, macro_f1, per_class

TASK = tasks.load("aami")
CLASSES = TASK.classes
LABELS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60)


@given(LABELS)
def test_figures_agree_with_scikit_learn(pairs):
    y, predicted = np.array(pairs, dtype=np.int64).T
    counts = confusion(y, predicted, 5)
    assert (counts == confusion_matrix(y, predicted, labels=range(5))).all()
    figures = per_class(counts, CLASSES)
    for name, function in (("se", recall_score), ("ppv", precision_score), ("f1", f1_score)):
        theirs = function(y, predicted, labels=range(5), average=None, zero_division=np.nan)
        ours = [np.nan if (v := figures[c][name]) is None else v for c in CLASSES]
        np.testing.assert_allclose(ours, theirs)


def test_macro_f1_is_the_mean_over_n_s_v_and_counts_confusions_with_the_others():
    counts = np.zeros((5, 5), dtype=np.int64)
    counts[0] = [8, 2, 0, 0, 0]
    counts[1] = [1, 3, 0, 0, 0]
    counts[2] = [0, 0, 5, 0, 0]
    counts[3] = [0, 0, 5, 0, 0]  # fusion beats called V lower V's F1
    expected = np.mean([2 * 8 / (10 + 9), 2 * 3 / (4 + 5), 2 * 5 / (5 + 10)])
    assert macro_f1(counts, TASK) == pytest.approx(expected)


def test_a_class_never_found_counts_as_zero_and_without_one_that_is_not_there_is_no_mean():
    counts = np.zeros((5, 5), dtype=np.int64)
    counts[0, 0] = 10
    counts[1, 0] = 10
    of_n_and_s = replace(
        TASK, kinds=tuple(replace(kind, is_scored=kind.letter in "NS") for kind in TASK.kinds)
    )
    assert macro_f1(counts, of_n_and_s) == pytest.approx((2 / 3 + 0) / 2)
    assert macro_f1(counts, TASK) is None
    assert macro_f1(np.zeros((5, 5), dtype=np.int64), TASK) is None
