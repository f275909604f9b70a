import json
from pathlib import Path

import pytest
from data_requests import asked

from data_prep.errors import DataError
from data_prep.store.dataset import open_store, read_manifest
from ecg_nas.runs.data import store_folder


def ignore(event):
    pass


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ECG_NAS_CACHE", str(tmp_path / "cache"))


def test_a_folder_of_recordings_is_prepared_once(small_folder):
    request = asked(records=small_folder)
    folder = store_folder(request, ignore)
    assert read_manifest(folder)["source"] == "wfdb"
    before = (folder / "manifest.json").stat().st_mtime_ns
    assert store_folder(request, ignore) == folder
    assert (folder / "manifest.json").stat().st_mtime_ns == before


def test_patients_labels_and_leads_reach_the_store(small_folder, tmp_path):
    plain = store_folder(asked(records=small_folder), ignore)
    manifest = read_manifest(plain)
    records = [name for side in manifest["records"].values() for name in side]
    table = tmp_path / "patients.csv"
    table.write_text(
        "record,patient\n" + "".join(f"{name},p-{name}\n" for name in records), encoding="utf-8"
    )
    lead = manifest["signal"]["leads"][0]
    request = asked(records=small_folder, patients=table, leads=(lead,))
    folder = store_folder(request, ignore)
    assert folder != plain
    side = open_store(folder, "train")
    assert side.signal_spec.leads == (lead,)
    assert all(name.startswith("p-") for name in side.patients)
    assert store_folder(asked(records=small_folder, patients=table), ignore) != folder
    assert json.loads((folder / "manifest.json").read_text())["source"] == "wfdb"


def test_a_prepared_store_takes_only_what_it_was_made_with(small_store, tmp_path):
    (tmp_path / "other.toml").write_text('"N" = "N"\n"A" = "V"\n')
    for other in (
        {"leads": ("V1",)},
        {"labels": tmp_path / "other.toml"},
        {"patients": Path("patients.csv")},
        {"annotators": ("atr",)},
    ):
        with pytest.raises(DataError, match="leave"):
            store_folder(asked(records=small_store, **other), ignore)
    leads = tuple(read_manifest(small_store)["signal"]["leads"])
    assert store_folder(asked(records=small_store, leads=leads), ignore) == small_store


def test_a_folder_with_neither_is_refused(tmp_path):
    with pytest.raises(DataError):
        store_folder(asked(records=tmp_path), ignore)
