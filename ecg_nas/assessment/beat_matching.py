"""What became of every beat: what it was, what it was called, missed or false.

One row a beat. A beat that only the annotators have was missed: a false negative of its class. A
beat that only the detector has is a false positive of the class that it was given. A beat whose
symbol has no class in the data set's mapping cannot be judged by class; it stands in the corner
of the confusion matrix, where it counts as a beat that did not get its class. One whose symbol the
task leaves out takes no part, neither where it was annotated nor where it was detected.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_prep.store.dataset import BeatDataset, SignalStore
from data_prep.tasks import Task
from ecg_nas.assessment.detected_beats import in_fibrillation, pair
from ecg_nas.metrics.classification import Counts, grouped_confusion


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """All beats of one side of a data set, annotated or detected.

    Attributes:
        task: Whose classes they are; their number stands for "none" below.
        truth: ``(beats,)`` class by the annotators; none: they have no such beat, or it has no
            class.
        called: ``(beats,)`` class by the classifier; none: it was not found, or has no class.
        probabilities: ``(beats, classes)`` of the classifier; NaN where there is none.
        record: ``(beats,)`` index of the record.
        sample: ``(beats,)`` position at the record's own sampling rate: as classified, or as
            annotated for a missed beat.
    """

    task: Task
    truth: Counts
    called: Counts
    probabilities: NDArray[np.float32]
    record: Counts
    sample: Counts

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self.task.classes

    @property
    def none(self) -> int:
        """The number that stands for no class."""
        return len(self.classes)

    def confusion(self, group: Counts, groups: int) -> Counts:
        """Return one confusion matrix a group, ``(groups, classes + 1, classes + 1)``.

        The last column holds missed beats, the last row false ones, the corner beats without a
        class.
        """
        return grouped_confusion(
            self.truth, self.called, group, groups=groups, classes=self.none + 1
        )

    @property
    def judged(self) -> NDArray[np.bool_]:
        """Which beats were classified and can be right or wrong."""
        return np.asarray(self.called != self.none)


def of_annotated_beats(
    store: SignalStore, data: BeatDataset, probabilities: NDArray[np.float32]
) -> Outcomes:
    """Return the outcomes where beats were cut at the annotated positions.

    Args:
        store: The side of the data set.
        data: Its beats that have a class.
        probabilities: ``(beats, classes)`` of the classifier for ``data``.
    """
    none = len(data.spec.signal.classes)
    dropped = (store.beats["y"] < 0) & ~left_out(store)
    n_dropped = int(dropped.sum())
    return Outcomes(
        task=data.spec.signal.task,
        truth=np.concatenate([data.y, np.full(n_dropped, none)]),
        called=np.concatenate([_called(probabilities), np.full(n_dropped, none)]),
        probabilities=_with_unknown(probabilities, n_dropped),
        record=np.concatenate([data.record, store.beats["record"][dropped]]),
        sample=np.concatenate([data.sample, store.beats["sample"][dropped]]),
    )


def of_detected_beats(
    store: SignalStore, data: BeatDataset, probabilities: NDArray[np.float32]
) -> Outcomes:
    """Return the outcomes where beats were cut at detected positions.

    Beats are paired within 150 ms by EC57's rules, from the first sample to the last. Detected
    beats within annotated ventricular flutter or fibrillation are not counted.

    Args:
        store: The side of the data set, with the annotated beats.
        data: The detected beats.
        probabilities: ``(beats, classes)`` of the classifier for ``data``.
    """
    none = len(data.spec.signal.classes)
    truth = np.full(len(data), none)
    called = _called(probabilities)
    counted = np.ones(len(data), dtype=bool)
    missed, no_part = [], left_out(store)
    for index, record in enumerate(store.records):
        own = np.flatnonzero(data.record == index)
        annotated = np.flatnonzero(store.beats["record"] == index)
        y = store.beats["y"][annotated]
        partner = pair(
            store.beats["sample"][annotated],
            data.sample[own],
            fs_hz=record.fs_hz,
            n_samples=record.n_samples,
        )
        is_paired = partner >= 0
        paired_y = y[partner[is_paired]]
        truth[own[is_paired]] = np.where(paired_y < 0, none, paired_y)
        called[own[is_paired][paired_y < 0]] = none
        notes = store.annotations(record.name)
        counted[own] = is_paired | ~in_fibrillation(notes, data.sample[own])
        counted[own[is_paired][no_part[annotated[partner[is_paired]]]]] = False
        lost_here = np.delete(annotated, partner[is_paired])
        missed.append(lost_here[~no_part[lost_here]])
    lost = np.concatenate(missed) if missed else np.zeros(0, dtype=np.int64)
    y_lost = store.beats["y"][lost]
    return Outcomes(
        task=data.spec.signal.task,
        truth=np.concatenate([truth[counted], np.where(y_lost < 0, none, y_lost)]),
        called=np.concatenate([called[counted], np.full(len(lost), none)]),
        probabilities=_with_unknown(probabilities[counted], len(lost)),
        record=np.concatenate([data.record[counted], store.beats["record"][lost]]),
        sample=np.concatenate([data.sample[counted], store.beats["sample"][lost]]),
    )


def left_out(store: SignalStore) -> NDArray[np.bool_]:
    """Tell which beats of a side have no class since the task leaves their symbol out."""
    symbols = [symbol for symbol, _ in store.signal_spec.task.left_out]
    return np.asarray((store.beats["y"] < 0) & np.isin(store.beats["symbol"], symbols))


def _called(probabilities: NDArray[np.float32]) -> Counts:
    return np.asarray(probabilities.argmax(axis=1), dtype=np.int64)


def _with_unknown(probabilities: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    unknown = np.full((count, probabilities.shape[1]), np.nan, dtype=np.float32)
    return np.concatenate([probabilities, unknown])
