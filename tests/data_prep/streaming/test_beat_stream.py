"""Causal beats: only the past and one beat ahead, in one piece or in many."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.beats.baseline import with_baseline
from data_prep.beats.beat_spec import BeatSpec
from data_prep.beats.cutting import cut_beats, network_input
from data_prep.beats.normalization import MEMORY, RENEWAL, running_levels
from data_prep.beats.rhythm import LEVEL_INTERVALS, feature_names, rhythm_context, running_context
from data_prep.dsp.filters import condition_parts, resampled_positions
from data_prep.dsp.signal_spec import SignalSpec
from data_prep.errors import DataError
from data_prep.streaming.beat_stream import BeatStream, FilterStream

SIGNAL = SignalSpec(leads=("II", "V1"))
SPECS = {
    "as stored": BeatSpec(signal=SIGNAL, causal=True, reference_beat=True),
    "neighbours": BeatSpec(
        signal=SIGNAL, causal=True, neighbours=1, scale="r-peak", rhythm="patient+local"
    ),
    "high-pass": BeatSpec(
        signal=SIGNAL, causal=True, baseline="high-pass", scale="window", rhythm="all"
    ),
    "no baseline": BeatSpec(signal=SIGNAL, causal=True, baseline="none", before_s=1, after_s=1),
    "a plain store": BeatSpec(
        signal=replace(SIGNAL, baseline="none", fs_hz=100.0, band_hz=(0.0, 0.0)),
        causal=True,
        reference_beat=True,
        rhythm="patient-median",
    ),
}


def _recording(seed, fs_hz, n_beats=30, *, gap=True):
    """A wandering signal of two leads with bumps for beats, and a gap."""
    rng = np.random.default_rng(seed)
    beats = np.cumsum(np.clip(rng.normal(0.8, 0.2, n_beats), 0.25, 2)) * fs_hz
    beats = np.rint(beats).astype(np.int64)
    n_samples = int(beats[-1] + rng.integers(1, fs_hz))
    times = np.arange(n_samples)[:, None]
    bumps = np.exp(-(((times - beats) / (0.02 * fs_hz)) ** 2)).sum(axis=1, keepdims=True)
    signal = bumps * [1, -0.5] + np.cumsum(rng.normal(0, 0.01, (n_samples, 2)), axis=0)
    if gap:
        start = int(rng.integers(0, n_samples))
        signal[start : start + int(rng.integers(1, fs_hz)), 0] = np.nan
    return signal.astype(np.float32), beats


def _at_once(signal, beats, fs_hz, spec):
    parts = condition_parts(signal, fs_hz, spec.signal)
    filtered = with_baseline(parts.signal, parts.baseline, spec)
    positions = resampled_positions(beats, fs_hz, spec.signal.fs_hz, len(filtered))
    return cut_beats(filtered, positions, beats / fs_hz, spec)


def _equal(streamed, whole):
    np.testing.assert_array_equal(np.concatenate([c.windows for c in streamed]), whole.windows)
    np.testing.assert_array_equal(np.concatenate([c.context for c in streamed]), whole.context)
    for name in ("scale", "reference"):
        of_beat = np.concatenate([getattr(c, name)[c.level] for c in streamed])
        np.testing.assert_array_equal(of_beat, getattr(whole, name)[whole.level])


@settings(max_examples=40, deadline=None)
@given(
    data=st.data(),
    seed=st.integers(0, 2**16),
    fs_hz=st.sampled_from([100.0, 125.0, 250.0, 257.0, 360.0]),
    name=st.sampled_from(sorted(SPECS)),
)
def test_pieces_give_the_numbers_of_the_whole(data, seed, fs_hz, name):
    spec = SPECS[name]
    signal, beats = _recording(seed, fs_hz)
    whole = _at_once(signal, beats, fs_hz, spec)
    cuts = data.draw(st.lists(st.integers(0, len(signal)), max_size=12).map(sorted))
    known = data.draw(st.lists(st.integers(0, len(beats)), min_size=len(cuts), max_size=len(cuts)))
    stream = BeatStream(spec, fs_hz)
    pieces, at, given_beats = [], 0, 0
    for cut, n_known in zip(cuts, sorted(known), strict=True):
        # Beats may become known long before or after their samples.
        pieces.append(stream.push(signal[at:cut], beats[given_beats:n_known]))
        at, given_beats = cut, n_known
    pieces.append(stream.push(signal[at:], beats[given_beats:]))
    pieces.append(stream.finish())
    _equal([piece.cut for piece in pieces], whole)
    np.testing.assert_array_equal(np.concatenate([piece.samples for piece in pieces]), beats)


@pytest.mark.parametrize("name", SPECS)
def test_sample_by_sample_each_beat_comes_when_it_should(name):
    fs_hz, spec = 125.0, SPECS[name]
    signal, beats = _recording(5, fs_hz, 8, gap=False)
    stream = BeatStream(spec, fs_hz)
    came_at, pieces = [], []
    for at in range(len(signal)):
        piece = stream.push(signal[at : at + 1], beats[beats == at])
        came_at += [at] * len(piece.samples)
        pieces.append(piece.cut)
    pieces.append(stream.finish().cut)
    _equal(pieces, _at_once(signal, beats, fs_hz, spec))
    for beat, came in enumerate(came_at):
        following = beats[beat + 1]
        over = (following if spec.neighbours else beats[beat]) + spec.after_s * fs_hz
        due = max(following, over + spec.signal.look_ahead_s * fs_hz)
        assert came <= due + 2
    assert len(came_at) >= 5


@pytest.mark.parametrize("name", SPECS)
def test_what_comes_after_one_beat_and_the_look_ahead_changes_nothing(name):
    fs_hz, spec = 250.0, SPECS[name]
    signal, beats = _recording(1, fs_hz, 60)
    whole = _at_once(signal, beats, fs_hz, spec)
    for beat in (3, 20, 21, 40):
        reach = beat + 1 if spec.neighbours else beat
        end = int(beats[reach] + (spec.after_s + spec.signal.look_ahead_s) * fs_hz) + 4
        end = max(end, int(beats[beat + 1]) + 1)
        other = signal.copy()
        other[end:] = np.random.default_rng(2).normal(0, 5, other[end:].shape)
        others = np.r_[beats[: beat + 2], beats[beat + 2 :: 3]]
        changed = _at_once(other, others, fs_hz, spec)
        for cut in (whole, changed):
            assert len(cut.windows) > beat
        np.testing.assert_array_equal(changed.windows[beat], whole.windows[beat])
        np.testing.assert_array_equal(changed.context[beat], whole.context[beat])
        for field in ("scale", "reference"):
            np.testing.assert_array_equal(
                getattr(changed, field)[changed.level[beat]],
                getattr(whole, field)[whole.level[beat]],
            )


@pytest.mark.parametrize("baseline", ["two-median", "none"])
@pytest.mark.parametrize("fs_hz", [125.0, 250.0, 360.0, 1000.0])
def test_filters_look_no_further_ahead_than_they_say(baseline, fs_hz):
    spec = replace(SIGNAL, baseline=baseline)
    assert spec.look_ahead_s == pytest.approx(0.5 if baseline == "two-median" else 0.1)
    signal, _ = _recording(3, fs_hz)
    out = condition_parts(signal, fs_hz, spec).signal
    middle = len(signal) // 2
    signal[middle:] = np.nan
    changed = condition_parts(signal, fs_hz, spec).signal
    same = int((middle / fs_hz - spec.look_ahead_s) * spec.fs_hz)
    np.testing.assert_array_equal(changed[:same], out[:same])
    assert (changed[same : same + 70] != out[same : same + 70]).any()


def test_a_high_pass_of_zero_phase_is_not_causal():
    spec = SignalSpec(band_hz=(0.5, 40.0))
    assert spec.look_ahead_s == np.inf
    with pytest.raises(DataError, match="without high-pass"):
        BeatSpec(signal=spec, causal=True)
    with pytest.raises(DataError, match="no high-pass"):
        FilterStream(spec, 250)


def test_two_neighbours_are_not_causal():
    with pytest.raises(DataError, match="at most one neighbour"):
        BeatSpec(causal=True, neighbours=2)
    with pytest.raises(DataError, match="must be causal"):
        BeatStream(BeatSpec(), 250)


def test_the_level_is_the_median_of_the_beats_before():
    spec = BeatSpec(signal=SIGNAL, causal=True, reference_beat=True)
    own = np.random.default_rng(0).normal(size=(200, 2, spec.samples)).astype(np.float32)
    levels = running_levels(own, spec)
    for beat in (0, 5, RENEWAL - 1):
        expected = np.median(own[: beat + 1], axis=0)
        np.testing.assert_allclose(levels.reference[levels.level[beat]], expected)
    for beat in (RENEWAL, 40, 100, 199):
        start = beat - beat % RENEWAL
        before = own[max(start - MEMORY, 0) : start]
        level = levels.level[beat]
        np.testing.assert_allclose(levels.reference[level], np.median(before, axis=0))
        middle = before[:, :, spec.before - 12 : spec.before + 13]
        height = np.median(np.ptp(middle, axis=2), axis=0)
        np.testing.assert_allclose(levels.scale[level], height)


@pytest.mark.parametrize("n_beats", [0, 1, 2, 3, 40, LEVEL_INTERVALS + 200])
def test_the_running_rhythm_is_what_its_text_says(n_beats):
    times = np.cumsum(np.random.default_rng(n_beats).uniform(0.4, 1.2, n_beats))
    found = running_context(times, "all")
    names = feature_names("all", causal=True)
    assert "next post/mean-1" not in names
    assert found.shape == (n_beats, len(names))
    intervals = np.diff(times)
    for beat in {0, 1, 2, n_beats // 2, n_beats - 2, n_beats - 1} & set(range(n_beats)):
        level = intervals[: beat + 1][-LEVEL_INTERVALS:]
        mean = level.mean() if len(level) else 0.8
        median = np.median(level) if len(level) else 0.8
        pre = intervals[beat - 1] if beat else mean
        post = intervals[beat] if beat < n_beats - 1 else mean
        local = intervals[max(beat - 11, 0) : max(beat - 1, 0)]
        local = local.mean() if len(local) else mean
        row = dict(zip(names, found[beat], strict=True))
        assert row["pre_s"] == pytest.approx(pre, rel=1e-6)
        assert row["post_s"] == pytest.approx(post, rel=1e-6)
        for name, value in {
            "pre/mean-1": pre / mean,
            "post/median-1": post / median,
            "pre/local-1": pre / local,
            "pre/post-1": pre / post,
        }.items():
            assert row[name] == pytest.approx(value - 1, rel=1e-5, abs=1e-6)
        previous = intervals[beat - 2] if beat > 1 else mean
        assert row["previous pre/mean-1"] == pytest.approx(previous / mean - 1, rel=1e-5, abs=1e-6)


def test_causal_or_not_a_regular_rhythm_looks_the_same():
    times = np.arange(50) * 0.8
    names = feature_names("patient", causal=True)
    assert names == feature_names("patient")
    np.testing.assert_allclose(
        running_context(times, "patient"), rhythm_context(times, "patient"), atol=1e-6
    )


def test_a_stream_without_beats_or_signal_gives_none():
    for signal in (np.zeros((0, 2), np.float32), np.zeros((1000, 2), np.float32)):
        stream = BeatStream(SPECS["as stored"], 250)
        assert len(stream.push(signal).samples) == 0
        rest = stream.finish().cut
        x = network_input(rest.windows, rest.scale, rest.reference, SPECS["as stored"])
        assert x.shape == (0, 4, SPECS["as stored"].samples)


def test_a_long_stream_does_not_pile_up():
    fs_hz, spec = 250.0, SPECS["neighbours"]
    signal, beats = _recording(9, fs_hz, 300)
    stream = BeatStream(spec, fs_hz)
    sizes = []
    for start in range(0, len(signal), 500):
        inside = (beats >= start) & (beats < start + 500)
        stream.push(signal[start : start + 500], beats[inside])
        sizes.append(len(stream._signal) + len(stream._filter._filled))
    assert max(sizes) < 8 * fs_hz
