"""Classify the beats of a whole recording, read piece by piece.

Filters, windows, levels and rhythm are those of an evaluation on the same recording, number by
number. The signal is read once; what is kept are the beats' windows (about 80 MB a day), since
the median beat and the mean interval that a network may compare with are of all of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from data_prep.beats.beat_spec import BeatSpec
from data_prep.beats.cutting import with_neighbours
from data_prep.beats.normalization import Levels, qrs_sizes, record_levels, running_levels
from data_prep.beats.rhythm import rhythm_context, running_context
from data_prep.dsp import quality
from data_prep.dsp.quality import Segment
from data_prep.io.recording import Recording
from data_prep.streaming.blocks import PIECE_S, RecordingReader
from data_prep.tasks import Task
from ecg_nas.errors import BundleError
from ecg_nas.inference.classifier import Classifier
from ecg_nas.inference.plausibility import PlausibilityWarning, alike_to, plausibility_warnings

DETECTED: Final = "detected"
BATCH: Final = 256

Progress = Callable[[float, float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifiedRecording:
    """The beats of one recording and what was made of them.

    Attributes:
        recording: Which one.
        model: Name of the bundle's file that classified it.
        beats_from: ``detected``, or the annotator that gave the beats.
        gated: Whether beats where the signal is unreadable were left out.
        task: Whose classes they are.
        samples: ``(beats,)`` int64 R peaks, in samples of the recording.
        called: ``(beats,)`` int64 index of the class; -1 where a lead that the network needs
            cannot be read, so that the beat is not classified.
        probabilities: ``(beats, classes)`` float32; NaN where it is not classified.
        qrs_mv: ``(leads,)`` median size of the QRS complexes; 0 without beats.
        segments: Where leads cannot be read.
        alike: ``(leads,)`` how alike the usual QRS complex is to that of the training patients,
            from -1 (upside down) to 1; ``None`` where the bundle or the recording does not tell.
        warnings: What does not look plausible: a wrong unit, leads upside down.
        seconds: How long it took.
    """

    recording: Recording
    model: str
    beats_from: str
    gated: bool
    task: Task
    samples: NDArray[np.int64]
    called: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    qrs_mv: NDArray[np.float32]
    segments: tuple[Segment, ...]
    alike: NDArray[np.float64] | None
    warnings: tuple[PlausibilityWarning, ...]
    seconds: float

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self.task.classes

    @property
    def times_s(self) -> NDArray[np.float64]:
        """Times of the beats."""
        return self.samples / self.recording.fs_hz

    @property
    def labels(self) -> NDArray[np.str_]:
        """``(beats,)`` class of each beat; ``?`` where it is not classified."""
        return np.array([*self.classes, "?"])[self.called]

    @property
    def unreadable(self) -> list[tuple[float, float]]:
        """The times at which no lead can be read."""
        return quality.spans(self.segments, range(len(self.recording.leads)), of_all=True)

    @property
    def partly_unreadable(self) -> list[tuple[float, float]]:
        """The times at which a lead that the network needs cannot be read."""
        return quality.spans(self.segments)


def classify_recording(
    classifier: Classifier,
    recording: Recording,
    *,
    beats: str = DETECTED,
    gate: bool | None = None,
    piece_s: float = PIECE_S,
    on_progress: Progress = lambda done_s, duration_s: None,
) -> ClassifiedRecording:
    """Classify the beats of a recording.

    Args:
        classifier: The model.
        recording: Opened with as many leads as the model takes, in its order.
        beats: ``detected``, or the extension of an annotation file whose beats are taken.
        gate: Whether beats in unreadable segments are left out (no lead is readable) or left
            unclassified (not all are); by default for detected beats only, since who annotated a
            beat has seen it.
        piece_s: Seconds to read at a time; no result depends on it.
        on_progress: Called with the seconds done and the recording's duration.

    Raises:
        BundleError: If the recording was opened with another number of leads.
        DataError: If it cannot be read.
    """
    began = time.perf_counter()
    spec = classifier.bundle.spec
    if len(recording.leads) != len(spec.signal.leads):
        raise BundleError(
            f"the bundle {classifier.bundle.folder} needs {len(spec.signal.leads)} leads "
            f"({', '.join(spec.signal.leads)}); got {', '.join(recording.leads)}"
        )
    reader = RecordingReader(recording, spec, piece_s=piece_s)
    blocks = reader.detected() if beats == DETECTED else reader.given(recording.beats(beats))
    samples, windows = [np.zeros(0, dtype=np.int64)], [_no_windows(spec)]
    for block in blocks:
        samples.append(block.samples)
        windows.append(block.windows)
        on_progress(block.done_s, recording.duration_s)
    positions, own = np.concatenate(samples), np.concatenate(windows)
    del windows
    qrs_mv = _usual_size(own, spec)
    segments = reader.quality.finish(qrs_mv)
    readable = np.ones(len(positions), dtype=bool)
    gated = beats == DETECTED if gate is None else gate
    if gated:
        times_s = positions / recording.fs_hz
        leads = range(len(recording.leads))
        lost = quality.inside(times_s, quality.spans(segments, leads, of_all=True))
        readable = ~quality.inside(times_s, quality.spans(segments))[~lost]
        if lost.any():
            positions, own = positions[~lost], own[~lost]
    probabilities = np.full((len(positions), len(spec.signal.classes)), np.nan, dtype=np.float32)
    levels, context = presented(own, positions / recording.fs_hz, readable, spec)
    for rows, inputs in batches(own, levels, context, readable, spec):
        probabilities[rows] = classifier.run(inputs)
    called = np.full(len(positions), -1, dtype=np.int64)
    called[readable] = probabilities[readable].argmax(axis=1)
    kept = own if readable.all() else own[readable]
    alike = alike_to(classifier.bundle.manifest.usual_qrs, kept, spec)
    return ClassifiedRecording(
        recording=recording,
        model=classifier.model.name,
        beats_from=beats,
        gated=gated,
        task=classifier.bundle.task,
        samples=positions,
        called=called,
        probabilities=probabilities,
        qrs_mv=qrs_mv,
        segments=segments,
        alike=alike,
        warnings=tuple(plausibility_warnings(recording.leads, kept, qrs_mv, alike, spec)),
        seconds=time.perf_counter() - began,
    )


def _no_windows(spec: BeatSpec) -> NDArray[np.float32]:
    return np.zeros((0, len(spec.signal.leads), spec.samples), dtype=np.float32)


def _usual_size(own: NDArray[np.float32], spec: BeatSpec) -> NDArray[np.float32]:
    if len(own) == 0:
        return np.zeros(own.shape[1], dtype=np.float32)
    return np.asarray(np.median(qrs_sizes(own, spec), axis=0), dtype=np.float32)


def batches(
    own: NDArray[np.float32],
    levels: Levels,
    context: NDArray[np.float32],
    readable: NDArray[np.bool_],
    spec: BeatSpec,
) -> Iterator[tuple[NDArray[np.int64], dict[str, NDArray[np.float32]]]]:
    """Yield the network's inputs batch by batch, and which beats they are of.

    Args:
        own: ``(beats, leads, samples)`` own windows of all beats.
        levels: Those of the readable beats.
        context: ``(beats, features)`` of all beats.
        readable: ``(beats,)`` which to classify.
        spec: How they were cut.
    """
    wanted = np.flatnonzero(readable)
    for first in range(0, len(wanted), BATCH):
        rows = wanted[first : first + BATCH]
        level = levels.level[first : first + BATCH]
        yield (
            rows,
            {
                "window": with_neighbours(own, rows, spec),
                "scale": levels.scale[level],
                "reference": levels.reference[level],
                "context": context[rows],
            },
        )


def presented(
    own: NDArray[np.float32],
    times_s: NDArray[np.float64],
    readable: NDArray[np.bool_],
    spec: BeatSpec,
) -> tuple[Levels, NDArray[np.float32]]:
    """Return the levels and the rhythm context of a recording's beats.

    All beats take part in the rhythm, the readable ones in the levels.
    """
    if len(own) == 0:
        return record_levels(own, spec), np.zeros((0, len(spec.context_names)), dtype=np.float32)
    kept = own if readable.all() else own[readable]
    levels = running_levels(kept, spec) if spec.causal else record_levels(kept, spec)
    return levels, (running_context if spec.causal else rhythm_context)(times_s, spec.rhythm)
