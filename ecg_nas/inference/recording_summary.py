"""What a recording amounts to: counts, runs, heart rate, pauses, what could not be read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ecg_nas.inference.recording_beats import ClassifiedRecording

_RATE_WINDOW_S: Final = 60.0
_LEAST_OF_WINDOW: Final = 0.5  # of it must be intervals, or it tells no rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervals:
    """The RR intervals that can be trusted: nothing unreadable lies between their beats.

    Attributes:
        seconds: ``(n,)`` their lengths.
        end_s: ``(n,)`` when they end.
    """

    seconds: NDArray[np.float64]
    end_s: NDArray[np.float64]


def intervals(classified: ClassifiedRecording) -> Intervals:
    """Return the RR intervals of a recording; all of them where nothing was left out."""
    times = classified.times_s
    trusted = np.diff(_gaps_before(classified)) == 0
    return Intervals(seconds=np.diff(times)[trusted], end_s=times[1:][trusted])


def summary(classified: ClassifiedRecording) -> dict[str, Any]:
    """Return the figures of one recording as JSON-able values.

    Returns:
        ``record``, ``beats``, ``counts`` by class, ``unclassified``, ``unreadable_s`` (no lead can
        be read), ``partly_unreadable_s`` (a lead that the network needs cannot), ``seconds``,
        ``duration_s``, ``unreadable_share``, ``beats_from``, ``leads``, ``fs_hz``, ``qrs_mv``,
        ``heart_rate`` (``mean``, ``min`` and ``max`` over minutes, a minute), ``longest_pause``
        (``seconds``, ``at_s``), ``runs`` of each of the task's ``runs_of`` (``couplets``,
        ``runs`` of three or more, ``longest``, ``longest_at_s``), ``stretches``, ``qrs_likeness``
        (by lead, to the training patients' usual QRS complex, -1 to 1; ``None`` where the bundle
        does not tell), ``doubts`` (``kind``: ``unit``, ``inverted`` or ``lead inverted``, and
        ``leads``) and ``warnings`` (the same, in words).
    """
    recording = classified.recording
    counts = np.bincount(
        classified.called[classified.called >= 0], minlength=len(classified.classes)
    )
    unreadable_s = _length(classified.unreadable)
    return {
        "record": recording.name,
        "beats": len(classified.samples),
        "counts": dict(zip(classified.classes, counts.tolist(), strict=True)),
        "unclassified": int((classified.called < 0).sum()),
        "unreadable_s": unreadable_s,
        "partly_unreadable_s": _length(classified.partly_unreadable) - unreadable_s,
        "unreadable_share": unreadable_s / recording.duration_s,
        "seconds": classified.seconds,
        "duration_s": recording.duration_s,
        "beats_from": classified.beats_from,
        "leads": list(recording.leads),
        "fs_hz": recording.fs_hz,
        "qrs_mv": [round(float(size), 4) for size in classified.qrs_mv],
        **_rhythm(intervals(classified), minutes(classified)),
        "runs": {
            kind: _runs(classified, kind) for kind in classified.task.runs_of
        },
        "stretches": [
            {
                "start_s": one.start_s, "stop_s": one.stop_s,
                "lead": recording.leads[one.lead], "reason": one.reason,
            }
            for one in classified.segments
        ],
        "qrs_likeness": None
        if classified.alike is None
        else [round(float(value), 3) for value in classified.alike],
        "doubts": [{"kind": one.kind, "leads": list(one.leads)} for one in classified.warnings],
        "warnings": [one.text for one in classified.warnings],
    }  # fmt: skip


def hourly(classified: ClassifiedRecording) -> Mapping[str, Sequence[int]]:
    """Return the beats of each class in each hour, by class; ``?``: not classified."""
    n_hours = max(math.ceil(classified.recording.duration_s / 3600), 1)
    hours = (classified.times_s // 3600).astype(np.int64)
    out: dict[str, Sequence[int]] = {}
    for place, name in enumerate((*classified.classes, "?")):
        own = classified.called == (place if name != "?" else -1)
        out[name] = np.bincount(hours[own], minlength=n_hours).tolist()
    return out


def minutes(classified: ClassifiedRecording) -> list[tuple[float, float]]:
    """Return the middle (in seconds) and heart rate of each minute that has enough intervals."""
    known = intervals(classified)
    at = (known.end_s // _RATE_WINDOW_S).astype(np.int64)
    total = np.bincount(at, weights=known.seconds)
    number = np.bincount(at)
    return [
        ((minute + 0.5) * _RATE_WINDOW_S, float(60 * number[minute] / total[minute]))
        for minute in np.flatnonzero(total >= _LEAST_OF_WINDOW * _RATE_WINDOW_S).tolist()
    ]


def neighbouring(
    classified: ClassifiedRecording,
) -> tuple[NDArray[np.float64], NDArray[np.float64], list[str]]:
    """Return the RR intervals before and behind each beat that has both, and its class."""
    times = classified.times_s
    trusted = np.diff(_gaps_before(classified)) == 0
    both = np.flatnonzero(trusted[:-1] & trusted[1:] & (classified.called[1:-1] >= 0)) + 1
    kinds = [classified.classes[place] for place in classified.called[both].tolist()]
    return times[both] - times[both - 1], times[both + 1] - times[both], kinds


def _rhythm(known: Intervals, by_minute: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """Return ``heart_rate`` and ``longest_pause``; ``None`` where there are no intervals."""
    if not len(known.seconds) or not known.seconds.sum() > 0:
        return {"heart_rate": {"mean": None, "min": None, "max": None}, "longest_pause": None}
    mean = 60 / float(known.seconds.mean())
    rates = [rate for _, rate in by_minute] or [mean]
    at = int(known.seconds.argmax())
    return {
        "heart_rate": {"mean": mean, "min": min(rates), "max": max(rates)},
        "longest_pause": {
            "seconds": float(known.seconds[at]),
            "at_s": float(known.end_s[at] - known.seconds[at]),
        },
    }


def _runs(classified: ClassifiedRecording, kind: str) -> dict[str, Any]:
    """Count couplets and runs of one class; what is unreadable or unclassified ends a run."""
    is_kind = classified.called == classified.classes.index(kind)
    gaps = _gaps_before(classified)
    # A beat begins a run where the one before is of another class, or a gap lies between.
    goes_on = np.zeros(len(is_kind), dtype=bool)
    goes_on[1:] = is_kind[:-1] & (np.diff(gaps) == 0)
    begins = np.flatnonzero(is_kind & ~goes_on)
    number = np.cumsum(is_kind & ~goes_on)[is_kind]
    lengths = np.bincount(number, minlength=1)[1:]
    longest = int(lengths.argmax()) if len(lengths) else None
    return {
        "couplets": int((lengths == 2).sum()),
        "runs": int((lengths >= 3).sum()),
        "longest": int(lengths.max()) if longest is not None else 0,
        "longest_at_s": None if longest is None else float(classified.times_s[begins[longest]]),
    }


def _gaps_before(classified: ClassifiedRecording) -> NDArray[np.int64]:
    """Return, for each beat, how many unreadable times ended before it."""
    if not classified.gated:
        return np.zeros(len(classified.samples), dtype=np.int64)
    ends = np.array([stop for _, stop in classified.unreadable])
    return np.asarray(np.searchsorted(ends, classified.times_s, side="right"), dtype=np.int64)


def _length(spans: Sequence[tuple[float, float]]) -> float:
    return float(sum(stop - start for start, stop in spans))
