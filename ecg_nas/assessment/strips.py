"""Pieces of recordings with their beats, drawn on ECG paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from data_prep import tasks
from data_prep.ec57.beat_by_beat import compare
from data_prep.errors import DataError
from data_prep.io.annotations import BEAT_SYMBOLS, Annotations, annotation_file
from data_prep.io.formats import open_file
from data_prep.store.dataset import SignalStore
from data_prep.tasks import Task
from ecg_nas.assessment.beat_matching import Outcomes
from ecg_nas.figures.strip import Beats, Mark, clock, strip
from ecg_nas.inference.recording_beats import ClassifiedRecording

LONGEST_S: Final = 600.0
_NOTICE = "Research use only, not a medical device."
# Besides beats: flutter waves, and where flutter or fibrillation begins and ends.
_SHOWN = BEAT_SYMBOLS | set("![]")


def of_record(
    path: Path,
    *,
    from_s: float = 0.0,
    to_s: float | None = None,
    annotators: Sequence[str] | None = None,
    leads: Sequence[str] | None = None,
    line_s: float = 10.0,
) -> str:
    """Draw a piece of a recording as it was recorded, with its annotators' beats.

    Beats are coloured by class (``bxb``'s mapping). Where another annotator's beats differ from
    the first one's, paired as EC57 does, is marked.

    Args:
        path: The recording, as for ``data_prep.io.formats.open_recording``.
        from_s: Where to begin.
        to_s: Where to end; by default after one line. The record's end, if that comes first.
        annotators: Extensions of annotation files, the first one the reference; by default
            ``atr``, if there is one.
        leads: Leads to draw, as for ``data_prep.io.leads.choose_leads``; all of them by default.
        line_s: Seconds a line.

    Returns:
        SVG text.

    Raises:
        DataError: If the record or its annotations cannot be read, or there is no such piece.
    """
    task = tasks.load(tasks.DEFAULT)
    recording = open_file(path).choose(leads)
    path, duration_s = recording.path, recording.duration_s
    to_s = from_s + line_s if to_s is None else to_s
    _refuse_span(path, from_s, to_s, duration_s)
    if annotators is None:
        annotators = [] if annotation_file(path, "atr") is None else ["atr"]
    notes = {name: recording.annotations(name) for name in annotators}
    fs_hz = recording.fs_hz
    first, last = (round(time * fs_hz) for time in (from_s, min(to_s, duration_s)))
    return strip(
        recording.read(first, last),
        fs_hz,
        recording.leads,
        task=task,
        start_s=first / fs_hz,
        annotators=[_beats(name, own, task) for name, own in notes.items()],
        marks=_disagreements(notes, recording.annotation_fs_hz),
        line_s=line_s,
        title=f"Record {path.name}, {clock(from_s)} to {clock(min(to_s, duration_s))}",
        note=_NOTICE,
    )


def of_mistake(
    store: SignalStore,
    outcomes: Outcomes,
    mistake: Mapping[str, Any],
    *,
    seconds: float = 6.0,
    name: str = "strip",
) -> str:
    """Draw the beats around a mistake, in the filtered signals of the store.

    Args:
        store: The side of the data set.
        outcomes: What became of each of its beats.
        mistake: One of ``mistakes`` of an evaluation.
        seconds: How much to draw; 6 s fit on a portrait page.
        name: Prefix of the ids, when a page shows several.

    Returns:
        SVG text.
    """
    index = [record.name for record in store.records].index(mistake["record"])
    record, fs_hz = store.records[index], store.signal_spec.fs_hz
    length = min(round(seconds * fs_hz), record.length)
    first = min(max(round(mistake["time_s"] * fs_hz) - length // 2, 0), record.length - length)
    start_s, stop_s = first / fs_hz, (first + length) / fs_hz
    own = outcomes.record == index
    times = outcomes.sample / record.fs_hz
    near = own & (times >= start_s) & (times < stop_s)
    called = np.flatnonzero(near & outcomes.judged)
    letters = (*outcomes.classes, "–")
    names = [letters[k] for k in outcomes.called[called].tolist()]
    wrong = np.flatnonzero(near & (outcomes.truth != outcomes.called))
    rows = [
        _annotated(store, index),
        Beats(name="model", times_s=times[called], classes=names, letters=names),
    ]
    marks = [
        Mark(
            time_s=float(times[beat]),
            text=f"{letters[outcomes.truth[beat]]}→{letters[outcomes.called[beat]]}",
        )
        for beat in sorted(wrong.tolist(), key=lambda beat: float(times[beat]))
    ]
    return strip(
        np.asarray(store.signal[record.offset + first : record.offset + first + length]),
        fs_hz,
        record.leads,
        task=outcomes.task,
        start_s=start_s,
        annotators=rows,
        marks=marks,
        line_s=seconds,
        title=f"Record {record.name} at {clock(mistake['time_s'])}",
        name=name,
    )


def of_classified(
    classified: ClassifiedRecording, beat: int, *, seconds: float = 6.0, name: str = "strip"
) -> str:
    """Draw the beats around one beat of a classified recording, as it was recorded.

    Args:
        classified: The recording.
        beat: Which of its beats.
        seconds: How much to draw; 6 s fit on a portrait page.
        name: Prefix of the ids, when a page shows several.

    Returns:
        SVG text.

    Raises:
        DataError: If the recording can no longer be read.
    """
    recording = classified.recording
    length = min(round(seconds * recording.fs_hz), recording.n_samples)
    first = int(classified.samples[beat]) - length // 2
    first = min(max(first, 0), recording.n_samples - length)
    names = (*classified.classes, "?")
    called = [names[place] for place in classified.called.tolist()]
    near = slice(*np.searchsorted(classified.samples, (first, first + length)))
    return strip(
        recording.read(first, first + length),
        recording.fs_hz,
        recording.leads,
        task=classified.task,
        start_s=first / recording.fs_hz,
        annotators=[
            Beats(
                name="model",
                times_s=classified.times_s[near],
                classes=called[near],
                letters=called[near],
            )
        ],
        line_s=seconds,
        title=f"{recording.name} at {clock(float(classified.times_s[beat]))}",
        note=_NOTICE,
        name=name,
    )


def _refuse_span(path: Path, from_s: float, to_s: float, duration_s: float) -> None:
    if not 0 <= from_s < duration_s:
        raise DataError(
            f"the strip must begin within record {path}, which is {clock(duration_s)} long; got "
            f"{clock(from_s)}: give an earlier --from"
        )
    if to_s <= from_s:
        raise DataError(
            f"the strip must end after its beginning at {clock(from_s)}; got {clock(to_s)}: give "
            "a later --to"
        )
    if min(to_s, duration_s) - from_s > LONGEST_S:
        raise DataError(
            f"a strip may be up to {clock(LONGEST_S)} long; got {clock(from_s)} to "
            f"{clock(min(to_s, duration_s))}: give a later --from or an earlier --to"
        )


def _beats(name: str, notes: Annotations, task: Task) -> Beats:
    class_of = task.mapping("bxb")
    shown = np.isin(notes.symbols, list(_SHOWN))
    symbols = notes.symbols[shown].tolist()
    return Beats(
        name=name,
        times_s=notes.samples[shown] / notes.fs_hz,
        classes=[class_of.get(symbol, "") for symbol in symbols],
        letters=symbols,
    )


def _annotated(store: SignalStore, index: int) -> Beats:
    record = store.records[index]
    own = store.beats["record"] == index
    classes = (*store.signal_spec.classes, "")
    return Beats(
        name=record.annotator,
        times_s=store.beats["sample"][own] / record.fs_hz,
        classes=[classes[y] for y in store.beats["y"][own].tolist()],  # -1, no class, is the last
        letters=[str(symbol) for symbol in store.beats["symbol"][own]],
    )


def _disagreements(notes: Mapping[str, Annotations], fs_hz: float) -> list[Mark]:
    """Return where each further annotator disagrees with the first: ``V→N``, ``–`` for no beat."""
    if len(notes) < 2:
        return []
    reference, *others = notes
    marks = []
    for other in others:
        compared = compare(notes[reference], notes[other], fs_hz=fs_hz, start_s=0)
        suffix = f" {other}" if len(others) > 1 else ""
        for match in compared.matches:
            truth, called = _letter(match.cell[0]), _letter(match.cell[1].upper())
            if truth != called:
                at = match.test if match.reference is None else match.reference
                assert at is not None
                marks.append(Mark(time_s=at / fs_hz, text=f"{truth}→{called}{suffix}"))
    return sorted(marks, key=lambda mark: mark.time_s)


def _letter(name: str) -> str:
    return "–" if name in "OX" else name
