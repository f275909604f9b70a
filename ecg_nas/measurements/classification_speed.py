"""How fast a bundle classifies on this machine: a whole recording, one beat, a batch."""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from data_prep.io.formats import open_recording
from data_prep.io.record import write_annotations, write_record
from ecg_nas.bundle.manifest import Bundle
from ecg_nas.errors import BundleError
from ecg_nas.inference.classifier import Classifier, session
from ecg_nas.inference.recording_beats import (
    BATCH,
    DETECTED,
    batches,
    classify_recording,
    presented,
)
from ecg_nas.memory import peak_mib

_TILE_S: Final = 600.0
_PATIENT: Final = 6  # of the simulated ones: many ectopic beats
_REPEATS: Final = 30


def measure(bundle: Bundle, *, hours: float = 24.0) -> dict[str, Any]:
    """Time a simulated recording of two leads at 250 Hz, then single beats and batches.

    Args:
        bundle: The model; of one or two leads.
        hours: Length of the recording: ten simulated minutes, again and again.

    Returns:
        ``duration_s``, ``beats``, ``seconds`` (read, beats found, classified),
        ``seconds_beats_given`` (beats not found but read), ``times_real_time``, ``peak_mib`` (of
        the whole process; ``None`` where the system does not say), ``latency_ms`` and
        ``beats_per_s`` (in batches of 256, which we put together) of ``ours`` and of
        ``onnxruntime`` alone on the same inputs, ``overhead`` (of the batches, as a fraction),
        ``int8`` (these three of the INT8 model; ``None`` without one) and ``load`` (of the
        machine).

    Raises:
        BundleError: If the model needs more leads than are simulated.
        DataError: If the recording cannot be written.
    """
    n_leads = len(bundle.spec.signal.leads)
    if n_leads > 2:
        raise BundleError(
            f"the measured bundle must have one or two leads, as are simulated; {bundle.folder} "
            f"needs {n_leads}"
        )
    classifier = Classifier(bundle)
    with tempfile.TemporaryDirectory() as folder:
        path = _write(Path(folder) / "tiled", hours)
        recording = open_recording(path, leads=("#0", "#1")[:n_leads])
        found = classify_recording(classifier, recording, beats=DETECTED)
        given = classify_recording(classifier, recording, beats="atr")
    return {
        "duration_s": recording.duration_s,
        "beats": len(found.samples),
        "seconds": found.seconds,
        "seconds_beats_given": given.seconds,
        "times_real_time": recording.duration_s / found.seconds,
        "peak_mib": peak_mib(),
        **_network(classifier),
        "int8": None if bundle.int8 is None else _network(Classifier(bundle, int8=True)),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }


def _network(classifier: Classifier) -> dict[str, Any]:
    """Compare with onnxruntime alone, whose inputs lie ready."""
    spec = classifier.bundle.spec
    rng = np.random.default_rng(0)
    shape = (BATCH * 8, len(spec.signal.leads), spec.samples)
    own = rng.normal(0, 0.3, shape).astype(np.float32)
    times_s = np.cumsum(rng.uniform(0.6, 1.0, len(own)))
    readable = np.ones(len(own), dtype=bool)
    levels, context = presented(own, times_s, readable, spec)
    ready = [inputs for _, inputs in batches(own, levels, context, readable, spec)]
    bare = session(classifier.model)
    one = {name: values[:1] for name, values in ready[0].items()}
    wanted = [node.name for node in bare.get_inputs()]

    def ours() -> None:
        for _, inputs in batches(own, levels, context, readable, spec):
            classifier.run(inputs)

    def alone() -> None:
        for inputs in ready:
            bare.run(None, {name: inputs[name] for name in wanted})

    whole, model = _fastest(ours, alone)
    single, single_model = _fastest(
        lambda: classifier.run(one), lambda: bare.run(None, {name: one[name] for name in wanted})
    )
    return {
        "latency_ms": {"ours": 1000 * single, "onnxruntime": 1000 * single_model},
        "beats_per_s": {"ours": len(own) / whole, "onnxruntime": len(own) / model},
        "overhead": whole / model - 1,
    }


def _fastest(*calls: Callable[[], Any]) -> list[float]:
    """Return the shortest time of each call, taken in turn: what else runs only adds to it."""
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(_REPEATS):
        for call, own in zip(calls, times, strict=True):
            began = time.perf_counter()
            call()
            own.append(time.perf_counter() - began)
    return [min(own) for own in times]


def _write(path: Path, hours: float) -> Path:
    """Write ten simulated minutes over and over, without having all of it in memory."""
    from data_prep.sources.synthetic import simulate_record

    tile = simulate_record(_PATIENT, duration_s=_TILE_S)
    times = max(round(hours * 3600 / _TILE_S), 1)
    write_record(path, signal=tile.signal, fs_hz=tile.fs_hz, leads=tile.leads)
    data, header = path.with_suffix(".dat"), path.with_suffix(".hea")
    content = data.read_bytes()
    with data.open("wb") as opened:
        for _ in range(times):
            opened.write(content)
    n_samples = len(tile.signal)
    text = header.read_text(encoding="utf-8")
    text = re.sub(rf"\b{n_samples}\b", str(n_samples * times), text, count=1)
    header.write_text(text, encoding="utf-8")
    starts = np.arange(times)[:, None] * n_samples
    write_annotations(
        path, "atr", samples=(starts + tile.beats).ravel(),
        symbols=np.tile(tile.symbols, times), fs_hz=tile.fs_hz,
    )  # fmt: skip
    return path
