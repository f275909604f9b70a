"""From a filtered signal and its beats to windows with rhythm context."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from data_prep.errors import DataError
from data_prep.rhythm import FEATURES, Rhythm, rhythm_context

__all__ = [
    "AMPLITUDE_FLOOR_MV",
    "BeatSpec",
    "Cut",
    "Rhythm",
    "Scale",
    "SignalSpec",
    "cut_beats",
    "network_input",
]

Scale = Literal["record", "window"]
T = TypeVar("T")

# A lead smaller than this is noise or off: dividing by less would blow it up.
AMPLITUDE_FLOOR_MV = 0.05
# Medians of these lengths follow the baseline without following the waves (de Chazal 2004).
BASELINE_S = (0.2, 0.6)
# To either side, the low-pass looks this far.
LOW_PASS_S = 0.064
# The QRS complex lies within this of the R peak.
_QRS_S = 0.1


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

    def __post_init__(self) -> None:
        for name, seconds in (("before_s", self.before_s), ("after_s", self.after_s)):
            _require(0.05 <= seconds <= 10, f"{name} must be from 0.05 to 10 s", seconds)
        _require(0 <= self.neighbours <= 8, "neighbours must be from 0 to 8", self.neighbours)
        _require(self.scale in ("record", "window"), "scale must be record or window", self.scale)
        _require(
            self.rhythm in FEATURES, f"rhythm must be one of {', '.join(FEATURES)}", self.rhythm
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
        return FEATURES[self.rhythm]

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """All beats of one record as a :class:`BeatSpec` presents them.

    Attributes:
        windows: ``(beats, window_channels, samples)`` float32, filtered mV: the beat's own leads,
            then those of the beat before, of the beat after, of two before, of two after …
        scale: ``(leads,)`` float32, mV: the record's amplitude per lead.
        reference: ``(leads, samples)`` float32, mV: the record's median beat.
        context: ``(beats, features)`` float32 rhythm features.
    """

    windows: NDArray[np.float32]
    scale: NDArray[np.float32]
    reference: NDArray[np.float32]
    context: NDArray[np.float32]


def cut_beats(
    signal: NDArray[np.float32],
    positions: NDArray[np.int64],
    times_s: NDArray[np.float64],
    spec: BeatSpec,
) -> Cut:
    """Cut all beats of one record.

    A window that passes an end of the record is filled with 0, as is the window of a neighbour
    that does not exist: every beat has its row.

    Args:
        signal: ``(samples, leads)`` filtered mV at ``spec.signal.fs_hz``.
        positions: ``(beats,)`` R peaks in samples of ``signal``, ascending.
        times_s: ``(beats,)`` R-peak times in seconds, for the rhythm; finer than ``positions``
            where these were rounded.
        spec: What to cut.

    Raises:
        DataError: If the signal has not the leads of ``spec``.
    """
    n_leads = len(spec.signal.leads)
    if signal.ndim != 2 or signal.shape[1] != n_leads:
        raise DataError(f"the signal must be (samples, {n_leads} leads); got {signal.shape}")
    own = _windows(signal, positions, spec.before, spec.samples)
    windows = own
    if spec.neighbours:
        windows = np.zeros((len(own), spec.window_channels, spec.samples), dtype=np.float32)
        windows[:, :n_leads] = own
        for step in range(1, spec.neighbours + 1):
            at = n_leads * (2 * step - 1)
            windows[step:, at : at + n_leads] = own[:-step]
            windows[:-step, at + n_leads : at + 2 * n_leads] = own[step:]
    return Cut(
        windows=windows,
        scale=_record_scale(own, spec),
        reference=_median_beat(own),
        context=rhythm_context(times_s, spec.rhythm),
    )


def network_input(
    windows: NDArray[np.float32],
    scale: NDArray[np.float32],
    reference: NDArray[np.float32],
    spec: BeatSpec,
) -> NDArray[np.float32]:
    """Return what a network sees: everything between the filtered window and its first layer.

    This is the definition; an exported model repeats it inside its graph. Every channel of a lead
    is divided by the same amplitude: the record's, or (``scale="window"``) the largest magnitude
    in the beat's own window, not in its neighbours'. Amplitudes below ``AMPLITUDE_FLOOR_MV``
    count as that. With ``reference_beat``, own window minus reference follows, scaled alike.

    Args:
        windows: ``(beats, window_channels, samples)`` filtered mV, ordered as in :class:`Cut`.
        scale: ``(beats, leads)`` or ``(leads,)`` amplitude of the record, mV.
        reference: ``(beats, leads, samples)`` or ``(leads, samples)`` median beat, mV.
        spec: How the windows were cut.

    Returns:
        ``(beats, channels, samples)`` float32.
    """
    n_leads = len(spec.signal.leads)
    own = windows[:, :n_leads]
    if spec.scale == "window":
        amplitude = np.abs(own).max(axis=2)
    else:
        amplitude = np.broadcast_to(scale, own.shape[:2])
    amplitude = np.maximum(amplitude, np.float32(AMPLITUDE_FLOOR_MV))[:, :, None]
    x = np.empty((len(windows), spec.channels, windows.shape[2]), dtype=np.float32)
    n_windows = spec.window_channels
    for first in range(0, n_windows, n_leads):
        chunk = slice(first, first + n_leads)
        np.divide(windows[:, chunk], amplitude, out=x[:, chunk])
    if spec.reference_beat:
        np.divide(own - reference, amplitude, out=x[:, n_windows:])
    return x


def _windows(
    signal: NDArray[np.float32], positions: NDArray[np.int64], before: int, samples: int
) -> NDArray[np.float32]:
    """Return ``(beats, leads, samples)``: one gather for the whole ones, then those at the ends."""
    starts = positions - before
    out = np.zeros((len(positions), signal.shape[1], samples), dtype=np.float32)
    whole = (starts >= 0) & (starts + samples <= len(signal))
    if whole.any():
        # A view of all windows that there could be: only those of the beats are copied.
        view = np.lib.stride_tricks.sliding_window_view(signal, samples, axis=0)
        out[whole] = view[starts[whole]]
    for beat in np.flatnonzero(~whole):
        start = int(starts[beat])
        first, last = max(start, 0), min(start + samples, len(signal))
        if first < last:
            out[beat, :, first - start : last - start] = signal[first:last].T
    return out


def _record_scale(own: NDArray[np.float32], spec: BeatSpec) -> NDArray[np.float32]:
    """Return the median over the beats of the peak-to-peak of the QRS complex, per lead."""
    if len(own) == 0:
        return np.ones(own.shape[1], dtype=np.float32)
    reach = round(_QRS_S * spec.signal.fs_hz)
    qrs = own[:, :, max(spec.before - reach, 0) : spec.before + reach + 1]
    amplitude = np.median(qrs.max(axis=2) - qrs.min(axis=2), axis=0)
    return np.asarray(np.maximum(amplitude, AMPLITUDE_FLOOR_MV), dtype=np.float32)


def _median_beat(own: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the median of all windows, sample by sample; zeros where there is no beat."""
    if len(own) == 0:
        return np.zeros(own.shape[1:], dtype=np.float32)
    return np.asarray(np.median(own, axis=0), dtype=np.float32)


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
