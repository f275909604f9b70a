import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from data_requests import asked

from data_prep import tasks
from data_prep.beats.beat_spec import BeatSpec
from data_prep.beats.cutting import cut_beats
from data_prep.beats.labels import label, mapping
from data_prep.dsp.filters import condition, resampled_positions
from data_prep.errors import DataError
from data_prep.io.formats import read_record
from data_prep.io.record import write_annotations
from data_prep.store.dataset import MANIFEST, open_store, read_manifest
from data_prep.store.prepare import prepare

TASK = tasks.load("aami")
AAMI = mapping("aami", TASK)

opened: list[str] | None = None


def _note_opening(event, arguments):
    if event == "open" and opened is not None:
        opened.append(str(arguments[0]))


sys.addaudithook(_note_opening)


@pytest.fixture
def store(small_store):
    return small_store


@pytest.mark.parametrize("split", ["train", "test"])
def test_opening_one_side_opens_no_file_of_the_other(store, split):
    global opened
    opened = []
    try:
        side = open_store(store, split)
        data = side.cut(BeatSpec(signal=side.signal_spec))
        side.annotations(side.records[0].name)
        data.network_input()
    finally:
        files, opened = opened, None
    inside = {file.removeprefix(f"{store}/") for file in files if file.startswith(str(store))}
    assert inside == {MANIFEST} | {
        f"{split}/{name}" for name in ("signal.npy", "beats.npz", "records.json", "notes.npz")
    }


def test_training_needs_no_test_files(store):
    for file in (store / "test").iterdir():
        file.unlink()
    (store / "test").rmdir()
    side = open_store(store, "train")
    assert len(side.cut(BeatSpec(signal=side.signal_spec))) > 0
    with pytest.raises(DataError, match="must have a folder test"):
        open_store(store, "test")


def test_beats_are_those_of_the_records(store, small_folder):
    side = open_store(store, "train")
    spec = BeatSpec(signal=side.signal_spec, neighbours=1, reference_beat=True)
    data = side.cut(spec)
    assert data.record_names == tuple(record.name for record in side.records)
    assert data.patient_names == side.patients == data.record_names
    assert data.split == "train"
    for index, stored in enumerate(side.records):
        record = read_record(small_folder / stored.name, leads=spec.signal.leads)
        signal = condition(record.signal, record.fs_hz, spec.signal)
        positions = resampled_positions(record.beats, record.fs_hz, 125, len(signal))
        cut = cut_beats(signal, positions, record.beats / record.fs_hz, spec)
        rows = data.record == index
        np.testing.assert_array_equal(data.windows[rows], cut.windows)
        np.testing.assert_array_equal(data.context[rows], cut.context)
        assert (data.level[rows] == index).all()
        np.testing.assert_array_equal(data.scale[index], cut.scale[0])
        np.testing.assert_array_equal(data.reference[index], cut.reference[0])
        np.testing.assert_array_equal(
            data.y[rows], label(record.symbols, mapping("aami", TASK), TASK.classes).y
        )
        np.testing.assert_array_equal(data.sample[rows], record.beats)
        np.testing.assert_array_equal(data.symbol[rows], record.symbols)
        np.testing.assert_array_equal(data.position[rows], positions)
        assert (data.patient[rows] == data.patient_names.index(stored.patient)).all()
        notes = side.annotations(stored.name)
        np.testing.assert_array_equal(notes.samples, record.annotations.samples)
        np.testing.assert_array_equal(notes.symbols, record.annotations.symbols)
        assert notes.aux == record.annotations.aux
        assert notes.fs_hz == 250
    assert data.network_input().shape == (len(data), spec.channels, spec.samples)


def test_a_beat_without_a_class_stays_in_the_rhythm(small_folder, tmp_path, write_patient):
    # One "?" among many beats that map; of these labels it has none.
    path = write_patient(small_folder, "p0", symbols=("A", "V"), n_beats=120)
    record = read_record(path)
    symbols = record.symbols.copy()
    symbols[50] = "?"
    write_annotations(path, "atr", samples=record.beats, symbols=symbols, fs_hz=250)
    labels = tmp_path / "labels.toml"
    labels.write_text('"N" = "N"\n"V" = "V"\n"F" = "F"\n"A" = "S"\n')
    manifest = prepare(asked("wfdb", small_folder, labels=labels), tmp_path / "store")
    assert manifest["dropped_beats"] == [
        {"record": "p0", "symbol": "?", "beats": 1, "reason": "its symbol has no class"}
    ]
    split = "train" if "p0" in manifest["records"]["train"] else "test"
    side = open_store(tmp_path / "store", split)
    data = side.cut(BeatSpec(signal=side.signal_spec, rhythm="absolute"))
    rows = data.record == data.record_names.index("p0")
    assert rows.sum() == 119
    assert record.beats[50] not in data.sample[rows]
    pre_s = data.context[rows, 0]
    assert pre_s[50] == pytest.approx((record.beats[51] - record.beats[50]) / 250, abs=1e-6)


def test_beats_of_another_signal_are_refused(store):
    side = open_store(store, "train")
    with pytest.raises(DataError, match="signal specification of their store"):
        side.cut(BeatSpec(signal=replace(side.signal_spec, fs_hz=250)))


def test_a_record_of_the_other_side_has_no_annotations_here(store):
    manifest = read_manifest(store)
    with pytest.raises(DataError, match="must be one of the train records"):
        open_store(store, "train").annotations(manifest["records"]["test"][0])


def _change_manifest(store, **changes):
    file = store / MANIFEST
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def _flip_byte(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


DAMAGES = {
    "no manifest": lambda s: (s / MANIFEST).unlink(),
    "manifest cut off": lambda s: (s / MANIFEST).write_text('{"format"'),
    "manifest of something else": lambda s: (s / MANIFEST).write_text("[]"),
    "manifest incomplete": lambda s: _change_manifest(s, digests={}),
    "manifest of no specification": lambda s: _change_manifest(s, signal={"fs_hz": "x"}),
    "another version": lambda s: _change_manifest(s, version=99),
    "no signal": lambda s: (s / "train" / "signal.npy").unlink(),
    "signal cut off": lambda s: (s / "train" / "signal.npy").write_bytes(
        (s / "train" / "signal.npy").read_bytes()[:-100]
    ),
    "signal altered": lambda s: _flip_byte(s / "train" / "signal.npy"),
    "beats altered": lambda s: _flip_byte(s / "train" / "beats.npz"),
    "beats of something else": lambda s: np.savez(s / "train" / "beats.npz", a=np.zeros(3)),
    "beats empty": lambda s: (s / "train" / "beats.npz").write_bytes(b""),
    "records empty": lambda s: (s / "train" / "records.json").write_text(""),
    "records of something else": lambda s: (s / "train" / "records.json").write_text("[{}]"),
    "records no list": lambda s: (s / "train" / "records.json").write_text("3"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_corrupt_store_is_refused_in_one_line(store, damage):
    DAMAGES[damage](store)
    with pytest.raises(DataError, match=str(store)) as caught:
        open_store(store, "train")
    assert "\n" not in str(caught.value)


def test_there_is_no_third_side(store):
    with pytest.raises(DataError, match="train or test"):
        open_store(store, "validation")


def test_the_reader_needs_numpy_only():
    heavy = ["wfdb", "scipy", "pydantic", "neurokit2", "sklearn", "pandas", "torch"]
    code = f"import sys, data_prep.store.dataset; print([m for m in {heavy} if m in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert result.stdout.strip() == "[]"


def test_altered_annotations_are_refused_where_they_are_read(store):
    side = open_store(store, "train")
    notes = dict(np.load(store / "train" / "notes.npz"))
    notes["sample"][3] += 1
    np.savez(store / "train" / "notes.npz", **notes)
    with pytest.raises(DataError, match=r"notes\.npz must be as prepare wrote it"):
        side.annotations(side.records[0].name)
