"""Who looked at test patients: kept with the data, and nothing of what they saw in the bundle."""

import shutil

import pytest
from data_requests import asked

from data_prep.errors import DataError
from data_prep.events import ignore
from data_prep.store.dataset import open_store
from data_prep.store.prepare import prepare
from ecg_nas.assessment import test_set_ledger
from ecg_nas.assessment.evaluate import evaluate
from ecg_nas.bundle.manifest import load
from ecg_nas.runs.data import store_folder


def test_preparing_again_keeps_the_openings(bundle_folder, store, recordings):
    evaluate(load(bundle_folder), store)
    noted = test_set_ledger.read(store)
    prepare(asked("wfdb", recordings), store)
    assert test_set_ledger.read(store) == noted
    (store / "test" / "signal.npy").write_bytes(b"damaged")
    with pytest.raises(DataError):
        open_store(store, "test")
    prepare(asked("wfdb", recordings), store)  # replaces the damaged store
    open_store(store, "test")
    assert test_set_ledger.read(store) == noted
    assert evaluate(load(bundle_folder), store)["protocol"]["test_openings"] == 2


def test_moved_recordings_are_still_those_that_were_looked_at(
    bundle_folder, recordings, tmp_path, monkeypatch
):
    monkeypatch.setenv("ECG_NAS_CACHE", str(tmp_path / "cache"))
    moved = shutil.copytree(recordings, tmp_path / "moved")
    folders = [store_folder(asked(records=place), ignore) for place in (recordings, moved)]
    assert folders[0] != folders[1]
    bundle = load(bundle_folder)
    looks = [evaluate(bundle, folder)["protocol"]["test_openings"] for folder in folders]
    assert looks == [1, 2]
    shutil.rmtree(folders[1])  # the cache may be cleared of stores
    folder = store_folder(asked(records=moved), ignore)
    assert evaluate(bundle, folder)["protocol"]["test_openings"] == 3


def test_an_evaluation_leaves_no_trace_in_the_bundle(bundle_folder, store, tmp_path):
    copy = shutil.copytree(bundle_folder, tmp_path / "copy")
    before = {path.name: path.read_bytes() for path in copy.iterdir()}
    evaluate(load(copy), store)
    evaluate(load(copy), store, beats="detected")
    assert {path.name: path.read_bytes() for path in copy.iterdir()} == before


def test_another_copy_of_the_bundle_is_the_same_candidate(bundle_folder, store, tmp_path):
    evaluate(load(bundle_folder), store)
    again = evaluate(load(shutil.copytree(bundle_folder, tmp_path / "copy")), store)
    assert again["protocol"]["test_openings"] == 2
    assert again["protocol"]["test_openings_by_other_models"] == 0
