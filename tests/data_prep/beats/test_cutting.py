import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.beats.beat_spec import BeatSpec
from data_prep.beats.cutting import cut_beats, network_input
from data_prep.beats.normalization import AMPLITUDE_FLOOR_MV
from data_prep.dsp.signal_spec import SignalSpec
from data_prep.errors import DataError

SIGNAL = SignalSpec(fs_hz=100.0)


def _ramp(n_samples=1000):
    """A signal whose value says where it is: lead 0 the sample, lead 1 its negative."""
    line = np.arange(1, n_samples + 1, dtype=np.float32)
    return np.stack([line, -line], axis=1)


def _cut(positions, n_samples=1000, **fields):
    spec = BeatSpec(signal=SIGNAL, before_s=0.1, after_s=0.2, **fields)
    positions = np.asarray(positions, dtype=np.int64)
    return spec, cut_beats(_ramp(n_samples), positions, positions / 100, spec)


def test_the_r_peak_is_at_its_place():
    spec, cut = _cut([500])
    assert (spec.before, spec.samples, spec.channels) == (10, 30, 2)
    assert cut.windows.shape == (1, 2, 30)
    np.testing.assert_array_equal(cut.windows[0, 0], np.arange(491, 521))
    np.testing.assert_array_equal(cut.windows[0, 1], -cut.windows[0, 0])


@given(
    positions=st.lists(st.integers(0, 99), min_size=1, max_size=12).map(sorted),
    n_samples=st.integers(100, 130),
    neighbours=st.integers(0, 2),
)
def test_windows_are_what_a_loop_would_cut(positions, n_samples, neighbours):
    spec, cut = _cut(positions, n_samples, neighbours=neighbours)
    signal = _ramp(n_samples)
    order = [0, *(sign * step for step in range(1, neighbours + 1) for sign in (-1, 1))]
    for beat in range(len(positions)):
        for slot, offset in enumerate(order):
            expected = np.zeros((2, spec.samples), dtype=np.float32)
            if 0 <= beat + offset < len(positions):
                start = positions[beat + offset] - spec.before
                for column in range(spec.samples):
                    if 0 <= start + column < n_samples:
                        expected[:, column] = signal[start + column]
            np.testing.assert_array_equal(cut.windows[beat, 2 * slot : 2 * slot + 2], expected)


def test_scale_is_the_median_peak_to_peak_around_the_r_peak():
    signal = np.zeros((1000, 2), dtype=np.float32)
    positions = np.arange(50, 950, 100)
    signal[positions, 0] = 2
    signal[positions + 3, 0] = -1
    signal[positions[0], 0] = 100  # one artefact does not decide
    spec = BeatSpec(signal=SIGNAL)
    cut = cut_beats(signal, positions, positions / 100, spec)
    np.testing.assert_allclose(cut.scale[0], [3, AMPLITUDE_FLOOR_MV])


def test_the_reference_is_the_median_beat():
    rng = np.random.default_rng(0)
    signal = rng.normal(size=(1000, 2)).astype(np.float32)
    positions = np.arange(100, 900, 37)
    cut = cut_beats(signal, positions, positions / 100, BeatSpec(signal=SIGNAL))
    np.testing.assert_allclose(cut.reference[0], np.median(cut.windows, axis=0))


def test_a_record_without_beats_is_no_trouble():
    spec, cut = _cut([], neighbours=1, reference_beat=True)
    assert cut.windows.shape == (0, 6, 30)
    assert network_input(cut.windows, cut.scale, cut.reference, spec).shape == (0, 8, 30)


def test_a_signal_of_other_leads_is_refused():
    with pytest.raises(DataError, match="2 leads"):
        cut_beats(np.zeros((10, 3), np.float32), np.array([5]), np.array([0.05]), BeatSpec())


def _example(**fields):
    spec = BeatSpec(signal=SIGNAL, before_s=0.1, after_s=0.2, **fields)
    rng = np.random.default_rng(0)
    windows = rng.normal(size=(5, spec.window_channels, spec.samples)).astype(np.float32)
    scale = np.array([[0.5, 2.0]] * 5, dtype=np.float32)
    reference = rng.normal(size=(5, 2, spec.samples)).astype(np.float32)
    return spec, windows, scale, reference


def test_network_input_divides_every_channel_by_its_lead():
    spec, windows, scale, reference = _example(neighbours=1, reference_beat=True)
    x = network_input(windows, scale, reference, spec)
    assert x.shape == (5, 8, 30) == (5, spec.channels, spec.samples)
    for channel in range(6):
        lead = channel % 2
        np.testing.assert_allclose(x[:, channel], windows[:, channel] / scale[0, lead])
    for lead in range(2):
        difference = (windows[:, lead] - reference[:, lead]) / scale[0, lead]
        np.testing.assert_allclose(x[:, 6 + lead], difference)


def test_a_scale_of_the_window_is_that_of_the_beat_itself():
    spec, windows, scale, reference = _example(neighbours=1, scale="window", reference_beat=True)
    x = network_input(windows, scale * 7, reference, spec)
    np.testing.assert_allclose(np.abs(x[:, :2]).max(axis=2), 1)
    amplitude = np.abs(windows[:, :2]).max(axis=2)[:, :, None]
    np.testing.assert_allclose(x[:, 2:4], windows[:, 2:4] / amplitude)
    np.testing.assert_allclose(x[:, 4:6], windows[:, 4:6] / amplitude)
    np.testing.assert_allclose(x[:, 6:], (windows[:, :2] - reference) / amplitude, rtol=1e-5)


@pytest.mark.parametrize("scale", ["record", "window"])
def test_a_flat_lead_is_not_blown_up(scale):
    spec, windows, amplitude, reference = _example(scale=scale)
    windows[:, 1] = 1e-4
    x = network_input(windows, amplitude * [[1, 0]], reference, spec)
    np.testing.assert_allclose(x[:, 1], 1e-4 / AMPLITUDE_FLOOR_MV, rtol=1e-5)


def test_one_record_may_be_given_without_repeating_it():
    spec, windows, scale, reference = _example(reference_beat=True)
    reference[:] = reference[0]
    np.testing.assert_array_equal(
        network_input(windows, scale[0], reference[0], spec),
        network_input(windows, scale, reference, spec),
    )


def test_amplifier_gain_does_not_matter():
    positions = np.arange(100, 900, 37)
    signal = np.random.default_rng(0).normal(size=(1000, 2)).astype(np.float32)
    for scale in ("record", "window"):
        spec = BeatSpec(signal=SIGNAL, scale=scale, reference_beat=True, neighbours=1)
        x = []
        for gain in (1.0, 4.0):
            cut = cut_beats(signal * np.float32(gain), positions, positions / 100, spec)
            x.append(network_input(cut.windows, cut.scale, cut.reference, spec))
        np.testing.assert_allclose(x[0], x[1], atol=1e-5)


specs = st.builds(
    BeatSpec,
    signal=st.builds(
        SignalSpec,
        fs_hz=st.sampled_from([100.0, 125.0, 250.0]),
        leads=st.sampled_from([("II",), ("MLII", "V1/V5"), ("#0", "#1", "#2")]),
        band_hz=st.sampled_from([(0.0, 40.0), (0.5, 30.0), (0.0, 0.0)]),
        baseline=st.sampled_from(["two-median", "none"]),
        mapping=st.sampled_from(["aami", "bxb"]),
    ),
    before_s=st.floats(0.05, 2),
    after_s=st.floats(0.05, 2),
    neighbours=st.integers(0, 2),
    scale=st.sampled_from(["record", "r-peak", "window"]),
    rhythm=st.sampled_from(["absolute", "local", "patient", "patient-median", "patient+local"]),
    reference_beat=st.booleans(),
)


@st.composite
def _any_specs(draw):
    """Specifications that also choose their baseline, and causality where it is allowed."""
    spec = draw(specs)
    if spec.signal.band_hz[0] > 0:
        return spec
    choices = {spec.signal.baseline, "high-pass", "none"}
    causal = spec.neighbours <= 1 and draw(st.booleans())
    return replace(spec, baseline=draw(st.sampled_from(sorted(choices))), causal=causal)


@settings(deadline=None)
@given(spec=_any_specs())
def test_a_specification_survives_json(spec):
    assert BeatSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec
    assert SignalSpec.from_json(json.loads(json.dumps(spec.signal.to_json()))) == spec.signal


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"rhythm": "jazz"}, "rhythm must be one of"),
        ({"scale": "none"}, "scale must be"),
        ({"baseline": "wavelet"}, "baseline must be one of"),
        ({"causal": True, "neighbours": 2}, "at most one neighbour"),
        ({"before_s": 0}, "before_s"),
        ({"after_s": 99}, "after_s"),
        ({"neighbours": -1}, "neighbours"),
        ({"colour": 1}, "got colour"),
        ({"before_s": "wide"}, "BeatSpec must be what"),
        ({"signal": {"fs_hz": 0}}, "fs_hz"),
        ({"signal": {"leads": []}}, "leads"),
        ({"signal": {"band_hz": [0, 90]}}, "band_hz"),
        ({"signal": {"band_hz": [50, 40]}}, "band_hz"),
        ({"signal": {"baseline": "mean"}}, "baseline"),
        ({"signal": {"classes": ["N", "N"]}}, "classes"),
        ({"signal": 3}, "SignalSpec"),
    ],
)
def test_a_specification_that_makes_no_sense_is_refused(fields, message):
    with pytest.raises(DataError, match=message):
        BeatSpec.from_json(fields)
