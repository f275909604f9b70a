"""The rhythm around a beat: RR intervals in seconds, or against the patient's own level.

``pre`` is the interval before a beat, ``post`` the one after it, ``local`` the mean of the ten
intervals before ``pre``, ``mean`` the mean over the whole recording. A mean, not a median: where
most beats of a patient are premature (record 232 of MIT-BIH), a median hides them.

Not causal: ``post`` (one beat ahead), ``next post`` (two beats ahead) and ``mean`` (the whole
recording). Causal: ``pre``, ``previous pre``, ``local``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Rhythm = Literal["absolute", "local", "patient", "patient+local"]

# The features of each choice, in the order of the columns.
FEATURES: Mapping[str, tuple[str, ...]] = {
    "absolute": ("pre_s", "post_s", "local_s"),
    "local": ("pre/local-1", "post/local-1", "pre/post-1"),
    "patient": ("pre/mean-1", "post/mean-1", "pre/local-1", "pre/post-1"),
    "patient+local": (
        "pre/mean-1",
        "post/mean-1",
        "pre/local-1",
        "pre/post-1",
        "post/local-1",
        "previous pre/mean-1",
        "next post/mean-1",
    ),
}

# Outside of these an interval is a gap between annotations or a double one, not rhythm.
_SHORTEST_S, _LONGEST_S = 0.1, 3.0
_RATIO_LIMIT = 3.0
_N_LOCAL = 10
# The mean of a recording without any interval: a heart rate of 75 a minute.
_DEFAULT_MEAN_S = 0.8


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
    # One mean in front and behind: padded[i] is the pre of beat i, padded[i + 1] its post.
    padded = np.concatenate([[mean], intervals, [mean]])
    pre, post = padded[:-1][: len(times_s)], padded[1:][: len(times_s)]
    local = _local(pre, mean)
    values = {
        "pre_s": pre,
        "post_s": post,
        "local_s": local,
        "pre/local-1": _ratio(pre, local),
        "post/local-1": _ratio(post, local),
        "pre/post-1": _ratio(pre, post),
        "pre/mean-1": _ratio(pre, mean),
        "post/mean-1": _ratio(post, mean),
        "previous pre/mean-1": _ratio(np.concatenate([[mean], pre[:-1]])[: len(pre)], mean),
        "next post/mean-1": _ratio(np.concatenate([post[1:], [mean]])[: len(post)], mean),
    }
    return np.stack([values[name] for name in FEATURES[rhythm]], axis=1).astype(np.float32)


def _local(pre: NDArray[np.float64], mean: float) -> NDArray[np.float64]:
    """Return the mean of up to ten intervals before each ``pre``; ``mean`` where there is none."""
    # The pre of beat 0 is no interval, so beat i has the intervals of beats 1 … i - 1 behind it.
    total = np.concatenate([[0.0, 0.0], np.cumsum(pre[1:])])[: len(pre)]
    index = np.arange(len(pre))
    behind = np.clip(index - 1, 0, _N_LOCAL)
    earlier = total[np.maximum(index - behind, 0)]
    return np.where(behind > 0, (total - earlier) / np.maximum(behind, 1), mean)


def _ratio(
    interval: NDArray[np.float64], level: NDArray[np.float64] | float
) -> NDArray[np.float64]:
    return np.minimum(interval / level - 1, _RATIO_LIMIT)
