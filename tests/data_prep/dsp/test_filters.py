import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.dsp.filters import (
    band_pass,
    bridge_gaps,
    condition,
    resample,
    resampled_length,
    resampled_positions,
    two_median_baseline,
)
from data_prep.dsp.signal_spec import SignalSpec


@settings(max_examples=40, deadline=None)
@given(
    n_samples=st.integers(2, 3000),
    fs_from=st.sampled_from([100.0, 125.0, 128.0, 250.0, 257.0, 360.0, 500.0, 977.5, 1000.0]),
    fs_to=st.sampled_from([100.0, 125.0, 250.0]),
)
def test_the_length_is_known_beforehand_and_positions_stay_inside(n_samples, fs_from, fs_to):
    signal = np.ones((n_samples, 2), dtype=np.float32)
    out = resample(signal, fs_from, fs_to)
    assert out.dtype == np.float32
    assert len(out) == resampled_length(n_samples, fs_from, fs_to)
    positions = resampled_positions(np.arange(n_samples), fs_from, fs_to, len(out))
    assert positions.min() >= 0
    assert positions.max() < len(out)
    inner = np.rint(np.arange(n_samples) * fs_to / fs_from)
    assert np.abs(positions - inner).max() <= 1


@pytest.mark.parametrize("fs_hz", [128.0, 250.0, 360.0, 1000.0])
def test_a_peak_stays_where_its_position_says(fs_hz):
    times = np.arange(int(60 * fs_hz)) / fs_hz
    peaks = np.arange(1, 59, 0.73)
    signal = np.exp(-(((times[:, None] - peaks) / 0.03) ** 2)).sum(axis=1, keepdims=True)
    spec = SignalSpec(leads=("II",))
    out = condition(signal.astype(np.float32), fs_hz, spec)
    at = resampled_positions(np.rint(peaks * fs_hz), fs_hz, spec.fs_hz, len(out))
    for position in at:
        around = out[position - 15 : position + 16, 0]
        assert abs(int(np.argmax(around)) - 15) <= 1


def test_the_baseline_goes_and_the_wave_stays():
    fs_hz = 125.0
    times = np.arange(int(30 * fs_hz)) / fs_hz
    drift = 0.8 * np.sin(2 * np.pi * 0.1 * times) + 2
    wave = sum(np.exp(-(((times - beat) / 0.02) ** 2)) for beat in np.arange(1, 29, 0.9))
    signal = (drift + wave)[:, None].astype(np.float32)
    baseline = two_median_baseline(signal, fs_hz)[:, 0]
    middle = slice(100, -100)
    assert np.abs(baseline - drift)[middle].max() < 0.1
    assert np.abs(signal[:, 0] - baseline - wave)[middle].max() < 0.1


def test_the_band_is_kept_and_mains_hum_is_not():
    fs_hz = 250.0
    times = np.arange(int(10 * fs_hz)) / fs_hz
    for hz, gain in ((10.0, 1.0), (60.0, 0.0), (0.1, 0.0)):
        signal = np.sin(2 * np.pi * hz * times)[:, None].astype(np.float32)
        out = band_pass(signal, fs_hz, (0.5, 40.0))[500:-500]
        assert np.abs(out).max() == pytest.approx(gain, abs=0.1)


def test_no_baseline_and_no_band_leaves_the_signal():
    signal = np.random.default_rng(0).normal(size=(500, 2)).astype(np.float32)
    spec = SignalSpec(fs_hz=250, baseline="none", band_hz=(0.0, 0.0))
    np.testing.assert_array_equal(condition(signal, 250, spec), signal)


def test_gaps_are_bridged_and_a_dead_lead_is_flat():
    signal = np.array([[np.nan, np.nan], [1, np.nan], [np.nan, np.nan], [3, np.nan]], np.float32)
    assert bridge_gaps(signal).tolist() == [[1, 0], [1, 0], [2, 0], [3, 0]]
    assert np.isnan(signal[0, 0])
    assert np.isfinite(condition(signal, 250, SignalSpec())).all()


@pytest.mark.parametrize("n_samples", [1, 2, 5, 40])
def test_very_short_records_are_no_trouble(n_samples):
    out = condition(np.ones((n_samples, 2), dtype=np.float32), 360, SignalSpec(band_hz=(0.5, 40)))
    assert np.isfinite(out).all()
    assert len(out) == resampled_length(n_samples, 360, 125)
