"""The bundle that comes with the repository: small, whole, at work from a fresh clone."""

import json
import re

import numpy as np
import pytest
from bundles import ectopic_signal
from click.testing import CliRunner
from test_project import ROOT

from data_prep.io.record import write_record
from ecg_nas.bundle.manifest import load
from ecg_nas.cli import main
from ecg_nas.inference.verify import verify

REFERENCE = ROOT / "exports" / "reference"


def test_it_is_whole_and_small():
    """It was made by an earlier release, so this also holds old bundles to be readable."""
    verify(REFERENCE)
    assert sum(path.stat().st_size for path in REFERENCE.iterdir()) < 1_000_000
    manifest = load(REFERENCE).manifest
    assert manifest.training["source"] == "mitdb"
    assert load(REFERENCE).int8 is not None


def test_nothing_in_it_names_a_place():
    for path in REFERENCE.iterdir():
        assert not re.search(rb"/(home|root|work|tmp|Users)/", path.read_bytes()), path.name


@pytest.mark.parametrize("more", [[], ["--int8"]])
def test_it_classifies_a_recording(tmp_path, more):
    signal, beats, _ = ectopic_signal(np.random.default_rng(7), fs_hz=250.0)
    write_record(tmp_path / "w", signal=signal, fs_hz=250.0, leads=("MLII", "V1"))
    words = ["classify", REFERENCE, tmp_path / "w", "--out", tmp_path / "out", "--json", "-", *more]
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == 0, result.stderr
    (found,) = json.loads(result.stdout)["records"]
    assert abs(found["beats"] - len(beats)) <= 2
    assert found["counts"]["V"] > 0


def test_the_readme_tells_its_figures():
    text = (ROOT / "exports" / "README.md").read_text(encoding="utf-8")
    figures = json.loads((ROOT / "docs/results/reference.json").read_text(encoding="utf-8"))
    assert f"{figures['macro_f1_nsv']:.3f}" in text
    for name in "NSV":
        assert f"{figures['per_class'][name]['f1']:.3f}" in text
    assert f"{figures['without_record']['232']['macro_f1_nsv']:.3f}" in text
