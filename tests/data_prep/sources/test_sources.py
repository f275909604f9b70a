import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from data_requests import asked

from data_prep import sources, tasks
from data_prep.beats.beat_spec import BeatSpec
from data_prep.beats.labels import label, mapping
from data_prep.errors import DataError
from data_prep.io.record import read_annotations
from data_prep.sources.base import cache_folder
from data_prep.sources.mitdb import DS1, DS2, PACED
from data_prep.splits import grouped_folds
from data_prep.store.dataset import open_store
from data_prep.store.plan import make_plan

TASK = tasks.load("aami")


def test_sources_are_the_modules_of_the_folder():
    assert {"mitdb", "wfdb"} <= set(sources.available())
    for name in sources.available():
        source = sources.load(name)
        assert source.name == name
        assert source.description
        assert "standard" in source.splits


def test_the_cache_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.delenv("ECG_NAS_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "ecg-nas"
    monkeypatch.setenv("ECG_NAS_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"
    monkeypatch.delenv("ECG_NAS_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "ecg-nas"


def test_a_folder_that_is_not_mitdb_is_refused(small_folder):
    with pytest.raises(DataError, match="48 are missing: 100, 101"):
        sources.load("mitdb").records(small_folder)


@pytest.mark.real
def test_mitdb_is_found_through_the_environment(monkeypatch, mitdb_dir):
    for value in (mitdb_dir, mitdb_dir.parent):
        monkeypatch.setenv("ECG_NAS_DATA", str(value))
        assert len(sources.load("mitdb").records(None)) == 48


@pytest.mark.real
def test_mitdb_has_the_published_numbers_of_beats(mitdb_store):
    for split, counts, after_5_min in (
        ("train", [45866, 944, 3788, 415, 8], [38012, 894, 3214, 335, 8]),
        ("test", [44259, 1837, 3221, 388, 7], [36926, 1608, 2686, 288, 7]),
    ):
        store = open_store(mitdb_store, split)
        data = store.cut(BeatSpec(signal=store.signal_spec))
        assert np.bincount(data.y, minlength=5).tolist() == counts
        late = data.sample >= 5 * 60 * 360
        assert np.bincount(data.y[late], minlength=5).tolist() == after_5_min
        assert data.patient_names == (DS1 if split == "train" else DS2)
        assert store.manifest["counts"][split] == dict(zip("NSVFQ", counts, strict=True))
        # As bxb counts, from the symbols that the store keeps.
        bxb = label(data.symbol, mapping("bxb", TASK), TASK.classes).y
        expected = {
            "train": ([45834, 976, 3788, 415, 8], [37982, 924, 3214, 335, 8]),
            "test": ([44046, 2050, 3221, 388, 7], [36713, 1821, 2686, 288, 7]),
        }[split]
        assert np.bincount(bxb, minlength=5).tolist() == expected[0]
        assert np.bincount(bxb[late], minlength=5).tolist() == expected[1]


@pytest.mark.real
def test_paced_records_are_left_out_with_their_reason(mitdb_store):
    left_out = open_store(mitdb_store, "train").manifest["left_out"]
    assert [entry["record"] for entry in left_out] == list(PACED)
    assert {entry["reason"] for entry in left_out} == {
        "paced rhythm, outside of the AAMI evaluation"
    }
    assert sum(entry["beats"] for entry in left_out) == 109494 - 51021 - 49712


@pytest.mark.real
def test_leads_of_mitdb_are_by_name(mitdb_store):
    for split in ("train", "test"):
        for record in open_store(mitdb_store, split).records:
            assert record.leads[0] == "MLII"
            assert record.leads[1] in ("V1", "V2", "V4", "V5")
            assert record.invalid_samples == 0


@pytest.mark.real
def test_the_r_peak_is_in_the_middle_of_its_window(mitdb_store):
    store = open_store(mitdb_store, "train")
    spec = BeatSpec(signal=store.signal_spec)
    data = store.cut(spec)
    peak = np.abs(data.windows[data.y == 0, 0]).argmax(axis=1)
    assert (np.abs(peak - spec.before) <= 3).mean() > 0.9
    x = data.network_input()
    assert np.isfinite(x).all()
    # A robust amplitude of 1 for the QRS of a typical beat of every record and lead.
    assert np.median(np.ptp(x, axis=2), axis=0) == pytest.approx(1, abs=0.3)
    assert np.isfinite(data.context).all()


@pytest.mark.real
def test_premature_beats_are_early_in_the_context(mitdb_store):
    for split in ("train", "test"):
        store = open_store(mitdb_store, split)
        data = store.cut(BeatSpec(signal=store.signal_spec, rhythm="patient"))
        pre = data.context[:, 0]
        assert np.median(pre[data.y == 1]) < -0.15 < np.median(pre[data.y == 0])


@pytest.mark.real
@pytest.mark.parametrize("n_folds", [3, 4])
def test_the_carriers_of_rare_classes_are_spread_over_the_folds_of_ds1(mitdb_dir, n_folds):
    y, patient = [], []
    for index, name in enumerate(DS1):
        symbols = read_annotations(mitdb_dir / name, "atr").symbols
        classes = label(symbols, mapping("aami", TASK), TASK.classes).y
        y.append(classes[classes >= 0])
        patient.append(np.full(len(y[-1]), index))
    y, patient = np.concatenate(y), np.concatenate(patient)
    held_out = []
    for seed in range(5):
        fold = grouped_folds(y, patient, n_folds, seed, TASK)
        shares = np.array(
            [
                [(y[fold == f] == c).sum() / (y == c).sum() for c in (0, 1, 2)]
                for f in range(n_folds)
            ]
        )
        # 209 alone has 41 % of the S beats.
        assert shares.max() < 0.45
        assert shares.min() > 0.45 / n_folds
        held_out.append(tuple(fold))
    assert len(set(held_out)) == 5


@pytest.mark.real
def test_the_strict_split_leaves_201_out(mitdb_dir):
    strict = make_plan(asked("mitdb", mitdb_dir, split="strict")).summary()
    standard = make_plan(asked("mitdb", mitdb_dir)).summary()
    assert set(standard["records"]["train"]) - set(strict["records"]["train"]) == {"201"}
    assert standard["records"]["test"] == strict["records"]["test"]
    assert Counter(entry["record"] for entry in strict["left_out"]) == Counter([*PACED, "201"])


@pytest.mark.real
def test_a_lead_that_a_record_of_mitdb_lacks_is_refused(mitdb_dir):
    spec = sources.load("mitdb").signal
    with pytest.raises(DataError, match="must have a lead V5"):
        make_plan(asked("mitdb", mitdb_dir, signal=type(spec)(leads=("MLII", "V5"))))


@pytest.mark.real
def test_mitdb_as_a_folder_of_ones_own(mitdb_dir, tmp_path):
    for name in ("100", "106", "114", "207", "208", "209", "223", "232"):
        for extension in ("hea", "dat", "atr"):
            shutil.copy(mitdb_dir / f"{name}.{extension}", tmp_path)
    manifest = make_plan(asked("wfdb", tmp_path)).summary()
    assert sum(len(names) for names in manifest["records"].values()) == 8
    for side in ("train", "test"):
        assert all(manifest["counts"][side][name] > 0 for name in "NSV")
