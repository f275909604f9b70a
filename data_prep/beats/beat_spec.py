"""How a network sees a beat of a signal store: settings, no arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, Self

from data_prep.beats.rhythm import FEATURES, Rhythm, feature_names
from data_prep.dsp.signal_spec import BASELINES, Baseline, SignalSpec, require, spec_from_json

Scale = Literal["record", "r-peak", "window"]

SCALES: tuple[Scale, ...] = ("record", "r-peak", "window")


@dataclass(frozen=True, slots=True, kw_only=True)
class BeatSpec:
    """How a beat is presented to a network: the one thread from record to ONNX.

    Attributes:
        signal: How the signal that windows are cut from was filtered.
        before_s: Window before the R peak, in seconds.
        after_s: Window after the R peak, in seconds.
        neighbours: Beats on either side whose windows are given as further channels.
        scale: What a lead is divided by. ``record``: the record's median peak-to-peak of the QRS
            complex; ``r-peak``: its median height of the R peak; ``window``: each window its own.
        rhythm: Which RR features make up the context.
        reference_beat: Whether the difference to the record's median beat is given as channels.
        baseline: How the baseline is removed: ``two-median``, ``high-pass`` (0.5 Hz, in its
            place) or ``none``; by default as the store has done it. All three come from one store
            whose signals are without their two-median baseline: it keeps what it removed.
        causal: Whether only the past and one beat ahead take part: amplitude and reference beat
            from earlier beats (``normalization.RunningLevels``), the patient's level from earlier
            intervals (``rhythm.RunningRhythm``), the high-pass forward only. A beat can be
            classified once the next one is known, its window (with neighbours: the next one's
            too) is over, and ``signal.look_ahead_s`` has passed. ``beat_stream.BeatStream`` gives
            the same numbers from a signal that comes piece by piece.
    """

    signal: SignalSpec = field(default_factory=SignalSpec)
    before_s: float = 0.28
    after_s: float = 0.44
    neighbours: int = 0
    scale: Scale = "record"
    rhythm: Rhythm = "patient"
    reference_beat: bool = False
    baseline: Baseline | None = None
    causal: bool = False

    def __post_init__(self) -> None:
        if self.baseline is None:
            object.__setattr__(self, "baseline", self.signal.baseline)
        for name, seconds in (("before_s", self.before_s), ("after_s", self.after_s)):
            require(0.05 <= seconds <= 10, f"{name} must be from 0.05 to 10 s", seconds)
        require(0 <= self.neighbours <= 8, "neighbours must be from 0 to 8", self.neighbours)
        require(self.scale in SCALES, f"scale must be one of {', '.join(SCALES)}", self.scale)
        require(
            self.rhythm in FEATURES, f"rhythm must be one of {', '.join(FEATURES)}", self.rhythm
        )
        require(
            self.baseline in BASELINES,
            f"baseline must be one of {', '.join(BASELINES)}",
            self.baseline,
        )
        require(
            self.baseline == self.signal.baseline
            or (self.baseline != "two-median" and self.signal.band_hz[0] == 0),
            "baseline must be one that signals without high-pass still allow (what their store "
            f"removed is {self.signal.baseline}, their band {self.signal.band_hz})",
            self.baseline,
        )
        require(
            not self.causal or (self.neighbours <= 1 and self.signal.band_hz[0] == 0),
            "causal beats must have at most one neighbour, and signals without high-pass",
            f"{self.neighbours} and {self.signal.band_hz}",
        )

    @property
    def before(self) -> int:
        """Samples of the window before the R peak."""
        return round(self.before_s * self.signal.fs_hz)

    @property
    def samples(self) -> int:
        """Samples of a window; the R peak is sample ``before``."""
        return self.before + round(self.after_s * self.signal.fs_hz)

    @property
    def window_channels(self) -> int:
        """Channels of the windows as cut: leads of the beat and of its neighbours."""
        return len(self.signal.leads) * (1 + 2 * self.neighbours)

    @property
    def channels(self) -> int:
        """Channels of the network's input; the differences to the reference come last."""
        return self.window_channels + len(self.signal.leads) * self.reference_beat

    @property
    def context_names(self) -> tuple[str, ...]:
        """Names of the rhythm features, in the order of the columns."""
        return feature_names(self.rhythm, causal=self.causal)

    def to_json(self) -> dict[str, Any]:
        """Return the specification as JSON-able values."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return values | {"signal": self.signal.to_json()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return the specification that :meth:`to_json` wrote.

        Raises:
            DataError: If ``values`` are not such a specification.
        """
        if isinstance(values, Mapping):
            values = {**values, "signal": SignalSpec.from_json(values.get("signal", {}))}
        return spec_from_json(cls, values)
