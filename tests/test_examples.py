"""The examples do what they say."""

import os
import re
import shutil
import subprocess
import sys

import numpy as np
import onnxruntime
import pytest
from bundles import tiny_bundle
from test_project import ROOT

from ecg_nas.bundle.manifest import FORMAT, FORMAT_VERSION, GOLDEN, MODEL, load

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


def readme_block(name):
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    return re.search(rf"^<!-- command: {name} -->\n```\w+\n(.*?)^```$", text, re.M | re.S)[1]


@pytest.fixture(scope="module")
def cpp(folder, tmp_path_factory):
    """A folder in which the README's commands work, the example built and beats written."""
    root = os.environ.get("ONNXRUNTIME_ROOT", "")
    if not root or not shutil.which("g++"):
        pytest.skip("C++ example: needs g++ and ONNXRUNTIME_ROOT, an unpacked onnxruntime")
    for header in ("onnxruntime_cxx_api.h", "nlohmann/json.hpp"):
        found = subprocess.run(
            ["g++", f"-I{root}/include", "-fsyntax-only", "-xc++", "-"],
            input=f"#if !__has_include(<{header}>)\n#error\n#endif\n",
            text=True, stderr=subprocess.DEVNULL, timeout=60,
        )  # fmt: skip
        if found.returncode:
            pytest.skip(f"C++ example: g++ finds no <{header}> with ONNXRUNTIME_ROOT={root}")
    place = tmp_path_factory.mktemp("cpp")
    (place / "examples").symlink_to(EXAMPLES)
    (place / "exports").mkdir()
    shutil.copytree(folder, place / "exports" / "first")
    subprocess.run(["sh", "-ec", readme_block("cpp-build")], cwd=place, timeout=300, check=True)
    subprocess.run(
        [sys.executable, "-c", readme_block("cpp-beats")], cwd=place, timeout=60, check=True
    )
    return place


def test_cpp_and_python_give_the_same_probabilities(cpp):
    done = subprocess.run(
        ["sh", "-ec", readme_block("cpp-run")],
        capture_output=True, text=True, timeout=60, check=True, cwd=cpp,
    )  # fmt: skip
    bundle = load(cpp / "exports" / "first")
    with np.load(bundle.folder / GOLDEN) as golden:
        beats = {tensor.name: golden[tensor.name] for tensor in bundle.manifest.inputs}
    (expected,) = onnxruntime.InferenceSession(bundle.model).run(None, beats)
    header, *rows = [line.split(",") for line in done.stdout.splitlines()]
    assert header == ["class", *bundle.classes]
    assert [row[0] for row in rows] == [bundle.classes[row.argmax()] for row in expected]
    found = np.array([row[1:] for row in rows], dtype=float)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    assert len(np.unique(found, axis=0)) > 1  # not one beat over and over
    signal = bundle.spec.signal
    assert f"{signal.fs_hz} Hz" in done.stderr
    assert all(name in done.stderr for name in (*signal.leads, *bundle.spec.context_names))


def test_cpp_refuses_in_one_line_what_it_cannot_use(cpp):
    beats = (cpp / "build" / "beats.f32").read_bytes()
    (cpp / "short.f32").write_bytes(beats[:-4])
    (cpp / "nan.f32").write_bytes(np.full(len(beats) // 4, np.nan, np.float32).tobytes())
    (cpp / "other").mkdir()
    text = (cpp / "exports" / "first" / "manifest.json").read_text(encoding="utf-8")
    wrong = f'"format_version": {FORMAT_VERSION + 1}'
    (cpp / "other" / "manifest.json").write_text(
        text.replace(f'"format_version": {FORMAT_VERSION}', wrong), encoding="utf-8"
    )
    (cpp / "broken").mkdir()
    (cpp / "broken" / "manifest.json").write_text("{", encoding="utf-8")
    for words, told in (
        (["exports/first", "short.f32"], "whole beats"),
        (["exports/first", "nan.f32"], "finite"),
        (["exports/first", "none.f32"], "none.f32"),
        (["exports/first", "exports"], "exports"),
        (["other", "build/beats.f32"], f"format {FORMAT_VERSION}"),
        (["broken", "build/beats.f32"], "manifest of broken"),
        (["none", "build/beats.f32"], "none/manifest.json"),
        ([], "usage"),
    ):
        done = subprocess.run(
            [cpp / "build" / "manifest", *words],
            capture_output=True, text=True, timeout=60, cwd=cpp,
        )  # fmt: skip
        assert done.returncode in (1, 2), words
        errors = [line for line in done.stderr.splitlines() if not line.startswith("beats at")]
        assert len(errors) == 1, (words, done.stderr)
        assert told in errors[0], words


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
