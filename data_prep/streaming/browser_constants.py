"""Every number that a port of this package to another language needs, as JSON-able values.

The browser page of a bundle does in JavaScript what ``dsp`` and ``beats`` do here. It has their
constants and the coefficients of their filters from this module, so that none is written down
twice.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, Final, Literal

import numpy as np

from data_prep.beats import normalization, rhythm
from data_prep.beats.beat_spec import BeatSpec
from data_prep.dsp import filters, quality, r_peaks
from data_prep.dsp.gaps import BRIDGE_S
from data_prep.dsp.signal_spec import HIGH_PASS_HZ, LOW_PASS_S, SignalSpec
from data_prep.io import limits
from data_prep.io.annotations import BEAT_SYMBOLS
from data_prep.io.record import MILLIVOLT, annotation_symbols
from data_prep.streaming import blocks

Band = Literal["lowpass", "highpass", "bandpass"]

# What neurokit2 does inside its methods, at any rate: it has no names for these.
_PAN_TOMPKINS: Final[dict[str, Any]] = {"band_hz": (5.0, 15.0), "window_s": 0.12, "silent_s": 0.2}
_KALIDAS: Final[dict[str, Any]] = {"levels": 3, "band_hz": (0.01, 10.0)}
_NEUROKIT: Final[dict[str, Any]] = {
    "corner_hz": 0.5, "hum_hz": 50, "smooth_s": 0.1, "average_s": 0.75, "threshold": 1.5,
    "least_length": 0.4, "delay_s": 0.3,
}  # fmt: skip
# A page has the whole recording in memory, and the window of every beat: a week of beats, and a
# gibibyte of signal.
_PAGE_LIMITS: Final = {"annotations": 1_000_000, "table_bytes": 50_000_000, "values": 1 << 28}
_THRESHOLD_S: Final = {"apart": 0.3, "missed": 0.25}


def rules(spec: BeatSpec) -> dict[str, Any]:
    """Return what must be known to make a network's inputs from a recording.

    Filters are ``{"sos", "zi", "pad"}``: second-order sections, their states at rest for an input
    of 1, and by how many samples each end is continued where they go forth and back.

    Args:
        spec: How the network's beats are cut.
    """
    return {
        **_signal_rules(spec),
        **_beat_rules(spec),
        "detect": _detect_rules(spec.signal.fs_hz),
        "quality": _quality_rules(),
        "largest_mv": blocks._LARGEST_MV,
        "millivolt": dict(MILLIVOLT),
        "rates_hz": [limits.current().slowest_hz, limits.current().fastest_hz],
        "limits": {**dataclasses.asdict(limits.current()), **_PAGE_LIMITS},
        "symbols": annotation_symbols(),
        "beat_symbols": "".join(sorted(BEAT_SYMBOLS)),
    }


def _signal_rules(spec: BeatSpec) -> dict[str, Any]:
    own: SignalSpec = spec.signal
    high_pass = _filter(filters.HIGH_PASS_ORDER, HIGH_PASS_HZ, "highpass", own.fs_hz)
    store_high_pass = None
    if own.band_hz[0] > 0:
        store_high_pass = _filter(filters.HIGH_PASS_ORDER, own.band_hz[0], "highpass", own.fs_hz)
    return {
        "fs_hz": own.fs_hz,
        "leads": list(own.leads),
        "classes": list(own.classes),
        "bridge_s": BRIDGE_S,
        "low_pass_s": LOW_PASS_S,
        "low_pass_hz": own.band_hz[1],
        "kaiser_beta": filters._KAISER_BETA,
        "two_median": own.baseline == "two-median",
        "median_reaches": list(filters.median_reaches(own.fs_hz)),
        "store_high_pass": store_high_pass,
        "cut": "as stored" if spec.baseline == own.baseline else spec.baseline,
        "high_pass": high_pass,
        "causal": spec.causal,
    }


def _beat_rules(spec: BeatSpec) -> dict[str, Any]:
    fs_hz = spec.signal.fs_hz
    return {
        "before": spec.before,
        "samples": spec.samples,
        "neighbours": spec.neighbours,
        "scale": spec.scale,
        "reference_beat": spec.reference_beat,
        "qrs_reach": round(normalization._QRS_S * fs_hz),
        "peak_reach": round(normalization._PEAK_S * fs_hz),
        "least_mv": normalization.AMPLITUDE_FLOOR_MV,
        "memory": normalization.MEMORY,
        "renewal": normalization.RENEWAL,
        "context_names": list(spec.context_names),
        "interval_s": [rhythm._SHORTEST_S, rhythm._LONGEST_S],
        "ratio_limit": rhythm._RATIO_LIMIT,
        "n_local": rhythm._N_LOCAL,
        "default_mean_s": rhythm._DEFAULT_MEAN_S,
        "level_intervals": rhythm.LEVEL_INTERVALS,
    }


def _detect_rules(fs_hz: float) -> dict[str, Any]:
    rate = r_peaks._FS_HZ
    low, high = r_peaks._SETTLE_BAND_HZ
    settle: list[tuple[int, float, Band]] = [
        (filters.HIGH_PASS_ORDER, low, "highpass"),
        (filters._LOW_PASS_ORDER, min(high, 0.4 * fs_hz), "lowpass"),
    ]
    methods = ("pantompkins1985", "kalidas2017", "neurokit")
    detail, offset = _detail_taps(_KALIDAS["levels"])
    # The ends are continued by less where a section is of first order, as scipy's default.
    drift = _filter(5, _NEUROKIT["corner_hz"], "highpass", rate)
    drift["pad"] -= 3 * sum(row[2] == 0 and row[5] == 0 for row in drift["sos"])
    return {
        "fs_hz": rate,
        "block_s": r_peaks.BLOCK_S,
        "margin_s": r_peaks._MARGIN_S,
        "agree_s": r_peaks._AGREE_S,
        "window_s": r_peaks._WINDOW_S,
        "power": r_peaks._POWER,
        "gap_s": r_peaks._GAP_S,
        "accept": r_peaks._ACCEPT,
        "accept_in_gap": r_peaks._ACCEPT_IN_GAP,
        "refractory_s": r_peaks._REFRACTORY_S,
        "long_gap": r_peaks._LONG_GAP,
        "interval_reach": r_peaks._INTERVALS // 2,
        "longest_usual_s": r_peaks._LONGEST_USUAL_S,
        "settle_s": r_peaks._SETTLE_S,
        "settle": [_filter(order, corner, band, fs_hz) for order, corner, band in settle],
        "least_height": r_peaks._LEAST_HEIGHT,
        "around": r_peaks._AROUND,
        "delays": [r_peaks._DELAY_S[method] * rate for method in methods],
        "pan_tompkins": {
            "filter": _filter(1, _PAN_TOMPKINS["band_hz"], "bandpass", rate),
            "window": int(_PAN_TOMPKINS["window_s"] * rate),
            "silent": int(_PAN_TOMPKINS["silent_s"] * rate),
        },
        "kalidas": {
            "detail": detail,
            "offset": offset,
            "multiple": 2 ** _KALIDAS["levels"],
            "filter": _filter(3, _KALIDAS["band_hz"], "bandpass", rate),
        },
        "neurokit": {
            "filter": drift,
            "hum": int(rate / _NEUROKIT["hum_hz"]),
            "smooth": round(_NEUROKIT["smooth_s"] * rate),
            "average": round(_NEUROKIT["average_s"] * rate),
            "threshold": _NEUROKIT["threshold"],
            "least_length": _NEUROKIT["least_length"],
            "delay": round(_NEUROKIT["delay_s"] * rate),
        },
        "threshold": {name: int(seconds * rate) for name, seconds in _THRESHOLD_S.items()},
    }


def _quality_rules() -> dict[str, Any]:
    def windows(seconds: float) -> int:
        return math.ceil(seconds / quality.WINDOW_S)

    return {
        "window_s": quality.WINDOW_S,
        "missing": quality._MISSING,
        "flat_mv": quality._FLAT_MV,
        "flat_windows": windows(quality._FLAT_S),
        "limit_mv": quality._LIMIT_MV,
        "limit_share": quality._LIMIT_SHARE,
        "largest_mv": quality._LARGEST_MV,
        "bin_s": quality._BIN_S,
        "noise": quality._NOISE,
        "noise_mv": quality._NOISE_MV,
        "join_windows": int(quality._JOIN_S / quality.WINDOW_S),
        "noise_windows": windows(quality._LEAST_NOISE_S),
    }


def _filter(order: int, corners_hz: float | Sequence[float], band: Band, fs_hz: float) -> Any:
    from scipy.signal import butter, sosfilt_zi

    sections = butter(order, corners_hz, band, fs=fs_hz, output="sos")
    return {
        "sos": sections.tolist(),
        "zi": sosfilt_zi(sections).tolist(),
        "pad": 3 * (2 * len(sections) + 1),
    }


def _detail_taps(n_levels: int) -> tuple[list[float], int]:
    """Return the filter that gives the details of a stationary wavelet transform by db3.

    References:
        Daubechies, Ten Lectures on Wavelets, 1992, doi:10.1137/1.9781611970104: the scaling
        filter with three vanishing moments in closed form.

    Returns:
        Its taps, and how many samples ahead of the sample the first one looks.
    """
    root = math.sqrt(10)
    outer = math.sqrt(5 + 2 * root)
    scaling = np.array([
        1 + root + outer, 5 + root + 3 * outer, 10 - 2 * root + 2 * outer,
        10 - 2 * root - 2 * outer, 5 + root - 3 * outer, 1 + root - outer,
    ]) / (16 * math.sqrt(2))  # fmt: skip
    low, high = scaling[::-1], scaling * np.array([-1, 1] * 3)
    taps, ahead = np.ones(1), 0
    for level in range(n_levels):
        step = 2**level
        spread = np.zeros(5 * step + 1)
        spread[::step] = high if level == n_levels - 1 else low
        taps = np.convolve(taps, spread)
        ahead += 3 * step
    return taps.tolist(), ahead
