"""Damaged bundles whose digests fit, as if made by someone else: one line each, no traceback."""

import hashlib
import json
import shutil
import time

import numpy as np
import pytest
from bundles import ectopic_signal, tiny_bundle
from test_classify_damaged import damaged

from data_prep.errors import DataError
from data_prep.io.formats import open_recording
from data_prep.io.record import write_record
from ecg_nas.bundle.manifest import MANIFEST, MODEL, load
from ecg_nas.errors import EcgNasError
from ecg_nas.inference.classifier import Classifier
from ecg_nas.inference.recording_beats import classify_recording
from ecg_nas.inference.verify import verify

VALUES = (
    None, True, -1, 0, 3, 10**12, 1e300, "", "x", "../../x", [], [0], [-1], ["a", "a"], {},
    {"a": 1}, "N", 1e-9, [[]],
)  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A bundle, and a recording for it."""
    folder = tmp_path_factory.mktemp("made")
    tiny_bundle(folder / "bundle")
    signal, beats, _ = ectopic_signal(np.random.default_rng(7), fs_hz=250.0, seconds=12)
    write_record(folder / "w", signal=signal, fs_hz=250.0, leads=("MLII", "V1"))
    return folder, beats


def altered(manifest, rng):
    """Put a wrong value somewhere into ``manifest``, or take one out; return it."""
    at, path = manifest, []
    while isinstance(at, dict | list) and len(at):
        names = list(at) if isinstance(at, dict) else range(len(at))
        path.append((at, names[int(rng.integers(len(names)))]))
        at = at[path[-1][1]]
        if rng.random() < 0.25:
            break
    holder, name = path[-1]
    if rng.random() < 0.15:
        del holder[name]
    else:
        holder[name] = VALUES[int(rng.integers(len(VALUES)))]
    return manifest


def signed(manifest):
    """Return the text of ``manifest`` with the digest that it must have."""
    manifest.pop("digest", None)
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    manifest["digest"] = hashlib.sha256(text.encode()).hexdigest()
    return json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"


def attempt(folder, record, beats):
    """Return why a bundle was refused; ``None`` if it was verified or did classify."""
    try:
        classifier = Classifier(load(folder))
        leads = ("MLII", "V1")[: len(classifier.bundle.spec.signal.leads)]
        recording = open_recording(record, leads=leads)
        recording.beats = lambda annotator: beats
        classify_recording(classifier, recording, beats="x")
        verify(folder)
    except (DataError, EcgNasError) as error:
        return str(error)
    return None


def run(made, tmp_path, name, seeds):
    """Return how many of the damaged bundles were refused."""
    folder, beats = made
    copy = tmp_path / "copy"
    shutil.copytree(folder / "bundle", copy, dirs_exist_ok=True)
    whole = (copy / name).read_bytes()
    refused = 0
    for seed in seeds:
        rng = np.random.default_rng(seed)
        manifest = json.loads((folder / "bundle" / MANIFEST).read_text("utf-8"))
        if name == MANIFEST:
            altered(manifest, rng)
        else:
            content = damaged(whole, rng)
            (copy / name).write_bytes(content)
            digest = hashlib.sha256(content).hexdigest()
            manifest["files"][name] = {"sha256": digest, "bytes": len(content)}
        (copy / MANIFEST).write_text(signed(manifest), "utf-8")
        before = {path.name: path.read_bytes() for path in copy.iterdir()}
        began = time.perf_counter()
        message = attempt(copy, folder / "w", beats)
        assert time.perf_counter() - began < 30, seed
        assert "\n" not in (message or ""), (seed, message)
        assert {path.name: path.read_bytes() for path in copy.iterdir()} == before
        assert [path.name for path in tmp_path.iterdir()] == ["copy"]
        refused += message is not None
    return refused


@pytest.mark.parametrize("name", [MANIFEST, MODEL])
def test_damaged_bundles(made, tmp_path, name):
    assert run(made, tmp_path, name, range(25)) > 8


@pytest.mark.slow
@pytest.mark.parametrize("name", [MANIFEST, MODEL])
def test_many_damaged_bundles(made, tmp_path, name):
    run(made, tmp_path, name, range(25, 1025))
