"""The rhythm around a beat: RR intervals in seconds, or against the patient's own level.

``pre`` is the interval before a beat, ``post`` the one after it, ``local`` the mean of the ten
intervals before ``pre``, ``mean`` and ``median`` the patient's level. Where most beats of a
patient are premature (record 232 of MIT-BIH), a median hides them and a mean does not.

:func:`rhythm_context` takes mean and median over the whole recording, and looks two beats ahead
for ``next post``. :class:`RunningRhythm` looks one beat ahead: its level is that of the last
``LEVEL_INTERVALS`` intervals up to and with ``post``, and it has no ``next post``.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

Rhythm = Literal["absolute", "local", "patient", "patient-median", "patient+local", "all"]

# The features of each choice, in the order of the columns.
FEATURES: Mapping[str, tuple[str, ...]] = {
    "absolute": ("pre_s", "post_s", "local_s"),
    "local": ("pre/local-1", "post/local-1", "pre/post-1"),
    "patient": ("pre/mean-1", "post/mean-1", "pre/local-1", "pre/post-1"),
    "patient-median": ("pre/median-1", "post/median-1", "pre/local-1", "pre/post-1"),
    "patient+local": (
        "pre/mean-1",
        "post/mean-1",
        "pre/local-1",
        "pre/post-1",
        "post/local-1",
        "previous pre/mean-1",
        "next post/mean-1",
    ),
    "all": (
        "pre_s",
        "post_s",
        "pre/mean-1",
        "post/mean-1",
        "pre/median-1",
        "post/median-1",
        "pre/local-1",
        "post/local-1",
        "pre/post-1",
        "previous pre/mean-1",
        "next post/mean-1",
    ),
}

LEVEL_INTERVALS: Final = 1024

_TWO_BEATS_AHEAD = frozenset({"next post/mean-1"})
# Outside of these an interval is a gap between annotations or a double one, not rhythm.
_SHORTEST_S, _LONGEST_S = 0.1, 3.0
_RATIO_LIMIT = 3.0
_N_LOCAL = 10
# The level where there is no interval at all: a heart rate of 75 a minute.
_DEFAULT_MEAN_S = 0.8


def feature_names(rhythm: str, *, causal: bool = False) -> tuple[str, ...]:
    """Return the names of the features of ``rhythm``, in the order of the columns."""
    return tuple(name for name in FEATURES[rhythm] if not (causal and name in _TWO_BEATS_AHEAD))


def rhythm_context(times_s: NDArray[np.float64], rhythm: Rhythm) -> NDArray[np.float32]:
    """Compute the rhythm features of every beat of one recording.

    Args:
        times_s: ``(n_beats,)`` R-peak times in seconds, ascending; all beats, also those that
            have no class.
        rhythm: Which features; see ``FEATURES``.

    Returns:
        ``(n_beats, n_features)`` float32, finite and clipped. The first beat has no ``pre`` and
        the last no ``post``: the recording's mean takes their place.
    """
    intervals = np.clip(np.diff(times_s), _SHORTEST_S, _LONGEST_S)
    mean = float(intervals.mean()) if len(intervals) else _DEFAULT_MEAN_S
    median = float(np.median(intervals)) if len(intervals) else _DEFAULT_MEAN_S
    # One mean in front and behind: padded[i] is the pre of beat i, padded[i + 1] its post.
    padded = np.concatenate([[mean], intervals, [mean]])
    pre, post = padded[:-1][: len(times_s)], padded[1:][: len(times_s)]
    around = _Around(
        pre=pre,
        post=post,
        local=_local(pre, mean),
        mean=np.full(len(pre), mean),
        median=np.full(len(pre), median),
        previous=np.concatenate([[mean], pre[:-1]])[: len(pre)],
        following=np.concatenate([post[1:], [mean]])[: len(post)],
    )
    return around.columns(feature_names(rhythm))


def running_context(times_s: NDArray[np.float64], rhythm: Rhythm) -> NDArray[np.float32]:
    """Compute the features of a whole recording, as :class:`RunningRhythm` gives them."""
    running = RunningRhythm(rhythm)
    return np.concatenate([running.push(times_s), running.finish()])


class RunningRhythm:
    """Rhythm features that use the past and one beat ahead; see the module's docstring.

    Args:
        rhythm: Which features; see :func:`feature_names`, causal.
    """

    def __init__(self, rhythm: Rhythm) -> None:
        self._names = feature_names(rhythm, causal=True)
        self._last_s: float | None = None
        self._intervals: deque[float] = deque(maxlen=LEVEL_INTERVALS)
        self._sorted: list[float] = []
        self._sum = 0.0

    def push(self, times_s: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return the features of the beats whose next one is now known.

        Args:
            times_s: ``(n,)`` times of the next beats of the recording, ascending.
        """
        rows = []
        for time_s in times_s.tolist():
            if self._last_s is not None:
                interval = min(max(time_s - self._last_s, _SHORTEST_S), _LONGEST_S)
                self._add(interval)
                rows.append(self._row(interval))
            self._last_s = time_s
        return self._columns(rows)

    def finish(self) -> NDArray[np.float32]:
        """Return the features of the last beat, which has no next one; of none if there is none."""
        if self._last_s is None:
            return self._columns([])
        self._last_s = None
        return self._columns([self._row(None)])

    def _add(self, interval: float) -> None:
        if len(self._intervals) == LEVEL_INTERVALS:
            oldest = self._intervals[0]
            self._sum -= oldest
            del self._sorted[bisect_left(self._sorted, oldest)]
        self._intervals.append(interval)
        self._sum += interval
        insort(self._sorted, interval)

    def _row(self, post: float | None) -> list[float]:
        """Return pre, post, local, mean, median and previous pre of the last beat but one."""
        n_known = len(self._sorted)
        mean = self._sum / n_known if n_known else _DEFAULT_MEAN_S
        median = (
            (self._sorted[(n_known - 1) // 2] + self._sorted[n_known // 2]) / 2
            if n_known
            else _DEFAULT_MEAN_S
        )
        # The intervals before this beat, the nearest first; few, since a deque's ends are fast.
        ahead = 0 if post is None else 1
        n_before = min(n_known - ahead, _N_LOCAL + 1)
        before = [self._intervals[-1 - ahead - step] for step in range(n_before)]
        earlier = before[1:]
        return [
            before[0] if before else mean,
            mean if post is None else post,
            sum(earlier) / len(earlier) if earlier else mean,
            mean,
            median,
            earlier[0] if earlier else mean,
        ]

    def _columns(self, rows: list[list[float]]) -> NDArray[np.float32]:
        pre, post, local, mean, median, previous = np.array(rows, dtype=np.float64).reshape(-1, 6).T
        around = _Around(
            pre=pre, post=post, local=local, mean=mean, median=median, previous=previous
        )
        return around.columns(self._names)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Around:
    """The intervals around each beat, in seconds, and the levels to compare them with."""

    pre: NDArray[np.float64]
    post: NDArray[np.float64]
    local: NDArray[np.float64]
    mean: NDArray[np.float64]
    median: NDArray[np.float64]
    previous: NDArray[np.float64]
    following: NDArray[np.float64] | None = None

    def columns(self, names: tuple[str, ...]) -> NDArray[np.float32]:
        """Return ``(beats, features)`` float32."""
        following = self.mean if self.following is None else self.following
        values = {
            "pre_s": self.pre,
            "post_s": self.post,
            "local_s": self.local,
            "pre/local-1": _ratio(self.pre, self.local),
            "post/local-1": _ratio(self.post, self.local),
            "pre/post-1": _ratio(self.pre, self.post),
            "pre/mean-1": _ratio(self.pre, self.mean),
            "post/mean-1": _ratio(self.post, self.mean),
            "pre/median-1": _ratio(self.pre, self.median),
            "post/median-1": _ratio(self.post, self.median),
            "previous pre/mean-1": _ratio(self.previous, self.mean),
            "next post/mean-1": _ratio(following, self.mean),
        }
        return np.stack([values[name] for name in names], axis=1).astype(np.float32)


def _local(pre: NDArray[np.float64], mean: float) -> NDArray[np.float64]:
    """Return the mean of up to ten intervals before each ``pre``; ``mean`` where there is none."""
    # The pre of beat 0 is no interval, so beat i has the intervals of beats 1 … i - 1 behind it.
    total = np.concatenate([[0.0, 0.0], np.cumsum(pre[1:])])[: len(pre)]
    index = np.arange(len(pre))
    behind = np.clip(index - 1, 0, _N_LOCAL)
    earlier = total[np.maximum(index - behind, 0)]
    return np.where(behind > 0, (total - earlier) / np.maximum(behind, 1), mean)


def _ratio(interval: NDArray[np.float64], level: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.minimum(interval / level - 1, _RATIO_LIMIT)
