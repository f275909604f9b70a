import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.beats.rhythm import FEATURES, rhythm_context


def _column(times, rhythm, name):
    return rhythm_context(np.asarray(times, dtype=float), rhythm)[:, FEATURES[rhythm].index(name)]


def test_a_premature_beat_is_early_and_its_pause_long():
    times = np.cumsum(np.r_[np.full(20, 0.8), 0.5, 1.1, np.full(20, 0.8)])
    pre = _column(times, "patient", "pre/mean-1")
    assert np.argmin(pre) == 20
    assert np.argmax(pre) == 21
    assert np.argmax(_column(times, "patient", "post/mean-1")) == 20
    assert _column(times, "absolute", "pre_s")[20] == pytest.approx(0.5)
    assert _column(times, "absolute", "post_s")[20] == pytest.approx(1.1)
    assert _column(times, "patient", "pre/post-1")[20] == pytest.approx(0.5 / 1.1 - 1)
    assert _column(times, "patient+local", "previous pre/mean-1")[21] == pytest.approx(pre[20])


def test_local_is_the_mean_of_up_to_ten_intervals_before():
    times = np.cumsum(np.random.default_rng(0).uniform(0.4, 1.2, 40))
    intervals = np.diff(times)
    local = _column(times, "absolute", "local_s")
    assert local[0] == local[1] == pytest.approx(intervals.mean())
    for beat in range(2, 40):
        expected = intervals[max(0, beat - 11) : beat - 1].mean()
        assert local[beat] == pytest.approx(expected, rel=1e-6)


def test_a_mean_shows_what_a_median_would_hide():
    # Two of three beats premature, as in a patient whose rhythm is mostly so.
    times = np.cumsum(np.tile([0.6, 0.6, 1.2], 30))
    pre = _column(times, "patient", "pre/mean-1")
    assert (pre[1:] < -0.2).mean() == pytest.approx(2 / 3, abs=0.02)


@pytest.mark.parametrize("rhythm", FEATURES)
@given(gaps=st.lists(st.floats(0, 1e4), max_size=40))
def test_all_features_are_finite_and_clipped(rhythm, gaps):
    context = rhythm_context(np.cumsum(gaps), rhythm)
    assert context.shape == (len(gaps), len(FEATURES[rhythm]))
    assert context.dtype == np.float32
    assert np.isfinite(context).all()
    assert (np.abs(context) <= 3).all()


@pytest.mark.parametrize("rhythm", ["local", "patient", "patient+local"])
def test_relative_features_do_not_depend_on_the_heart_rate(rhythm):
    intervals = np.random.default_rng(1).uniform(0.5, 0.9, 50)
    slow, fast = (rhythm_context(np.cumsum(intervals * f), rhythm) for f in (1.3, 0.8))
    np.testing.assert_allclose(slow, fast, atol=1e-5)
