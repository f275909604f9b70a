"""What a signal store holds: how raw recordings are made comparable. Settings, no arrays."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, Self, TypeVar

from data_prep import tasks
from data_prep.dsp.gaps import BRIDGE_S
from data_prep.errors import DataError
from data_prep.tasks import Task

Baseline = Literal["two-median", "high-pass", "none"]
T = TypeVar("T")

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
        task: What the beats are told to be.
        mapping: Name of the symbol-to-class mapping; by default the task's first.
    """

    fs_hz: float = 125.0
    leads: tuple[str, ...] = ("MLII", "V1/V5/V2/V4")
    baseline: Literal["two-median", "none"] = "two-median"
    band_hz: tuple[float, float] = (0.0, 40.0)
    task: Task = field(default_factory=lambda: tasks.load(tasks.DEFAULT))
    mapping: str = ""

    def __post_init__(self) -> None:
        if not self.mapping:
            object.__setattr__(self, "mapping", self.task.mappings[0].name)
        low, high = self.band_hz
        require(50 <= self.fs_hz <= 5000, "fs_hz must be from 50 to 5000", self.fs_hz)
        require(len(self.leads) > 0 and all(self.leads), "leads must name some", self.leads)
        require(
            self.baseline in ("two-median", "none"),
            "baseline must be two-median or none",
            self.baseline,
        )
        require(
            0 <= low < self.fs_hz / 2 and (high == 0 or low < high < self.fs_hz / 2),
            "band_hz must be two ascending corners below half the sampling rate",
            self.band_hz,
        )

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes, in the order of the labels."""
        return self.task.classes

    @property
    def look_ahead_s(self) -> float:
        """How far behind a sample its filtered value looks: 0.5 s; endless with a high-pass."""
        if self.band_hz[0] > 0:
            return math.inf
        medians = sum(BASELINE_S) / 2 if self.baseline == "two-median" else 0.0
        return BRIDGE_S + LOW_PASS_S + medians

    def to_json(self) -> dict[str, Any]:
        """Return the specification as JSON-able values; the default task is not named."""
        plain = ("fs_hz", "leads", "baseline", "band_hz", "mapping", "classes")
        values = {name: getattr(self, name) for name in plain}
        lists = {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}
        is_default = self.task == tasks.load(tasks.DEFAULT)
        return lists if is_default else lists | {"task": self.task.to_json()}

    def for_task(self, task: Task) -> Self:
        """Return the same signals for another task, with its own mapping of symbols."""
        return self if task == self.task else replace(self, task=task, mapping="")

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return the specification that :meth:`to_json` wrote.

        Raises:
            DataError: If ``values`` are not such a specification.
        """
        if not isinstance(values, Mapping):  # whatever a file holds
            return spec_from_json(cls, values)  # type: ignore[unreachable]
        rest = {name: value for name, value in values.items() if name != "classes"}
        if "task" in rest:
            rest["task"] = Task.from_json(rest["task"])
        spec = spec_from_json(cls, rest)
        require(
            list(values.get("classes", spec.classes)) == list(spec.classes),
            f"classes must be those of the task {spec.task.name}, {', '.join(spec.classes)}",
            values.get("classes"),
        )
        return spec


def require(holds: bool, requirement: str, value: object) -> None:
    """Refuse a ``value`` of a specification that is not what it must be.

    Raises:
        DataError: If not ``holds``.
    """
    if not holds:
        raise DataError(f"{requirement}; got {value!r}")


def spec_from_json(cls: type[T], values: Mapping[str, Any]) -> T:
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
