"""How figures came about, in one line that stands beside every figure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from data_prep.dsp.signal_spec import SignalSpec

Beats = Literal["reference", "detected"]

_COUNTING = {
    "reference": "beats at the annotators' positions; a beat whose symbol has no class counts as "
    "missed in accuracy and EC57",
    "detected": "every annotated beat counts, a missed one as a false negative of its class, and "
    "every false beat as a false positive of the class that it was given, but not within annotated "
    "ventricular flutter or fibrillation",
}


def counting(beats: Beats, signal: SignalSpec) -> str:
    """Say how beats were found and what counts as an error."""
    symbols = " ".join(symbol for symbol, _ in signal.task.left_out)
    no_part = f"; beats of the symbols {symbols} take no part" if symbols else ""
    if beats == "reference":
        return _COUNTING[beats] + no_part
    return (
        "R peaks found by data_prep.dsp.r_peaks in all leads of the filtered signals at "
        f"{signal.fs_hz:g} Hz, in blocks of ten minutes (not causal), paired with the annotated "
        "beats within 150 ms by EC57's rules; " + _COUNTING[beats] + no_part
    )


def describe(protocol: Mapping[str, Any]) -> str:
    """Return the protocol of an evaluation as one line."""
    looks = protocol["test_openings"]
    opened = f"; test patients looked at {looks} time{'s' if looks != 1 else ''}" if looks else ""
    return (
        f"Protocol: {protocol['split']} patients of {protocol['data']} ({protocol['data_split']} "
        f"split), mapping {protocol['mapping']}, from {protocol['start_s']:g} s, "
        f"{protocol['beats']} beats, {'causal' if protocol['causal'] else 'not causal'}{opened}"
    )
