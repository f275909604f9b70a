import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from data_prep import tasks
from data_prep.errors import DataError
from data_prep.sources.mitdb import DS1, DS2, PACED
from data_prep.splits import (
    grouped_folds,
    read_split,
    refuse_overlap,
    stratified_halves,
)

TASK = tasks.load("aami")


def _patients(counts):
    """Beats of patients with the given numbers of N, S and V."""
    y = np.concatenate([np.repeat([0, 1, 2], of) for of in counts]).astype(np.int64)
    patient = np.repeat(np.arange(len(counts)), [sum(of) for of in counts])
    return y, patient


def test_the_standard_split_is_of_48_different_records():
    assert (len(DS1), len(DS2), len(PACED)) == (22, 22, 4)
    assert len({*DS1, *DS2, *PACED}) == 48


@settings(deadline=None)
@given(
    counts=st.lists(
        st.tuples(st.integers(1, 50), st.integers(0, 9), st.integers(0, 9)), min_size=4, max_size=12
    ),
    n_folds=st.integers(2, 4),
    seed=st.integers(0, 2**31),
)
def test_folds_keep_patients_whole_and_every_class_in_training(counts, n_folds, seed):
    carriers = (np.array(counts)[:, 1:] > 0).sum(axis=0)
    assume((carriers != 1).all())
    y, patient = _patients(counts)
    fold = grouped_folds(y, patient, n_folds, seed, TASK)
    assert fold.shape == y.shape
    assert set(fold) == set(range(n_folds))
    for name in np.unique(patient):
        assert len(set(fold[patient == name])) == 1
    for held_out in range(n_folds):
        assert set(y[fold != held_out]) == set(y)


def test_a_seed_repeats_its_folds_and_another_deals_others():
    rng = np.random.default_rng(0)
    y, patient = _patients(rng.integers(1, 100, (20, 3)).tolist())
    first = grouped_folds(y, patient, 3, 1, TASK)
    np.testing.assert_array_equal(first, grouped_folds(y, patient, 3, 1, TASK))
    assert any((first != grouped_folds(y, patient, 3, seed, TASK)).any() for seed in (2, 3))


def test_folds_do_not_depend_on_the_numbers_of_the_patients():
    y, patient = _patients([(30, 3, 2), (20, 0, 9), (50, 6, 1), (10, 2, 2)])
    np.testing.assert_array_equal(
        grouped_folds(y, patient, 2, 0, TASK), grouped_folds(y, patient * 10 + 7, 2, 0, TASK)
    )


@pytest.mark.parametrize(
    ("counts", "n_folds", "message"),
    [
        ([(9, 1, 1)] * 3, 4, "from 2 to the number"),
        ([(9, 1, 1)] * 3, 1, "from 2 to the number"),
        ([(9, 1, 1), (9, 0, 1), (9, 0, 1)], 2, "S occurs in 1"),
        ([(9, 1, 0), (9, 1, 0), (9, 1, 8)], 3, "V occurs in 1"),
    ],
)
def test_folds_that_cannot_be_dealt_are_refused(counts, n_folds, message):
    with pytest.raises(DataError, match=message):
        grouped_folds(*_patients(counts), n_folds, 0, TASK)


def test_halves_carry_every_class_and_repeat():
    rng = np.random.default_rng(3)
    patients = {
        f"p{i}": {"N": int(rng.integers(50, 99)), "S": 3 * (i % 3 == 0), "V": 5 * (i % 4 == 0)}
        for i in range(12)
    }
    side = stratified_halves(patients, 0, TASK)
    assert side == stratified_halves(patients, 0, TASK)
    for half in ("train", "test"):
        for name in "NSV":
            assert any(patients[p][name] for p in side if side[p] == half)


def test_a_patient_on_both_sides_is_refused():
    refuse_overlap(["a"], ["b"])
    with pytest.raises(DataError, match="on both are b"):
        refuse_overlap(["a", "b"], ["b", "c"])


def test_a_users_split_is_read_and_who_is_not_named_is_left_out(tmp_path):
    file = tmp_path / "split.toml"
    file.write_text('train = ["a", "b"]\ntest = ["c"]\n')
    assignment = read_split(file, ["a", "b", "c", "d"])
    assert assignment.side == {"a": "train", "b": "train", "c": "test"}
    assert assignment.left_out == {"d": "not named in split.toml"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train = [", "readable TOML"),
        ('train = ["a"]', "test is missing"),
        ('train = "a"\ntest = ["b"]', "train is not such a list"),
        ('train = ["a"]\ntest = []', "test is not such a list"),
        ('train = ["a"]\ntest = ["a"]', "on both are a"),
        ('train = ["a"]\ntest = ["z"]', "there is no z"),
    ],
)
def test_a_bad_split_file_is_refused(tmp_path, text, message):
    file = tmp_path / "split.toml"
    file.write_text(text)
    with pytest.raises(DataError, match=message):
        read_split(file, ["a", "b"])
