"""From a filtered signal and its beats to windows with rhythm context."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Rhythm = Literal["absolute", "local", "patient", "patient+local"]
Scale = Literal["record", "window"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalSpec:
    """What a signal store holds: how raw recordings were made comparable.

    Attributes:
        fs_hz: Sampling rate after resampling.
        leads: One entry a lead: names in order of preference, separated by ``/``
            (``"MLII"``, ``"V1/V5/V2/V4"``); ``#0`` means the first lead of the record.
        baseline: ``two-median`` (medians of 200 and 600 ms; de Chazal 2004,
            doi:10.1109/TBME.2004.827359) or ``none``.
        band_hz: Pass band: high-pass corner (0 = none) and low-pass corner.
        mapping: Name of the symbol-to-class mapping.
        classes: The classes, in the order of the labels.
    """

    fs_hz: float = 125.0
    leads: tuple[str, ...] = ("MLII", "V1/V5/V2/V4")
    baseline: Literal["two-median", "none"] = "two-median"
    band_hz: tuple[float, float] = (0.0, 40.0)
    mapping: str = "aami"
    classes: tuple[str, ...] = ("N", "S", "V", "F", "Q")


@dataclass(frozen=True, slots=True, kw_only=True)
class BeatSpec:
    """How a beat is presented to a network: the one thread from record to ONNX.

    Attributes:
        signal: How the signal that windows are cut from was filtered.
        before_s: Window before the R peak, in seconds.
        after_s: Window after the R peak, in seconds.
        neighbours: Beats on either side whose windows are given as further channels.
        scale: ``record``: one amplitude per lead and record; ``window``: each window its own.
        rhythm: Which RR features make up the context.
        reference_beat: Whether the difference to the record's median beat is given as channels.
    """

    signal: SignalSpec = field(default_factory=SignalSpec)
    before_s: float = 0.28
    after_s: float = 0.44
    neighbours: int = 0
    scale: Scale = "record"
    rhythm: Rhythm = "patient"
    reference_beat: bool = False
