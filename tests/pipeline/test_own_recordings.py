"""Recordings of every format train alike: the same patients, the same beats."""

import csv
import shutil

import numpy as np
import pytest
from data_requests import asked
from main_job import settings
from recordings import example_of

from data_prep.dsp.signal_spec import SignalSpec
from data_prep.errors import DataError
from data_prep.io import formats
from data_prep.io.record import write_annotations
from data_prep.store.dataset import open_store
from data_prep.store.plan import make_plan
from data_prep.store.prepare import prepare
from ecg_nas.methods.engine.run_store import RunStore
from ecg_nas.pipeline.main_job import execute
from ecg_nas.runs.data import store_folder

FORMATS = formats.available()


def _beats_beside(stem, record, *, table):
    if not table:
        write_annotations(
            stem, "atr", samples=record.beats, symbols=record.symbols, fs_hz=record.fs_hz
        )
        return
    with stem.with_name(f"{stem.name}.beats.csv").open("w", newline="") as opened:
        rows = csv.writer(opened)
        rows.writerow(["time", "symbol"])
        times = (record.beats / record.fs_hz).tolist()
        rows.writerows(zip([f"{time:.3f}" for time in times], record.symbols, strict=True))


@pytest.fixture(scope="module")
def folders(_small_folder, tmp_path_factory):
    """Six made-up patients in a folder a format; the beats of CSV files are in tables."""
    made = {name: tmp_path_factory.mktemp(name) for name in FORMATS}
    for index in range(6):
        record = formats.read_record(_small_folder / f"p{index}")
        seconds = -(-len(record.signal) // 250)
        signal = np.zeros((seconds * 250, 2))
        signal[: len(record.signal)] = record.signal
        for name, folder in made.items():
            given = example_of(
                name, folder, signal, fs_hz=250.0, leads=("MLII", "V1"), name=record.name
            )
            stem = formats.load(name).stem(given)
            _beats_beside(stem, record, table=name == "csv")
    return made


@pytest.fixture(scope="module")
def stores(folders, tmp_path_factory):
    out = tmp_path_factory.mktemp("stores")
    for name, folder in folders.items():
        prepare(asked("wfdb", folder), out / name)
    return {name: out / name for name in folders}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("side", ["train", "test"])
def test_the_same_patients_give_the_same_beats_and_signals(stores, name, side):
    expected, found = open_store(stores["wfdb"], side), open_store(stores[name], side)
    assert [record.name for record in found.records] == [r.name for r in expected.records]
    assert [record.leads for record in found.records] == [("MLII", "V1")] * len(found.records)
    for key, values in expected.beats.items():
        np.testing.assert_array_equal(found.beats[key], values)
    # Each was rounded to a thousandth of a mV or finer.
    np.testing.assert_allclose(found.signal, expected.signal, atol=2e-3)


def test_a_search_trains_on_csv_files(folders, tmp_path, monkeypatch):
    monkeypatch.setenv("ECG_NAS_CACHE", str(tmp_path / "cache"))
    config = settings(tmp_path, folders["csv"])
    execute(config, tmp_path / "run", workers=1)
    with RunStore(tmp_path / "run" / "run.sqlite", read_only=True) as opened:
        evaluations = list(opened.evaluations())
    assert len(evaluations) == 3
    assert all(evaluation.score is not None for evaluation in evaluations)
    assert (tmp_path / "run" / "bundle" / "model.onnx").is_file()


def test_a_changed_table_or_signal_is_prepared_anew(folders, tmp_path, monkeypatch):
    monkeypatch.setenv("ECG_NAS_CACHE", str(tmp_path / "cache"))
    folder = shutil.copytree(folders["csv"], tmp_path / "recordings")
    request = asked(records=folder)
    stores = [store_folder(request, lambda event: None)]
    assert store_folder(request, lambda event: None) == stores[0]
    for name in ("p1.beats.csv", "p2.csv"):
        text = (folder / name).read_text()
        (folder / name).write_text(text.rstrip("\n").rpartition("\n")[0] + "\n")
        stores.append(store_folder(request, lambda event: None))
    assert len(set(stores)) == 3


def test_formats_may_be_mixed_and_annotators_chosen(folders, tmp_path):
    for index, name in enumerate(FORMATS * 2):
        for file in folders[name].glob(f"p{index}.*"):
            shutil.copy(file, tmp_path / file.name)
    plan = make_plan(asked("wfdb", tmp_path))
    assert len(plan.records) == 6
    of_csv = {record.ref.name for record in plan.records if record.ref.path.suffix == ".csv"}
    assert {r.ref.name for r in plan.records if r.ref.annotator == "beats"} == of_csv
    other = make_plan(asked("wfdb", tmp_path, annotators=("beats", "atr")))
    assert other.summary()["annotators"] == plan.summary()["annotators"]
    with pytest.raises(DataError, match=r"an annotation file p\d.atr"):
        make_plan(asked("wfdb", tmp_path, annotators=("atr",)))


def test_the_odd_csv_file_is_left_out_with_its_reason(folders, tmp_path):
    folder = shutil.copytree(folders["csv"], tmp_path / "recordings")
    file = folder / "p1.csv"
    file.write_text(file.read_text().replace("V1 (mV)", "V1", 1))
    (folder / "p2.beats.csv").write_text("time,symbol\n")
    file = folder / "p3.csv"
    file.write_text(file.read_text().replace(" (mV)", "", 2))
    plan = make_plan(asked("wfdb", folder))
    reasons = {entry["record"]: entry["reason"] for entry in plan.left_out}
    assert set(reasons) == {"p1", "p2", "p3"}
    assert "must say its unit" in reasons["p1"]
    assert "must say its unit" in reasons["p3"]
    assert reasons["p2"] == "it has no beats"
    one_lead = make_plan(asked("wfdb", folder, signal=SignalSpec(leads=("MLII",))))
    assert [entry["record"] for entry in one_lead.left_out] == ["p2", "p3"]


def test_headers_and_annotations_are_read_once_a_record(folders, tmp_path, monkeypatch):
    from data_prep.io import header, record

    read = []

    def counted(module, name):
        before = getattr(module, name)

        def call(*args, **kwargs):
            read.append((name, str(args[-1] if name == "decode" else args[0])))
            return before(*args, **kwargs)

        monkeypatch.setattr(module, name, call)

    counted(header, "_plain")
    counted(record, "decode")
    monkeypatch.setenv("ECG_NAS_CACHE", str(tmp_path / "cache"))
    store_folder(asked(records=folders["wfdb"]), lambda event: None)
    assert len(read) == len(set(read)) == 2 * 6
