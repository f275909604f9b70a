"""Altered stores: what the same change of the recordings themselves would have given."""

from dataclasses import replace

import numpy as np
import pytest
from data_requests import asked

from data_prep.beats.beat_spec import BeatSpec
from data_prep.dsp.filters import condition_parts, resample
from data_prep.io.formats import read_record
from data_prep.io.record import write_record
from data_prep.store import perturbations
from data_prep.store.dataset import open_store
from data_prep.store.prepare import prepare


@pytest.fixture(scope="module")
def store(_small_store):
    return open_store(_small_store, "train")


@pytest.fixture(scope="module")
def recordings(_small_folder):
    return _small_folder


def rows(store, index):
    record = store.records[index]
    return slice(record.offset, record.offset + record.length)


def specs(store):
    spec = BeatSpec(signal=store.signal_spec, reference_beat=True)
    return [spec, replace(spec, baseline="none"), replace(spec, baseline="high-pass", causal=True)]


def test_noise_added_here_is_noise_added_to_the_recording(store, recordings):
    spec = store.signal_spec
    rng = np.random.default_rng(0)
    noise = np.zeros_like(store.signal)
    expected = []
    for index, record in enumerate(store.records):
        raw = read_record(recordings / record.name, leads=spec.leads)
        added = rng.normal(0, 0.3, raw.signal.shape).astype(np.float32)
        passed = resample(added, raw.fs_hz, spec.fs_hz, cutoff_hz=spec.band_hz[1])
        noise[rows(store, index)] = passed
        expected.append(condition_parts(raw.signal + added / 2, raw.fs_hz, spec))
    found = perturbations.noisy(store, noise, 20 * np.log10(2))
    for index, parts in enumerate(expected):
        np.testing.assert_allclose(found.signal[rows(store, index)], parts.signal, atol=1e-5)
        np.testing.assert_allclose(found.baseline()[rows(store, index)], parts.baseline, atol=1e-5)


def test_noise_is_as_strong_as_it_says_and_the_same_each_time(store):
    noise = perturbations.draw(store, "baseline wander", np.random.default_rng(1))
    assert np.array_equal(
        noise, perturbations.draw(store, "baseline wander", np.random.default_rng(1))
    )
    for index in range(len(store.records)):
        signal = store.signal[rows(store, index)]
        peaks = store.beats["position"][store.beats["record"] == index]
        reach = np.arange(-12, 13)
        sizes = np.ptp(signal[peaks[:, None] + reach], axis=1)
        power = np.mean(noise[rows(store, index)] ** 2, axis=0)
        # Wander passes the low-pass as it is.
        np.testing.assert_allclose(power, np.median(sizes, axis=0) ** 2 / 8, rtol=0.02)
    muscle = perturbations.draw(store, "muscle noise", np.random.default_rng(1))
    slow, fast = (np.abs(np.fft.rfft(x[:, 0])) for x in (noise, muscle))
    tenth = len(slow) // 10  # up to about 6 Hz
    assert slow[:tenth].sum() > 5 * slow[tenth:].sum()
    assert fast[:tenth].sum() < 0.1 * fast[tenth:].sum()
    strong, weak = (perturbations.noisy(store, muscle, snr_db).signal for snr_db in (0, 24))
    assert np.std(strong - store.signal) > 10 * np.std(weak - store.signal)


def test_inverted_and_swapped_signals_give_such_beats_however_they_are_cut(store):
    for spec in specs(store):
        clean, down = store.cut(spec), perturbations.inverted(store).cut(spec)
        np.testing.assert_allclose(down.windows, -clean.windows, atol=1e-6)
        np.testing.assert_allclose(down.network_input(), -clean.network_input(), atol=1e-4)
        turned = perturbations.swapped(store).cut(spec)
        np.testing.assert_allclose(turned.windows, clean.windows[:, ::-1], atol=1e-6)
        assert np.array_equal(turned.context, clean.context)
    again = perturbations.swapped(perturbations.swapped(store))
    assert np.array_equal(again.signal, store.signal)


@pytest.mark.parametrize("fs_hz", [125, 250, 500])
def test_another_rate_moves_no_beat_by_more_than_its_samples(store, fs_hz):
    found = perturbations.at_rate(store, fs_hz)
    assert found.signal.shape == store.signal.shape
    for name in ("y", "symbol", "record"):
        assert np.array_equal(found.beats[name], store.beats[name])
    assert np.abs(found.beats["position"] - store.beats["position"]).max() <= 1
    before = np.array([record.fs_hz for record in store.records])[store.beats["record"]]
    late_s = found.beats["sample"] / fs_hz - store.beats["sample"] / before
    assert np.abs(late_s).max() <= 0.5 / fs_hz + 1e-9
    assert {record.fs_hz for record in found.records} == {fs_hz}
    assert np.corrcoef(found.signal[:, 0], store.signal[:, 0])[0, 1] > 0.98
    for spec in specs(store):
        assert len(found.cut(spec)) == len(store.cut(spec))


def test_what_is_missing_stays_missing(small_folder, tmp_path):
    for header in small_folder.glob("*.hea"):
        raw = read_record(small_folder / header.stem, annotator=None)
        raw.signal[1000:2000, 0] = np.nan
        write_record(
            small_folder / header.stem, signal=raw.signal, fs_hz=raw.fs_hz, leads=raw.leads
        )
    prepare(asked("wfdb", small_folder), tmp_path / "store")
    store = open_store(tmp_path / "store", "train")
    noise = perturbations.draw(store, "muscle noise", np.random.default_rng(0))
    for found in (perturbations.noisy(store, noise, 0), perturbations.at_rate(store, 500)):
        one = found.signal[rows(store, 0)]
        assert not one[501:999, 0].any()
        assert one[501:999, 1].any()
        assert np.count_nonzero(one[1100:1600, 0]) > 450  # a median may be the sample itself
