from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ecg_nas.training.config import TrainConfig
from ecg_nas.training.device_data import beat_weights, epoch_steps, epochs, thin


def all_rows(data):
    return np.arange(len(data.labels))


def test_thinning_keeps_every_kth_common_beat_and_all_others(beats):
    rows = all_rows(beats)
    kept = thin(beats, rows, 4)
    assert (np.diff(kept) > 0).all()
    rare = rows[beats.labels != 0]
    assert np.isin(rare, kept).all()
    assert (kept[beats.labels[kept] == 0] == rows[beats.labels == 0][::4]).all()
    assert (thin(beats, rows, 1) == rows).all()


def test_beat_weights_give_each_class_its_mass_whatever_was_thinned(beats):
    rows = all_rows(beats)
    config = TrainConfig(class_mass=0.5, max_weight=1e9)
    for keep_every in (1, 4):
        kept = thin(beats, rows, keep_every)
        weights = beat_weights(beats, rows, kept, config).numpy()
        mass = np.bincount(beats.labels[kept], weights[kept])
        expected = np.sqrt(np.bincount(beats.labels))
        np.testing.assert_allclose(mass / mass.sum(), expected / expected.sum(), rtol=1e-5)
        assert weights[kept].mean() == pytest.approx(1.0, rel=1e-5)
        assert np.delete(weights, kept).sum() == 0


@pytest.mark.parametrize("patient_mass", [1.0, 0.5, 0.0])
def test_within_a_class_patients_weigh_a_power_of_their_beats(beats, patient_mass):
    rng = np.random.default_rng(0)
    uneven = replace(beats, patients=rng.choice(4, len(beats.labels), p=[0.7, 0.2, 0.07, 0.03]))
    rows = all_rows(uneven)[::2]
    kept = thin(uneven, rows, 2)
    config = TrainConfig(patient_mass=patient_mass, max_weight=1e9)
    weights = beat_weights(uneven, rows, kept, config).numpy()
    normal = kept[uneven.labels[kept] == 0]
    mass = np.bincount(uneven.patients[normal], weights[normal])
    expected = np.bincount(uneven.patients[rows[uneven.labels[rows] == 0]]) ** patient_mass
    np.testing.assert_allclose(mass / mass.sum(), expected / expected.sum(), rtol=1e-5)
    alike = beat_weights(uneven, rows, kept, TrainConfig(patient_mass=1, max_weight=1e9)).numpy()
    np.testing.assert_allclose(weights[normal].sum(), alike[normal].sum(), rtol=1e-5)


def test_beat_weights_are_capped_and_an_absent_class_weighs_nothing(beats):
    rows = all_rows(beats)[beats.labels != 4]
    weights = beat_weights(beats, rows, rows, TrainConfig(class_mass=0.0, max_weight=3.0)).numpy()
    assert weights[beats.labels == 4].sum() == 0
    assert weights.max() == 3.0


@given(st.integers(1, 50), st.integers(1, 9), st.integers(1, 4), st.integers(1, 12))
def test_epochs_visit_every_row_equally_often(n, batch, n_epochs, steps):
    rows = np.arange(100, 100 + n)
    config = TrainConfig(batch=batch, epochs=n_epochs)
    drawn = list(epochs(rows, config, steps, torch.Generator().manual_seed(0)))
    assert len(drawn) == n_epochs
    assert all(epoch.shape == (steps, min(batch, n)) for epoch in drawn)
    visits = np.bincount(torch.cat(drawn).flatten().numpy() - 100, minlength=n)
    assert visits.max() - visits.min() <= 1


def test_an_epoch_is_long_enough_for_the_largest_side():
    sides = [np.arange(100), np.arange(65)]
    assert epoch_steps(sides, 32) == 4
