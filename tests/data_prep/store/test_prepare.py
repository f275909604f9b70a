import json
import os

import pytest
from data_requests import asked

from data_prep.dsp.signal_spec import SignalSpec
from data_prep.errors import DataError
from data_prep.io.record import write_annotations
from data_prep.store.dataset import MANIFEST, open_store
from data_prep.store.plan import make_plan
from data_prep.store.prepare import prepare


def _tree(folder):
    return {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}


def test_a_store_holds_every_beat_of_every_patient(small_folder, tmp_path):
    events = []
    manifest = prepare(asked("wfdb", small_folder), tmp_path / "a/b/store", on_event=events.append)
    assert manifest == json.loads((tmp_path / "a/b/store" / MANIFEST).read_text())
    counts = manifest["counts"]
    assert sum(sum(side.values()) for side in counts.values()) == 6 * 60
    assert sorted(manifest["records"]["train"] + manifest["records"]["test"]) == [
        f"p{i}" for i in range(6)
    ]
    for side in counts.values():
        assert all(side[name] > 0 for name in "NSV")
    assert manifest["left_out"] == manifest["dropped_beats"] == []
    assert [event["done"] for event in events] == list(range(1, 7))
    assert {event["total"] for event in events} == {6}
    assert {event["name"] for event in events} == {f"p{i}" for i in range(6)}
    assert [path.name for path in (tmp_path / "a/b").iterdir()] == ["store"]


def test_a_plan_says_what_the_manifest_will_say_and_writes_nothing(small_folder, tmp_path):
    before = _tree(tmp_path)
    summary = make_plan(asked("wfdb", small_folder)).summary()
    assert _tree(tmp_path) == before
    manifest = prepare(asked("wfdb", small_folder), tmp_path / "store")
    assert {name: manifest[name] for name in summary} == summary


def test_an_own_store_is_left_as_it_is_and_a_damaged_one_made_again(small_folder, tmp_path):
    out = tmp_path / "store"
    first = prepare(asked("wfdb", small_folder), out)
    before = (out / MANIFEST).stat().st_mtime_ns
    assert prepare(asked("wfdb", small_folder), out) == first
    assert (out / MANIFEST).stat().st_mtime_ns == before
    (out / "train" / "signal.npy").write_bytes(b"")
    assert prepare(asked("wfdb", small_folder), out) == first
    assert len(open_store(out, "train").records) == len(first["records"]["train"])
    assert {path.name for path in tmp_path.iterdir()} == {"recordings", "store"}


def test_a_store_of_other_settings_or_recordings_is_not_touched(
    small_folder, tmp_path, write_patient
):
    out = tmp_path / "store"
    first = prepare(asked("wfdb", small_folder), out)
    with pytest.raises(DataError, match="same settings"):
        prepare(asked("wfdb", small_folder, signal=SignalSpec(leads=("II", "V1"))), out)
    write_patient(small_folder, "p1", seed=99)
    with pytest.raises(DataError, match="same recordings"):
        prepare(asked("wfdb", small_folder), out)
    assert json.loads((out / MANIFEST).read_text()) == first
    assert {path.name for path in tmp_path.iterdir()} == {"recordings", "store"}


def test_a_folder_that_is_not_a_store_is_never_overwritten(small_folder, tmp_path):
    out = tmp_path / "thesis"
    out.mkdir()
    (out / "chapter1.txt").write_text("years of work")
    with pytest.raises(DataError, match="holds other files"):
        prepare(asked("wfdb", small_folder), out)
    assert (out / "chapter1.txt").read_text() == "years of work"
    with pytest.raises(DataError):
        prepare(asked("wfdb", small_folder), out / "chapter1.txt")
    assert _tree(out) == {"chapter1.txt"}


def test_an_empty_folder_may_be_filled(small_folder, tmp_path):
    (tmp_path / "store").mkdir()
    prepare(asked("wfdb", small_folder), tmp_path / "store")
    open_store(tmp_path / "store", "test")


def test_an_output_that_cannot_be_written_is_refused(small_folder, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="can be written"):
        prepare(asked("wfdb", small_folder), tmp_path / "file" / "store")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_refused(small_folder, tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    with pytest.raises(DataError, match="can be written"):
        prepare(asked("wfdb", small_folder), closed / "store")


def test_a_failure_half_way_leaves_nothing(small_folder, tmp_path):
    def stop(event):
        if event["done"] == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(asked("wfdb", small_folder), tmp_path / "store", on_event=stop)
    assert {path.name for path in tmp_path.iterdir()} == {"recordings"}


def test_several_records_of_a_patient_stay_together(small_folder, tmp_path):
    table = tmp_path / "patients.csv"
    table.write_text("record,patient\n" + "".join(f"p{i},person{i // 2}\n" for i in range(6)))
    manifest = prepare(asked("wfdb", small_folder, patients=table), tmp_path / "store")
    sides = manifest["patients"]
    assert sorted(sides["train"] + sides["test"]) == ["person0", "person1", "person2"]
    for side in ("train", "test"):
        of_side = {f"person{int(name[1:]) // 2}" for name in manifest["records"][side]}
        assert of_side == set(sides[side])
        store = open_store(tmp_path / "store", side)
        assert store.patients == tuple(sides[side])


def test_what_is_left_out_is_counted_with_its_reason(small_folder, tmp_path, write_patient):
    write_patient(small_folder, "one_lead", leads=("II",), seed=7)
    path = write_patient(small_folder, "no_beats", seed=8)
    write_annotations(path, "atr", samples=[9], symbols=["~"], fs_hz=250)
    write_patient(small_folder, "unnamed", seed=9)
    split = tmp_path / "split.toml"
    split.write_text('train = ["p0", "p1", "p2", "one_lead"]\ntest = ["p3", "p4", "p5"]\n')
    manifest = prepare(asked("wfdb", small_folder, split=str(split)), tmp_path / "store")
    left_out = {entry["record"]: entry for entry in manifest["left_out"]}
    assert left_out["no_beats"]["reason"] == "it has no beats"
    assert left_out["unnamed"]["reason"] == "not named in split.toml"
    assert left_out["one_lead"]["reason"].endswith("it has II: choose others with --leads")
    assert left_out["one_lead"]["beats"] == 60
    assert manifest["split"] == "file"


def test_gaps_are_counted(small_folder, tmp_path):
    data = bytearray((small_folder / "p2.dat").read_bytes())
    data[400:440] = b"\x00\x80" * 20  # the invalid sample of format 16
    (small_folder / "p2.dat").write_bytes(data)
    manifest = prepare(asked("wfdb", small_folder), tmp_path / "store")
    side = "train" if "p2" in manifest["records"]["train"] else "test"
    records = {record.name: record for record in open_store(tmp_path / "store", side).records}
    assert {name: r.invalid_samples for name, r in records.items() if r.invalid_samples} == {
        "p2": 20
    }
