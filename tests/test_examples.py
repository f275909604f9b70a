"""The examples do what they say."""

import re
import subprocess
import sys

import numpy as np
import pytest
from bundles import tiny_bundle
from test_project import ROOT

from ecg_nas.deploy.bundle import FORMAT, FORMAT_VERSION, GOLDEN, MODEL, load

EXAMPLES = ROOT / "examples"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_bundle(tmp_path_factory.mktemp("examples") / "bundle")


def test_beats_are_classified_with_onnxruntime_alone(folder):
    script = EXAMPLES / "classify_beats.py"
    lines = script.read_text(encoding="utf-8").split("import onnxruntime\n")[1].strip().splitlines()
    assert len(lines) <= 10
    done = subprocess.run(
        [sys.executable, script, folder],
        capture_output=True, text=True, timeout=60, check=True, cwd=folder,
        env={"PYTHONPATH": ""},
    )  # fmt: skip
    with np.load(folder / GOLDEN) as golden:
        expected = golden["probabilities"]
    classes = load(folder).classes
    assert [line.split() for line in done.stdout.splitlines()] == [
        [classes[row.argmax()], f"{row.max():.4f}"] for row in expected
    ]


def test_the_cpp_example_names_fields_that_a_manifest_has(folder):
    text = (EXAMPLES / "manifest.cpp").read_text(encoding="utf-8")
    manifest = load(folder).manifest
    assert f'"{FORMAT}"' in text
    assert f'at("format_version") != {FORMAT_VERSION}' in text
    assert f'"/{MODEL}"' in text
    for name in re.findall(r'manifest\.at\("(\w+)"\)', text):
        assert hasattr(manifest, name), name
    for name in re.findall(r'signal\.at\("(\w+)"\)', text):
        assert name in manifest.spec["signal"], name


def test_the_image_copies_files_that_exist():
    text = (EXAMPLES / "Dockerfile").read_text(encoding="utf-8")
    copied = [word for line in re.findall(r"^COPY (.*)", text, re.M) for word in line.split()[:-1]]
    assert copied
    assert all((ROOT / name).exists() for name in copied)
