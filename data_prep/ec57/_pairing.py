"""Which test beat belongs to which reference beat: the walk over two annotation files.

The rules are those of PhysioNet's ``bxb``, the reference implementation of ANSI/AAMI EC57. They
walk both files at once with one beat of look-ahead, so what a file says later is not known
earlier: this is why every beat carries how many spans had been read with it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from data_prep import tasks
from data_prep.errors import DataError
from data_prep.io.record import Annotations

# "!" is a flutter wave: its class O is neither a beat to be found nor one to be reported.
CLASS_OF: Final = {**tasks.load(tasks.DEFAULT).mapping("bxb"), "!": "O"}

MATCH_WINDOW_S: Final = 0.15

# A time after every beat and every end of a record.
NEVER: Final = 1 << 62

# Both bits mean: both signals are unreadable.
_UNREADABLE = 0x30

_LAST_SPANS = 2

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Track:
    """The beats of one file with the spans of fibrillation and shutdown around them.

    Attributes:
        times: Positions of the beats, ascending, then :data:`NEVER` twice.
        classes: Their classes (N S V F Q O), then ``-`` twice.
        fibrillation: Spans from ``[`` to ``]``; the beats inside are not among ``times``.
        shutdown: Spans without readable signal.
        n_fibrillation: For each entry of ``times``, how many of ``fibrillation`` the file holds
            before it.
        n_shutdown: The same for ``shutdown``.
    """

    times: list[int]
    classes: list[str]
    fibrillation: list[Span]
    shutdown: list[Span]
    n_fibrillation: list[int]
    n_shutdown: list[int]


class Match(NamedTuple):
    """What became of one beat.

    Attributes:
        cell: Reference class and test class, as in ``Vn``; see :func:`walk`.
        reference: Position of the reference beat; ``None`` for a false one.
        test: Position of the test beat; ``None`` for a missed one.
    """

    cell: str
    reference: int | None
    test: int | None


@dataclass(slots=True)
class Walk:
    """What the walk found.

    Attributes:
        matches: What became of each beat, in the order of time.
        squared_error: Sum of squared differences between RR intervals, in samples².
        n_intervals: How many differences it holds.
    """

    matches: list[Match] = field(default_factory=list)
    squared_error: int = 0
    n_intervals: int = 0


def positions(notes: Annotations, fs_hz: float, what: str) -> list[int]:
    """Return the positions of ``notes`` in samples at ``fs_hz``.

    Raises:
        DataError: If they are negative or not in order.
    """
    if notes.fs_hz == fs_hz:
        times = [int(t) for t in notes.samples.tolist()]
    else:
        times = [round(t * fs_hz / notes.fs_hz) for t in notes.samples.tolist()]
    previous = 0
    for number, time in enumerate(times):
        if time < previous:
            raise DataError(
                f"the {what} annotations must be in order of time, from 0; number {number + 1} "
                f"is at sample {time}, after one at {previous}: sort the file"
            )
        previous = time
    return times


def read_track(notes: Annotations, *, fs_hz: float, window: int, what: str) -> Track:
    """Read the beats of ``notes`` and the spans in which beats do not count.

    Args:
        notes: One annotator's file.
        fs_hz: Rate of the positions to return.
        window: Match window in samples.
        what: What to call the file in a message.

    Raises:
        DataError: If the positions are not in order.
    """
    all_times = positions(notes, fs_hz, what)
    symbols = notes.symbols.tolist()
    subtypes = notes.subtypes.tolist()
    track = Track([], [], [], [], [], [])

    def close(time: int, name: str) -> None:
        track.times.append(time)
        track.classes.append(name)
        track.n_fibrillation.append(len(track.fibrillation))
        track.n_shutdown.append(len(track.shutdown))

    n, i = len(symbols), 0
    while i < n:
        symbol, time = symbols[i], all_times[i]
        i += 1
        if symbol == "[":
            while i < n and symbols[i] != "]":
                i += 1
            track.fibrillation.append((time, all_times[i] if i < n else NEVER))
        elif symbol == "~" and subtypes[i - 1] & _UNREADABLE == _UNREADABLE:
            marked = i < n and symbols[i] == "~" and subtypes[i] & _UNREADABLE != _UNREADABLE
            if marked:
                track.shutdown.append((time, all_times[i]))
            else:
                before = track.times[-1] if track.times else 0
                if track.fibrillation:
                    before = max(before, track.fibrillation[-1][1])
                after = all_times[i] - window if i < n else NEVER
                track.shutdown.append((before + window, after))
        elif symbol in CLASS_OF:
            close(time, CLASS_OF[symbol])
    close(NEVER, "-")
    close(NEVER, "-")
    return track


def walk(reference: Track, test: Track, *, window: int, start: int, end: int) -> Walk:
    """Pair the beats of two files and tell what became of each.

    A pair is ``Vn``, a missed beat ``Vo`` (``Vx`` while the test file is shut down), a false one
    ``On`` (``Xn`` while the reference is).

    Args:
        reference: The truth.
        test: What is to be judged.
        window: How far apart a pair may be, in samples.
        start: Where the comparison starts, in samples.
        end: Where the record ends, in samples.
    """
    result = Walk()
    # T, T2 (reference) and t, t2 (test) below: the beat at hand and the one after it.
    r_times, r_classes = reference.times, reference.classes
    t_times, t_classes = test.times, [name.lower() for name in test.classes]
    i = j = 0
    while r_times[i] < start:
        i += 1
    while t_times[j + 1] < start:
        j += 1
    T, t, t2 = r_times[i], t_times[j], t_times[j + 1]
    # A test beat just before the start may belong to a reference beat just after it. The signs
    # are bxb's: where the test file has no beat before the start, its first one is taken as the
    # pair of the first reference beat even from afar, if its second one is farther still.
    if T < NEVER and t < NEVER and T - t < abs(T - t2) and T - t <= window:
        result.matches.append(Match(r_classes[i] + t_classes[j], T, t))
        i, j = i + 1, j + 1
    elif t < NEVER:
        j += 1
        t, t2 = t_times[j], t_times[j + 1]
        if t < NEVER and t - start <= window and abs(T - t2) < abs(T - t):
            j += 1

    while r_times[i] <= end or t_times[j] <= end:
        expected, found = _interval(reference, i), _interval(test, j)
        if expected is not None and found is not None:
            result.squared_error += (expected - found) ** 2
            result.n_intervals += 1
        T, t = r_times[i], t_times[j]
        T2 = r_times[i + 1] if T < NEVER else NEVER
        t2 = t_times[j + 1] if t < NEVER else NEVER
        if t < T:
            paired = T - t <= window and (T - t < abs(T - t2) or abs(T2 - t2) < abs(T - t2))
        else:
            paired = t - T <= window and (t - T < abs(t - T2) or abs(t2 - T2) < abs(t - T2))
        if paired:
            result.matches.append(Match(r_classes[i] + t_classes[j], T, t))
            i, j = i + 1, j + 1
        elif t < T:
            if not _within(reference.fibrillation, reference.n_fibrillation[i + 1], t):
                out = _within(reference.shutdown, reference.n_shutdown[i + 1], t)
                result.matches.append(Match(("X" if out else "O") + t_classes[j], None, t))
            j += 1
        else:
            out = _within(test.shutdown, test.n_shutdown[j + 1], T)
            result.matches.append(Match(r_classes[i] + ("x" if out else "o"), T, None))
            i += 1
    return result


def _within(spans: list[Span], n_read: int, time: int) -> bool:
    """Tell whether ``time`` lies in one of the last spans that had been read."""
    return any(begin <= time <= end for begin, end in spans[max(n_read - _LAST_SPANS, 0) : n_read])


def _interval(track: Track, i: int) -> int | None:
    """Return the RR interval that ends at beat ``i``; ``None`` where none is defined."""
    time = track.times[i]
    previous = track.times[i - 1] if i else 0
    if time == NEVER or previous == 0:
        return None
    for spans, n_read in (
        (track.fibrillation, track.n_fibrillation[i + 1]),
        (track.shutdown, track.n_shutdown[i + 1]),
    ):
        if any(
            previous < begin <= time for begin, _ in spans[max(n_read - _LAST_SPANS, 0) : n_read]
        ):
            return None
    return time - previous
