"""What is unreadable, and that clean signals are not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.dsp.filters import condition
from data_prep.dsp.quality import QualityMeter, Segment, inside, spans
from data_prep.dsp.signal_spec import SignalSpec

FS, SECONDS = 250, 60


def heart(seed=0):
    rng = np.random.default_rng(seed)
    time = np.arange(FS * SECONDS) / FS
    beats = np.exp(-(((time % 0.8) - 0.4) ** 2) / 2 / 0.015**2)
    return (np.stack([beats, 0.5 * beats], axis=1) + rng.normal(0, 0.01, (len(time), 2))).astype(
        np.float32
    )


def verdict(signal, piece=None):
    meter = QualityMeter(2, raw_fs_hz=FS, fs_hz=125)
    filtered = condition(signal, FS, SignalSpec())
    for push, values in ((meter.push_raw, signal), (meter.push_filtered, filtered)):
        step = piece or len(values)
        for start in range(0, len(values), step):
            push(values[start : start + step], last=start + step >= len(values))
    return meter.finish(np.array([1.0, 0.5]))


def test_a_clean_signal_is_readable():
    assert verdict(heart()) == ()


@pytest.mark.parametrize("offset_mv", [-3, 2, 25, 300])
def test_short_gaps_are_readable_wherever_the_electrodes_put_the_signal(offset_mv):
    signal = heart() + np.float32(offset_mv)
    for start_s in (10, 20, 31):
        signal[start_s * FS + 30 : start_s * FS + 70] = np.nan
    signal[40 * FS + 7] = np.nan
    assert verdict(signal) == ()


SQUARE = np.where(np.arange(20 * FS) % 100 < 50, 5, -5)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda x, rng: np.full_like(x, np.nan), "missing"),
        (lambda x, rng: np.full_like(x, 0.3), "flat"),
        (lambda x, rng: SQUARE, "saturated"),
        (lambda x, rng: x * 1000, "implausible"),
        (lambda x, rng: x + rng.normal(0, 1, len(x)), "noise"),
    ],
)
def test_a_spoilt_stretch_is_found_in_its_lead_only(spoil, reason):
    signal = heart()
    part = slice(20 * FS, 40 * FS)
    signal[part, 1] = spoil(signal[part, 1], np.random.default_rng(1))
    found = verdict(signal)
    assert {one.lead for one in found} == {1}
    assert reason in {one.reason for one in found}
    ((start, stop),) = spans(found)
    assert abs(start - 20) <= 2
    assert abs(stop - 40) <= 2


def test_a_pause_of_the_heart_and_hum_are_readable():
    signal = heart()
    signal[FS * 20 : FS * 24] = signal[:10].mean()
    time = np.arange(len(signal))[:, None] / FS
    assert verdict(signal + (0.3 * np.sin(2 * np.pi * 60 * time)).astype(np.float32)) == ()
    assert verdict(signal) == ()


@pytest.mark.parametrize("piece", [1, 333, 5000])
def test_the_verdict_does_not_depend_on_the_pieces(piece):
    signal = heart()[: FS * 31 + 77]
    signal[FS * 10 : FS * 17, 0] = 0.1
    signal[FS * 20 : FS * 28] += np.random.default_rng(0).normal(0, 1, (FS * 8, 2))
    assert verdict(signal, piece) == verdict(signal)
    assert verdict(signal)


segments = st.lists(
    st.tuples(st.integers(0, 30), st.integers(1, 10), st.integers(0, 2)), max_size=8
).map(
    lambda rows: [
        Segment(start_s=float(a), stop_s=float(a + n), lead=lead, reason="noise")
        for a, n, lead in rows
    ]
)


@given(segments, st.booleans())
def test_spans_are_where_a_lead_or_all_are_unreadable(found, of_all):
    times = np.arange(0, 45, 0.5) + 0.25
    bad = np.zeros((len(times), 3), dtype=bool)
    for one in found:
        bad[(times >= one.start_s) & (times < one.stop_s), one.lead] = True
    expected = bad.all(axis=1) if of_all else bad.any(axis=1)
    assert (inside(times, spans(found, range(3), of_all=of_all)) == expected).all()


@pytest.mark.real
def test_little_of_the_training_patients_is_lost(mitdb_dir):
    from data_prep.beats.beat_spec import BeatSpec
    from data_prep.beats.normalization import qrs_sizes
    from data_prep.io.formats import open_recording
    from data_prep.streaming.blocks import RecordingReader

    spec = BeatSpec()
    lost = total = 0.0
    for name in ("101", "108", "203"):  # clean, odd, noisy
        recording = open_recording(mitdb_dir / name, leads=spec.signal.leads)
        reader = RecordingReader(recording, spec)
        blocks = list(reader.given(recording.beats("atr")))
        own = np.concatenate([block.windows for block in blocks])
        found = reader.quality.finish(np.median(qrs_sizes(own, spec), axis=0))
        assert not spans(found, [0, 1], of_all=True)
        lost += sum(stop - start for start, stop in spans(found))
        total += recording.duration_s
    assert 0 < lost < 0.02 * total
