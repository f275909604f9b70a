"""Damaged recordings: one line each, no traceback, no hang, nothing written but results."""

import time

import numpy as np
import pytest
from bundles import tiny_bundle
from recordings import write_csv, write_edf

from data_prep.errors import DataError
from data_prep.io.formats import open_recording
from data_prep.io.record import write_record
from ecg_nas.bundle.manifest import load
from ecg_nas.errors import EcgNasError
from ecg_nas.inference import output_writers
from ecg_nas.inference.classifier import Classifier
from ecg_nas.inference.recording_beats import classify_recording

KINDS = ("hea", "dat", "csv", "edf", "212.hea")
TOKENS = [
    b"", b"-1", b"0", b"1e9", b"nan", b"inf", b"99999999999999999999", b"\0", b"\n", b",", b"~",
    b"/", b"x", b" ", b'"', b"\xff\xfe", b"1e-9", b"212", b"310", b"508", b"../../x", b"(", b"8",
]  # fmt: skip


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return load(tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny"))


@pytest.fixture(scope="module")
def whole():
    rng = np.random.default_rng(0)
    beats = np.exp(-(((np.arange(2000) % 200) - 100.0) ** 2) / 20)
    return (np.stack([beats, -0.5 * beats], axis=1) + rng.normal(0, 0.01, (2000, 2))).astype("f4")


def damaged(content, rng):
    """Replace, cut out or double a few bytes, or put a token in; sometimes all are random."""
    if rng.random() < 0.05:
        return rng.bytes(int(rng.integers(0, 2000)))
    out = bytearray(content)
    for _ in range(int(rng.integers(1, 4))):
        # Heads are small and matter most.
        reach = len(out) if rng.random() < 0.4 else min(len(out), 400)
        at = int(rng.integers(0, reach + 1))
        kind = rng.integers(0, 5)
        if kind == 0:
            out[at : at + 1] = rng.bytes(1)
        elif kind == 1:
            out[at : at + int(rng.integers(1, 60))] = b""
        elif kind == 2:
            token = TOKENS[int(rng.integers(len(TOKENS)))]
            out[at : at + len(token)] = token
        elif kind == 3:
            out[at:at] = TOKENS[int(rng.integers(len(TOKENS)))]
        else:
            out[at:] = out[:at] if rng.random() < 0.2 else b""
    return bytes(out)


def case(folder, kind, seed, signal):
    rng = np.random.default_rng([KINDS.index(kind), seed])
    end = kind.rsplit(".", maxsplit=1)[-1]
    if end == "csv":
        file = write_csv(folder / "r.csv", signal, leads=("MLII (mV)", "V1 (mV)"))
    elif end == "edf":
        onsets = np.arange(8.0) if seed % 2 else None
        file = write_edf(
            folder / "r.edf", signal.T, per_frame=(250, 250), labels=("MLII", "V1"), onsets=onsets
        )
    else:
        fmt = "212" if kind.startswith("212") else "16"
        header = write_record(
            folder / "r", signal=signal, fs_hz=250.0, leads=("MLII", "V1"), fmt=fmt
        )
        file = header.with_suffix(f".{end}")
    file.write_bytes(damaged(file.read_bytes(), rng))
    return file if end in ("csv", "edf") else folder / "r"


def attempt(classifier, path, out, *, detect):
    """Return why a recording was refused; ``None`` if it was classified."""
    try:
        recording = open_recording(path, leads=classifier.bundle.spec.signal.leads)
        file = output_writers.target(recording.path, out, "ecgnas", "wfdb")
        # Detectors are slow; they get finite numbers whatever the file says.
        recording.beats = lambda annotator: np.arange(100, recording.n_samples, 200)
        found = classify_recording(
            classifier, recording, beats="detected" if detect else "x", gate=True
        )
        output_writers.write(found, classifier.bundle, file, "wfdb")
    except (DataError, EcgNasError) as error:
        return str(error)
    assert np.isfinite(found.probabilities[found.called >= 0]).all()
    return None


def run(bundle, folder, cases, whole):
    """Classify damaged recordings; return how many were refused."""
    classifier = Classifier(bundle)
    refused = 0
    for kind, seed in cases:
        place = folder / "in"
        place.mkdir(exist_ok=True)
        for file in place.iterdir():
            file.unlink()
        path = case(place, kind, seed, whole)
        out = folder / "out"
        out.mkdir(exist_ok=True)
        inputs = {file.name: file.read_bytes() for file in place.iterdir()}
        began = time.perf_counter()
        message = attempt(classifier, path, out, detect=seed % 10 == 0)
        refused += message is not None
        assert "\n" not in (message or ""), (kind, seed)
        assert time.perf_counter() - began < 30, (kind, seed)
        assert {file.name: file.read_bytes() for file in place.iterdir()} == inputs
        assert {path.name for path in folder.iterdir()} <= {"in", "out"}
        assert {path.name for path in out.iterdir()} <= {"r.ecgnas"}
    return refused


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_recordings(bundle, tmp_path, whole, kind):
    refused = run(bundle, tmp_path, [(kind, seed) for seed in range(60)], whole)
    assert refused > 0 or kind == "dat"


@pytest.mark.slow
def test_many_damaged_recordings(bundle, tmp_path, whole):
    for kind in KINDS:
        run(bundle, tmp_path, [(kind, seed) for seed in range(60, 2060)], whole)
