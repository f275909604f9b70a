import json
from dataclasses import replace

import pytest

from data_prep.errors import DataError
from data_prep.store.dataset import open_store, read_manifest
from ecg_nas.runs.config import RunConfig
from ecg_nas.runs.data import store_folder


def ignore(event):
    pass


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ECG_NAS_CACHE", str(tmp_path / "cache"))


def test_a_folder_of_recordings_is_prepared_once(small_folder):
    config = RunConfig(data=str(small_folder))
    folder = store_folder(config, ignore)
    assert read_manifest(folder)["source"] == "wfdb"
    before = (folder / "manifest.json").stat().st_mtime_ns
    assert store_folder(config, ignore) == folder
    assert (folder / "manifest.json").stat().st_mtime_ns == before


def test_patients_labels_and_leads_reach_the_store(small_folder, tmp_path):
    plain = store_folder(RunConfig(data=str(small_folder)), ignore)
    manifest = read_manifest(plain)
    records = [name for side in manifest["records"].values() for name in side]
    table = tmp_path / "patients.csv"
    table.write_text(
        "record,patient\n" + "".join(f"{name},p-{name}\n" for name in records), encoding="utf-8"
    )
    lead = manifest["signal"]["leads"][0]
    config = RunConfig(data=str(small_folder), patients=str(table), leads=(lead,))
    folder = store_folder(config, ignore)
    assert folder != plain
    side = open_store(folder, "train")
    assert side.signal_spec.leads == (lead,)
    assert all(name.startswith("p-") for name in side.patients)
    assert store_folder(replace(config, leads=None), ignore) != folder
    assert json.loads((folder / "manifest.json").read_text())["source"] == "wfdb"


def test_a_prepared_store_takes_only_what_it_was_made_with(small_store, tmp_path):
    (tmp_path / "other.toml").write_text('"N" = "N"\n"A" = "V"\n')
    data = str(small_store)
    for other in (
        {"leads": ("V1",)},
        {"labels": str(tmp_path / "other.toml")},
        {"patients": "patients.csv"},
        {"annotators": ("atr",)},
    ):
        with pytest.raises(DataError, match="leave"):
            store_folder(RunConfig(data=data, **other), ignore)
    leads = tuple(read_manifest(small_store)["signal"]["leads"])
    assert store_folder(RunConfig(data=data, leads=leads), ignore) == small_store


def test_a_folder_with_neither_is_refused(tmp_path):
    with pytest.raises(DataError):
        store_folder(RunConfig(data=str(tmp_path)), ignore)
