import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.dsp.filters import condition
from data_prep.dsp.gaps import Before, bridge_samples, fill, lengths
from data_prep.dsp.signal_spec import SignalSpec

NAN = np.nan


def _filled(*values, fs_hz=75.0):
    """Fill one lead; 3 samples are short at this rate."""
    out, long = fill(np.array(values, dtype=np.float32)[:, None], fs_hz)
    return out[:, 0].tolist(), long[:, 0].tolist()


def test_a_short_gap_becomes_a_line():
    assert _filled(1, NAN, NAN, NAN, 5) == ([1, 2, 3, 4, 5], [False] * 5)


def test_a_long_gap_keeps_the_last_value_and_near_its_end_takes_the_next():
    values, long = _filled(1, *[NAN] * 6, 5)
    assert values == [1, 1, 1, 1, 5, 5, 5, 5]
    assert long == [False, *[True] * 6, False]


def test_at_the_ends_of_a_recording_there_is_one_neighbour_only():
    assert _filled(NAN, 2, NAN, NAN) == ([2, 2, 2, 2], [False] * 4)
    assert _filled(*[NAN] * 5, 2) == ([0, 0, 2, 2, 2, 2], [*[True] * 5, False])
    assert _filled(*[NAN] * 5) == ([0] * 5, [True] * 5)


def test_a_signal_without_gaps_is_left_alone():
    signal = np.ones((9, 2), dtype=np.float32)
    assert fill(signal, 100)[0] is signal


def test_lengths_are_counted_lead_by_lead():
    signal = np.zeros((1000, 2), dtype=np.float32)
    signal[10:13, 0] = signal[500:600, 0] = signal[7:9, 1] = NAN
    bridged, zeroed = lengths(signal, 100)
    assert (bridged.tolist(), zeroed.tolist()) == ([3, 2], [100, 0])


@settings(deadline=None)
@given(data=st.data(), fs_hz=st.sampled_from([50.0, 75.0, 100.0, 250.0]))
def test_pieces_are_filled_as_the_whole_is(data, fs_hz):
    numbers = st.one_of(st.just(NAN), st.floats(-5, 5, width=32))
    rows = data.draw(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=60))
    signal = np.array(rows, dtype=np.float32)
    whole, whole_long = fill(signal, fs_hz)
    limit = bridge_samples(fs_hz)
    state, start = Before.nothing(2), 0
    while start < len(signal):
        stop = data.draw(st.integers(start + 1, len(signal)))
        # What may be known when `limit` samples more have come.
        part, long = fill(signal[start : stop + limit], fs_hz, state)
        n = len(signal) - start if stop + limit >= len(signal) else stop - start
        np.testing.assert_array_equal(part[:n], whole[start : start + n])
        np.testing.assert_array_equal(long[:n], whole_long[start : start + n])
        state = state.after(signal[start : start + n])
        start += n


@pytest.mark.parametrize("fs_hz", [125.0, 128.0, 360.0])
def test_what_lay_in_a_long_gap_is_zero_and_nothing_rings_around_it(fs_hz):
    n = int(20 * fs_hz)
    # On a slope of 1 mV a second, the values before and after a gap of 3 s lie far apart.
    signal = np.tile((np.arange(n) / fs_hz)[:, None], 2).astype(np.float32)
    start, stop = int(5 * fs_hz), int(8 * fs_hz)
    signal[start:stop, 0] = NAN
    out = condition(signal, fs_hz, SignalSpec())
    inside = slice((5 * 125) + 1, (8 * 125) - 1)
    assert not out[inside, 0].any()
    # Away from the gap by the reach of both medians, nothing has changed.
    far = np.r_[100 : 5 * 125 - 60, 8 * 125 + 60 : 19 * 125]
    np.testing.assert_allclose(out[far, 0], out[far, 1], atol=1e-5)
