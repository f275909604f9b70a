"""What a signal store holds, and how a network sees a beat of it: settings, no arrays."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, Self, TypeVar

from data_prep.errors import DataError
from data_prep.gaps import BRIDGE_S
from data_prep.rhythm import FEATURES, Rhythm, feature_names

Scale = Literal["record", "r-peak", "window"]
Baseline = Literal["two-median", "high-pass", "none"]
T = TypeVar("T")

SCALES: tuple[Scale, ...] = ("record", "r-peak", "window")
BASELINES: tuple[Baseline, ...] = ("two-median", "high-pass", "none")

# Medians of these lengths follow the baseline without following the waves (de Chazal 2004).
BASELINE_S = (0.2, 0.6)
# To either side, the low-pass looks this far.
LOW_PASS_S = 0.06
# Corner of the high-pass that a beat may have in place of the medians.
HIGH_PASS_HZ = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalSpec:
    """What a signal store holds: how raw recordings were made comparable.

    Attributes:
        fs_hz: Sampling rate after resampling.
        leads: One entry a lead: names in order of preference, separated by ``/``
            (``"MLII"``, ``"V1/V5/V2/V4"``); ``#0`` means the first lead of the record.
        baseline: ``two-median`` (medians of 200 and 600 ms; de Chazal 2004,
            doi:10.1109/TBME.2004.827359) or ``none``.
        band_hz: Pass band: high-pass corner (0 = none) and low-pass corner (0 = half of the
            sampling rate).
        mapping: Name of the symbol-to-class mapping.
        classes: The classes, in the order of the labels.
    """

    fs_hz: float = 125.0
    leads: tuple[str, ...] = ("MLII", "V1/V5/V2/V4")
    baseline: Literal["two-median", "none"] = "two-median"
    band_hz: tuple[float, float] = (0.0, 40.0)
    mapping: str = "aami"
    classes: tuple[str, ...] = ("N", "S", "V", "F", "Q")

    def __post_init__(self) -> None:
        low, high = self.band_hz
        _require(50 <= self.fs_hz <= 5000, "fs_hz must be from 50 to 5000", self.fs_hz)
        _require(len(self.leads) > 0 and all(self.leads), "leads must name some", self.leads)
        _require(
            self.baseline in ("two-median", "none"),
            "baseline must be two-median or none",
            self.baseline,
        )
        _require(
            0 <= low < self.fs_hz / 2 and (high == 0 or low < high < self.fs_hz / 2),
            "band_hz must be two ascending corners below half the sampling rate",
            self.band_hz,
        )
        _require(
            len(set(self.classes)) == len(self.classes) > 1,
            "classes must be two or more different ones",
            self.classes,
        )

    @property
    def look_ahead_s(self) -> float:
        """How far behind a sample its filtered value looks: 0.5 s; endless with a high-pass."""
        if self.band_hz[0] > 0:
            return math.inf
        medians = sum(BASELINE_S) / 2 if self.baseline == "two-median" else 0.0
        return BRIDGE_S + LOW_PASS_S + medians

    def to_json(self) -> dict[str, Any]:
        """Return the specification as JSON-able values."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return the specification that :meth:`to_json` wrote.

        Raises:
            DataError: If ``values`` are not such a specification.
        """
        return _from_json(cls, values)


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
            from earlier beats (``levels.RunningLevels``), the patient's level from earlier
            intervals (``rhythm.RunningRhythm``), the high-pass forward only. A beat can be
            classified once the next one is known, its window (with neighbours: the next one's
            too) is over, and ``signal.look_ahead_s`` has passed. ``stream.BeatStream`` gives the
            same numbers from a signal that comes piece by piece.
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
            _require(0.05 <= seconds <= 10, f"{name} must be from 0.05 to 10 s", seconds)
        _require(0 <= self.neighbours <= 8, "neighbours must be from 0 to 8", self.neighbours)
        _require(self.scale in SCALES, f"scale must be one of {', '.join(SCALES)}", self.scale)
        _require(
            self.rhythm in FEATURES, f"rhythm must be one of {', '.join(FEATURES)}", self.rhythm
        )
        _require(
            self.baseline in BASELINES,
            f"baseline must be one of {', '.join(BASELINES)}",
            self.baseline,
        )
        _require(
            self.baseline == self.signal.baseline
            or (self.baseline != "two-median" and self.signal.band_hz[0] == 0),
            "baseline must be one that signals without high-pass still allow (what their store "
            f"removed is {self.signal.baseline}, their band {self.signal.band_hz})",
            self.baseline,
        )
        _require(
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
        return _from_json(cls, values)


def _require(holds: bool, requirement: str, value: object) -> None:
    if not holds:
        raise DataError(f"{requirement}; got {value!r}")


def _from_json(cls: type[T], values: Mapping[str, Any]) -> T:
    """Build a specification from JSON values: lists become tuples, unknown names are refused."""
    if not isinstance(values, Mapping):
        raise DataError(f"a {cls.__name__} must be a table of its fields; got {values!r}")
    known = {item.name for item in fields(cls)}  # type: ignore[arg-type]
    if unknown := set(values) - known:
        raise DataError(
            f"a {cls.__name__} must have the fields {', '.join(sorted(known))} only; "
            f"got {', '.join(sorted(unknown))}"
        )
    try:
        return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})
    except (TypeError, ValueError) as error:
        raise DataError(f"a {cls.__name__} must be what to_json() writes: {error}") from error
