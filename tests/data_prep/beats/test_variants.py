"""All representations come from one store, as if each had been prepared for itself."""

from dataclasses import replace

import numpy as np
import pytest
from data_requests import asked

from data_prep.beats.beat_spec import BeatSpec
from data_prep.beats.cutting import cut_beats
from data_prep.beats.normalization import AMPLITUDE_FLOOR_MV
from data_prep.dsp.filters import band_pass, condition, resampled_positions
from data_prep.dsp.signal_spec import HIGH_PASS_HZ, SignalSpec
from data_prep.errors import DataError
from data_prep.io.formats import read_record
from data_prep.io.record import write_record
from data_prep.store.dataset import open_store, read_manifest
from data_prep.store.prepare import prepare

ALTERNATIVES = [(name, causal) for name in ("none", "high-pass") for causal in (False, True)]


def _drifting(path):
    """Give a recording a baseline that wanders by several mV."""
    record = read_record(path)
    times = np.arange(len(record.signal)) / record.fs_hz
    drift = 2 * np.sin(2 * np.pi * 0.15 * times) + 1
    write_record(
        path, signal=record.signal + drift[:, None], fs_hz=record.fs_hz, leads=record.leads
    )


@pytest.mark.parametrize(("baseline", "causal"), ALTERNATIVES)
def test_another_baseline_comes_from_the_same_store(small_folder, tmp_path, baseline, causal):
    for index in range(6):
        _drifting(small_folder / f"p{index}")
    prepare(asked("wfdb", small_folder), tmp_path / "store")
    store = open_store(tmp_path / "store", "train")
    spec = BeatSpec(signal=store.signal_spec, baseline=baseline, causal=causal)
    data = store.cut(spec)
    plain = replace(store.signal_spec, baseline="none")
    for index, stored in enumerate(store.records):
        record = read_record(small_folder / stored.name, leads=plain.leads)
        signal = condition(record.signal, record.fs_hz, plain)
        at = resampled_positions(record.beats, record.fs_hz, plain.fs_hz, len(signal))
        if baseline == "high-pass" and not causal:
            signal = band_pass(signal, plain.fs_hz, (HIGH_PASS_HZ, 0))
        if baseline == "high-pass" and causal:
            # Forward only: at the end of the recording, the drift is gone, and the wave is there.
            last = data.windows[data.record == index][-20:]
            assert np.abs(np.median(last, axis=2)).max() < 1
            continue
        cut = cut_beats(signal, at, record.beats / record.fs_hz, replace(spec, signal=plain))
        rows = data.record == index
        np.testing.assert_allclose(data.windows[rows], cut.windows, atol=2e-5)
        np.testing.assert_allclose(
            data.scale[data.level[rows]], cut.scale[cut.level], rtol=1e-4, atol=1e-5
        )


def test_the_default_is_what_the_store_has_done(small_store):
    store = open_store(small_store, "train")
    spec = BeatSpec(signal=store.signal_spec)
    assert spec.baseline == store.signal_spec.baseline == "two-median"
    assert BeatSpec.from_json({"signal": store.signal_spec.to_json()}) == spec
    (small_store / "train" / "baseline.npy").unlink()  # not needed
    assert len(open_store(small_store, "train").cut(spec))


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.unlink(),
        lambda file: file.write_bytes(file.read_bytes()[:-100]),
        lambda file: file.write_bytes(file.read_bytes()[:-4] + b"\1\2\3\4"),
        lambda file: np.save(file, np.zeros((3, 2), np.float32)),
    ],
)
def test_a_damaged_baseline_is_refused_where_it_is_needed(small_store, small_folder, damage):
    before = read_manifest(small_store)
    damage(small_store / "train" / "baseline.npy")
    store = open_store(small_store, "train")
    assert len(store.cut(BeatSpec(signal=store.signal_spec)))
    with pytest.raises(DataError, match=r"baseline.npy must") as caught:
        store.cut(BeatSpec(signal=store.signal_spec, baseline="none"))
    assert "\n" not in str(caught.value)
    # Preparing again mends it.
    assert prepare(asked("wfdb", small_folder), small_store) == before
    assert len(store.cut(BeatSpec(signal=store.signal_spec, baseline="none")))


def test_a_store_without_baseline_removal_has_none_to_give_back(small_folder, tmp_path):
    signal = SignalSpec(leads=("II", "V1"), baseline="none")
    prepare(asked("wfdb", small_folder, signal=signal), tmp_path / "store")
    assert not list((tmp_path / "store").rglob("baseline.npy"))
    store = open_store(tmp_path / "store", "train")
    for baseline in ("none", "high-pass"):
        assert len(store.cut(BeatSpec(signal=signal, baseline=baseline)))
    with pytest.raises(DataError, match="baseline must be one that"):
        BeatSpec(signal=signal, baseline="two-median")
    with pytest.raises(DataError, match="baseline must be one that"):
        BeatSpec(signal=replace(signal, band_hz=(0.5, 40)), baseline="high-pass")


def test_causal_beats_have_levels_of_their_own_record(small_store):
    store = open_store(small_store, "train")
    spec = BeatSpec(signal=store.signal_spec, causal=True, reference_beat=True, neighbours=1)
    data = store.cut(spec)
    owner = {int(level): int(record) for level, record in zip(data.level, data.record, strict=True)}
    assert all(owner[int(v)] == r for v, r in zip(data.level, data.record, strict=True))
    assert len(owner) > len(store.records)
    assert data.network_input().shape == (len(data), spec.channels, spec.samples)
    # The first beat of a record is compared with itself alone.
    first = np.flatnonzero(np.diff(data.record, prepend=-1))
    np.testing.assert_array_equal(data.reference[data.level[first]], data.windows[first, :2])


def test_the_height_of_the_r_peak_is_a_scale_too():
    signal = np.zeros((1000, 2), dtype=np.float32)
    positions = np.arange(50, 950, 100)
    signal[positions + 2, 0] = -2  # the mark is not quite on it
    signal[positions + 9, 0] = 3
    spec = BeatSpec(signal=SignalSpec(fs_hz=100.0), scale="r-peak")
    cut = cut_beats(signal, positions, positions / 100, spec)
    np.testing.assert_allclose(cut.scale[0], [2, AMPLITUDE_FLOOR_MV])
    wide = cut_beats(signal, positions, positions / 100, replace(spec, scale="record"))
    np.testing.assert_allclose(wide.scale[0], [5, AMPLITUDE_FLOOR_MV])


@pytest.mark.real
def test_every_representation_of_mitdb_comes_from_one_store(mitdb_store):
    store = open_store(mitdb_store, "train")
    narrow = BeatSpec(signal=store.signal_spec)
    for fields in (
        {},
        {"baseline": "high-pass"},
        {"baseline": "none", "scale": "window"},
        {"causal": True, "reference_beat": True, "rhythm": "all"},
        {"neighbours": 1, "scale": "r-peak", "rhythm": "patient-median"},
    ):
        data = store.cut(replace(narrow, **fields))
        assert data.windows.shape[0] == len(data.context) == 51021
        assert np.isfinite(data.windows).all()
        assert np.isfinite(data.context).all()
        # Premature beats are early, whatever the level is made of.
        if "rhythm" not in fields:
            pre = data.context[:, 0]
            assert np.median(pre[data.y == 1]) < -0.1 < np.median(pre[data.y == 0])
