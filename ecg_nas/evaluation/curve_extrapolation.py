"""End trainings whose outcome can be predicted: cheaper scores, with an error that is measured.

After every epoch the candidate is scored on a thinned part of its held-out beats. A curve that
levels off is fitted to these scores and read at the last epoch; once several such readings agree,
the last one is the candidate's score.

References:
    Rorabaugh, Caino-Lores, Wyatt II, Johnston, Taufer, *PEng4NN: An Accurate Performance
    Estimation Engine for Efficient Automated Neural Network Architecture Search*, 2021
    (arXiv 2101.04185): curve and rule of agreement. There the curve is ``a - b ** (c - epoch)``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ecg_nas.evaluation.config import EarlyConfig

_DECAYS = np.exp(-np.geomspace(0.05, 3.0, 40))  # of what is left to gain, an epoch


def reading(curve: Sequence[float], at: int) -> float:
    """Return what a curve that levels off, fitted to ``curve``, says of epoch ``at``.

    ``a - b * d ** epoch`` with ``b >= 0`` by least squares, ``d`` from a grid; scores that do not
    rise give their mean.

    Args:
        curve: Scores of 0..1 after epochs 1, 2, …; three or more.
        at: An epoch.

    Returns:
        0..1.
    """
    scores = np.asarray(curve, dtype=np.float64)
    powers = _DECAYS[:, None] ** np.arange(1, len(scores) + 1)  # (decays, epochs)
    centred = powers - powers.mean(axis=1, keepdims=True)
    b = np.maximum(-(centred @ scores) / (centred**2).sum(axis=1), 0.0)
    a = scores.mean() + b * powers.mean(axis=1)
    errors = ((a[:, None] - b[:, None] * powers - scores) ** 2).sum(axis=1)
    best = int(errors.argmin())
    return float(np.clip(a[best] - b[best] * _DECAYS[best] ** at, 0.0, 1.0))


def predicted_score(curve: Sequence[float], epochs: int, config: EarlyConfig) -> float | None:
    """Return the score after ``epochs`` if it can be predicted from ``curve``, else ``None``."""
    readings = [reading(curve[:done], epochs) for done in range(config.first, len(curve) + 1)][
        -config.agree :
    ]
    if len(readings) < config.agree or max(readings) - min(readings) > config.tolerance:
        return None
    return readings[-1]
