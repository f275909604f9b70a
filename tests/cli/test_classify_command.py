"""``ecg-nas classify``: whole recordings through the command line."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from bundles import ectopic_signal, int8_bundle, tiny_bundle
from click.testing import CliRunner
from recordings import write_csv, write_edf

from data_prep.io.record import read_annotations, write_annotations, write_record
from ecg_nas.bundle.manifest import load
from ecg_nas.cli import main

EXTRA = ("onnx", "onnxscript", "pyarrow", "pymoo", "safetensors", "torch", "torch_geometric")


def classify(*words):
    return CliRunner().invoke(main, ["classify", *map(str, words)])


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A bundle and one recording in three formats."""
    folder = tmp_path_factory.mktemp("made")
    tiny_bundle(folder / "bundle")
    signal, beats, symbols = ectopic_signal(np.random.default_rng(7), fs_hz=250.0)
    write_record(folder / "w", signal=signal, fs_hz=250.0, leads=("MLII", "V1"), gain=1000)
    write_annotations(folder / "w", "atr", samples=beats, symbols=symbols, fs_hz=250.0)
    write_csv(folder / "c.csv", signal, leads=("MLII (mV)", "V1 (mV)"))
    write_edf(folder / "e.edf", signal.T, per_frame=(250, 250), labels=("ECG MLII", "ECG V1"))
    return folder


def test_recordings_of_all_formats_give_the_same_beats(made, tmp_path):
    files = [made / name for name in ("w", "c.csv", "e.edf")]
    result = classify(made / "bundle", *files, "--out", tmp_path / "new" / "out", "--json", "-")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)["records"]
    assert [one["record"] for one in found] == ["w", "c", "e"]
    for one in found:
        promised = {"record", "beats", "counts", "unreadable_s", "seconds", "duration_s"}
        assert promised <= set(one)
        assert one["beats"] == found[0]["beats"] > 30
        assert one["duration_s"] == 40
        notes = read_annotations(tmp_path / "new" / "out" / one["record"], "ecgnas")
        assert len(notes.samples) == one["beats"] + 1
    assert len(list((tmp_path / "new" / "out").iterdir())) == 3


def test_it_says_what_it_found_and_what_it_is_not(made, tmp_path):
    result = classify(made / "bundle", made / "w.hea", "--out", tmp_path, "--beats", "atr")
    assert result.exit_code == 0, result.stderr
    for phrase in ("w: 0:40 in", "beats (N ", "heart rate", "unreadable 0 s", "not a medical"):
        assert phrase in result.stdout
    expected = read_annotations(made / "w", "atr").samples
    assert read_annotations(tmp_path / "w", "ecgnas").samples[1:].tolist() == expected.tolist()


def test_the_int8_model_classifies_where_there_is_one(made, tmp_path):
    both = int8_bundle(tmp_path / "both")
    words = (made / "w", "--beats", "atr", "--format", "json", "--out")
    for name, more in (("plain", ()), ("int8", ("--int8",))):
        assert classify(both, *words, tmp_path / name, *more).exit_code == 0
    plain, int8 = (
        json.loads((tmp_path / name / "w.ecgnas.json").read_text("utf-8"))
        for name in ("plain", "int8")
    )
    files = load(both).manifest.files
    assert plain["model"] == files["model.onnx"].sha256
    assert int8["model"] == files["model.int8.onnx"].sha256
    apart = np.abs(np.array(plain["probabilities"]) - np.array(int8["probabilities"])).max()
    assert 0 < apart < 0.2
    refused = classify(made / "bundle", *words, tmp_path / "none", "--int8")
    assert refused.exit_code == 2
    (line,) = refused.stderr.splitlines()
    assert "has none: it was not asked for" in line
    assert not (tmp_path / "none").exists()


def test_one_bad_recording_does_not_stop_the_others(made, tmp_path):
    (tmp_path / "bad.edf").write_bytes(b"0       " + bytes(300))
    words = (tmp_path / "bad.edf", made / "w", made / "none", made / "w")
    out = tmp_path / "out"
    result = classify(made / "bundle", *words, "--out", out, "--format", "csv", "--json", "-")
    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    assert len(lines) == 4
    assert all(line.startswith("Error: ") for line in lines)
    assert "3 of 4 recordings" in lines[-1]
    assert [one["record"] for one in json.loads(result.stdout)["records"]] == ["w"]
    assert [file.name for file in out.iterdir()] == ["w.ecgnas.csv"]


def test_leads_may_be_chosen(made, tmp_path):
    words = (made / "bundle", made / "w", "--out", tmp_path, "--json", "-", "--leads")
    other = json.loads(classify(*words, "V1,MLII").stdout)
    assert other["records"][0]["leads"] == ["V1", "MLII"]
    for leads, phrase in (("V1", "needs 2 leads"), ("MLII,aVF", "aVF"), ("V1,,", "commas")):
        result = classify(*words, leads)
        assert result.exit_code in (1, 2)
        assert phrase in result.stderr


def test_a_name_that_wfdb_does_not_allow_is_changed(made, tmp_path):
    (tmp_path / "Mrs. Ö 1.edf").write_bytes((made / "e.edf").read_bytes())
    for form, name in (("wfdb", "Mrs____1.ecgnas"), ("csv", "Mrs. Ö 1.ecgnas.csv")):
        out = tmp_path / form
        result = classify(
            made / "bundle", tmp_path / "Mrs. Ö 1.edf", "--out", out, "--format", form
        )
        assert result.exit_code == 0, result.stderr
        assert [file.name for file in out.iterdir()] == [name]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, names of files are text")
def test_a_name_that_is_no_text_is_shown_as_far_as_it_is(made, tmp_path):
    source = write_csv(tmp_path / "r.csv", ectopic_signal(np.random.default_rng(1))[0])
    odd = os.fsdecode(b"r\xff.csv")
    source.rename(tmp_path / odd)
    args = ["classify", str(made / "bundle"), str(tmp_path / odd), "--out", str(tmp_path / "out")]
    args += ["--leads", "II,V1", "--report", "--json", str(tmp_path / "found.json")]
    result = CliRunner().invoke(main, args)
    assert result.exit_code == 0, result.stderr
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))["records"][0]
    page = next(file for file in found["files"] if file.endswith(".html"))
    assert "r\ufffd" in Path(page).read_text(encoding="utf-8")


def test_a_reference_is_never_written_over(made):
    before = (made / "w.atr").read_bytes()
    result = classify(made / "bundle", made / "w", "--out", made, "--write-as", "atr")
    assert result.exit_code == 1
    assert "choose another name" in result.stderr
    assert (made / "w.atr").read_bytes() == before
    result = classify(made / "bundle", made / "w", "--write-as", "hea")
    assert result.exit_code == 2
    assert "word of letters" in result.stderr


def test_it_runs_where_torch_is_not_installed(made, tmp_path):
    code = f"""
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {EXTRA!r}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Missing())
from ecg_nas.cli import main
from ecg_nas.bundle.manifest import load
main(["classify", {str(made / "bundle")!r}, {str(made / "w")!r}, "--report",
      "--out", {str(tmp_path)!r}])
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert {file.name for file in tmp_path.iterdir()} == {"w.ecgnas", "w.ecgnas.html"}


@pytest.mark.real
def test_ec57_of_what_was_written_is_that_of_evaluate(mitdb_dir, tmp_path, monkeypatch):
    """Training patients of the standard split, and a bundle that was never trained."""
    monkeypatch.setenv("ECG_NAS_CACHE", str(tmp_path / "cache"))
    records = tmp_path / "records"
    records.mkdir()
    for name in ("118", "208", "223"):
        for extension in ("hea", "dat", "atr"):
            shutil.copy(mitdb_dir / f"{name}.{extension}", records)
    bundle = tiny_bundle(tmp_path / "bundle")

    def run(*words):
        result = CliRunner().invoke(main, [*map(str, words), "--json", "-"])
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)

    done = run(
        "classify", bundle, *sorted(records.glob("*.hea")), "--beats", "atr", "--out", tmp_path
    )
    assert done["failed"] == []
    expected = run("evaluate", bundle, "--data", records, "--side", "train")["ec57"]
    assert expected["records"]
    judged = [records / name for name in expected["records"]]
    found = run("ec57", *judged, "--test", "ecgnas", "--test-dir", tmp_path)
    for name in ("mapping", "start_s", "records", "gross", "average"):
        assert found[name] == expected[name], name
