"""Which way up a recording is: its usual QRS complex against that of other patients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from data_prep.beats.normalization import around_peak

if TYPE_CHECKING:
    from data_prep.beats.beat_spec import BeatSpec
    from data_prep.store.dataset import BeatDataset

LAG_S: Final = 0.025  # a detector may put the R peak beside where an annotator does
MOST_BEATS: Final = 1000  # spread over a recording, these are enough for a median
USUAL_S: Final = 0.1


def usual_qrs(
    own: NDArray[np.float32], spec: BeatSpec, *, within_s: float = USUAL_S
) -> NDArray[np.float64]:
    """Return the median QRS complex of some beats, each lead of 1 from peak to peak.

    Args:
        own: ``(beats, leads, samples)`` windows.
        spec: How they were cut.
        within_s: How far to go to either side of the R peak.

    Returns:
        ``(leads, samples')`` around the R peak; 0 in a lead that is flat, or without beats.
    """
    some = around_peak(own[:: max(len(own) // MOST_BEATS, 1)], spec, within_s)
    if len(some) == 0:
        return np.zeros(some.shape[1:])
    middle = np.median(some, axis=0).astype(np.float64)
    size = np.ptp(middle, axis=1, keepdims=True)
    return np.asarray(np.divide(middle, size, out=np.zeros_like(middle), where=size > 0))


def usual_qrs_of(data: BeatDataset) -> NDArray[np.float64]:
    """Return the mean of the patients' usual QRS complexes: ``(leads, samples')``."""
    own = data.windows[:, : len(data.spec.signal.leads)]
    patients = np.unique(data.patient)
    each = [usual_qrs(own[data.patient == one], data.spec) for one in patients]
    return np.asarray(np.mean(each, axis=0))


def likeness(
    qrs: NDArray[np.float64], usual: NDArray[np.float64], fs_hz: float
) -> NDArray[np.float64]:
    """Return how alike two usual QRS complexes are: ``(leads,)`` from -1 (upside down) to 1.

    The correlation, of the largest magnitude within a lag of 25 ms; 0 where a lead is flat.

    Args:
        qrs: ``(leads, samples)`` of a recording.
        usual: ``(leads, samples)`` what it is compared with.
        fs_hz: Sampling rate of both.
    """
    most = round(LAG_S * fs_hz)
    found = np.zeros(len(qrs))
    for lag in range(-most, most + 1):
        first, last = max(lag, 0), qrs.shape[1] + min(lag, 0)
        a, b = qrs[:, first:last], usual[:, first - lag : last - lag]
        a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
        sizes = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
        alike = np.divide((a * b).sum(axis=1), sizes, out=np.zeros(len(qrs)), where=sizes > 0)
        found = np.where(np.abs(alike) > np.abs(found), alike, found)
    return found
