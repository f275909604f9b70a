import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecg_nas.errors import ConfigError
from ecg_nas.evaluation.config import EarlyConfig
from ecg_nas.evaluation.curve_extrapolation import predicted_score, reading


@given(
    a=st.floats(0.3, 0.95),
    b=st.floats(0.0, 0.3),
    rate=st.floats(0.1, 2.5),
    done=st.integers(4, 12),
)
def test_a_curve_of_that_form_is_read_exactly(a, b, rate, done):
    curve = [a - b * np.exp(-rate * epoch) for epoch in range(1, done + 1)]
    # The grid of decays is coarse; beyond the data that costs little of what is left to gain.
    expected = a - b * np.exp(-rate * 20)
    assert reading(curve, 20) == pytest.approx(expected, abs=0.01 + 0.1 * (expected - curve[-1]))


@given(st.lists(st.floats(0, 1), min_size=3, max_size=20), st.integers(1, 50))
def test_a_reading_is_a_score(curve, at):
    assert 0 <= reading(curve, at) <= 1


def test_scores_that_fall_give_their_mean():
    assert reading([0.7, 0.6, 0.5], 10) == pytest.approx(0.6)


def test_readings_must_agree():
    config = EarlyConfig(mode="stop", tolerance=0.01)
    flat = [0.6] * 5
    assert predicted_score(flat[:4], 10, config) is None  # two readings only
    assert predicted_score(flat, 10, config) == pytest.approx(0.6)
    assert predicted_score([0.2, 0.5, 0.4, 0.7, 0.5], 10, config) is None


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"first": 2}, "early.first must be 3 or more; got 2"),
        ({"agree": 0}, "early.agree must be 1 or more; got 0"),
        ({"tolerance": 2.0}, "early.tolerance must be from 0 to 1; got 2.0"),
    ],
)
def test_settings_are_checked(setting, message):
    with pytest.raises(ConfigError, match=message):
        EarlyConfig(**setting)
