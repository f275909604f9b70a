"""The front door: its examples run, it is light, and it does what the commands do."""

import doctest
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import ecg_nas
from data_prep.errors import DataError
from data_prep.io.in_memory import ArrayRecording
from data_prep.sources.synthetic import simulate, simulate_record
from ecg_nas import api
from ecg_nas.cli import main
from ecg_nas.errors import ConfigError

ROOT = Path(__file__).resolve().parents[1]


def test_its_examples_run(monkeypatch):
    monkeypatch.chdir(ROOT)
    found = doctest.testmod(api)
    assert found.failed == 0
    assert found.attempted > 10
    documented = {test.name for test in doctest.DocTestFinder().find(api) if test.examples}
    assert {f"ecg_nas.api.{name}" for name in api.__all__ if name != "Model"} <= documented


def test_importing_it_imports_nothing_heavy():
    code = """
import sys, ecg_nas
ecg_nas.load_model
heavy = {"numpy", "torch", "scipy", "pydantic", "wfdb", "onnxruntime", "click", "pandas"}
print(sorted(heavy & set(sys.modules)))
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_a_file_an_open_recording_and_an_array_are_classified_alike(tmp_path, bundle_folder):
    simulate(tmp_path / "made", n_patients=1, duration_s=40)
    path = tmp_path / "made" / "sim01"
    model = ecg_nas.load_model(bundle_folder)
    leads = ["MLII", "V1"]
    from_file = model.classify(path, leads=leads)
    opened = ecg_nas.read_recording(path, leads=leads)
    array = opened.read(0, opened.n_samples)
    from_array = model.classify(array, fs_hz=opened.fs_hz, leads=leads)
    for other in (model.classify(opened), from_array):
        np.testing.assert_array_equal(other.samples, from_file.samples)
        np.testing.assert_array_equal(other.probabilities, from_file.probabilities)
        assert (other.labels == from_file.labels).all()
    assert len(from_file.labels) > 20
    assert set(from_file.labels) <= {*model.classes, "?"}


@pytest.mark.parametrize(
    ("signal", "options", "says"),
    [
        (np.zeros((0, 2)), {}, "not empty"),
        (np.zeros((9, 2, 2)), {}, "samples, leads"),
        (["a", "b"], {}, "numbers"),
        (np.full(500, np.inf), {}, "finite"),
        (np.zeros((500, 2)), {"leads": ["II", "II"]}, "name of its own"),
        (np.zeros((500, 2)), {"fs_hz": 1.0}, "samples a second"),
    ],
)
def test_an_array_that_is_no_recording_is_one_line(signal, options, says):
    with pytest.raises(DataError, match=says) as raised:
        ArrayRecording(signal, **{"fs_hz": 250.0, **options})
    assert "\n" not in str(raised.value)


def test_an_array_must_come_with_its_rate(bundle_folder):
    with pytest.raises(DataError, match="fs_hz"):
        ecg_nas.load_model(bundle_folder).classify(simulate_record(0, duration_s=20).signal)


def test_an_option_that_is_none_is_one_line(tmp_path):
    with pytest.raises(ConfigError, match=r"must be some of annotators.*got leeds"):
        ecg_nas.prepare("synthetic", tmp_path / "store", leeds=("MLII",))
    with pytest.raises(ConfigError, match="budgie is no setting"):
        ecg_nas.search("synthetic", out=tmp_path / "run", budgie=3)
    assert list(tmp_path.iterdir()) == []


def test_own_recordings_are_prepared_as_by_the_command(small_folder, tmp_path):
    manifest = ecg_nas.prepare(small_folder, tmp_path / "a", leads=["II", "V1"])
    out = CliRunner().invoke(
        main, ["prepare", str(small_folder), "--leads", "II,V1", "--out", str(tmp_path / "b")]
    )
    assert out.exit_code == 0, out.output
    other = json.loads((tmp_path / "b" / "manifest.json").read_text(encoding="utf-8"))
    assert other == json.loads(json.dumps(manifest))
