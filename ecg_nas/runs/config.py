"""The settings of a run: presets, a TOML file, flags, checked at this one door."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_type_hints

from data_prep.store.request import DataRequest
from ecg_nas import methods
from ecg_nas.errors import ConfigError
from ecg_nas.evaluation.config import EarlyConfig, InheritConfig
from ecg_nas.evaluation.folds import FoldConfig
from ecg_nas.methods.base import Allowed, Method, SearchAlgorithm
from ecg_nas.runs import data_settings
from ecg_nas.runs.data_settings import DEFAULT
from ecg_nas.settings import differing
from ecg_nas.training.config import EngineConfig, TrainConfig
from search_spaces import SearchSpace, available, load

_T = TypeVar("_T")

DEFAULT_METHOD = "dcl-enas"

FREE = frozenset({"budget", "algorithm.fes_max", "confirm.candidates", "confirm.trainings"})
"""Settings that may differ on a run that goes on: a budget may grow, more may be confirmed."""

MOVABLE = frozenset({"source", "records", "labels", "patients"})
"""What may differ of a data set then: data may move; what they are, their fingerprint holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmConfig:
    """How the best candidates are trained again, with other seeds, before one is chosen.

    The best score of many is partly luck. The winner has the highest mean over all its trainings.

    Attributes:
        candidates: How many of the best; below 2, the best score decides.
        trainings: More trainings of each.
    """

    candidates: int = 4
    trainings: int = 2

    def __post_init__(self) -> None:
        for name in ("candidates", "trainings"):
            if getattr(self, name) < 0:
                raise ConfigError(f"confirm.{name} must be 0 or more; got {getattr(self, name)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalConfig:
    """How the winner is trained on all training patients; the rest is as in ``training``.

    Attributes:
        epochs: Passes over the training patients.
        keep_every: Of the normal beats, every k-th is trained on.
    """

    epochs: int = 12
    keep_every: int = 1

    def __post_init__(self) -> None:
        for name in ("epochs", "keep_every"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be 1 or more; got {getattr(self, name)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """All settings of a run; each part lies beside what it configures.

    Attributes:
        data: What it is searched on. Its split is of no account for a prepared store.
        causal: Whether networks see only the past and one beat ahead, as in monitoring.
        space: Name of the search space.
        method: Name of the search method.
        budget: Full trainings in all.
        seed: Seed of everything random.
        max_params: Most parameters of a proposed network; ``None`` for no limit.
        max_macs: Most multiply-accumulates a beat of a proposed network.
        device: Where to train; ``auto`` takes CUDA where there is one.
        engine: How candidates are trained.
        training: The recipe of every candidate.
        folds: How training patients are held out.
        early: Whether trainings of candidates end early.
        inherit: Whether candidates start from the weights of others.
        confirm: How the winner is chosen among the best.
        final: The training of the winner.
        algorithm: Settings of the method.
    """

    data: DataRequest = field(default_factory=partial(DataRequest.from_json, DEFAULT))
    causal: bool = False
    space: str = "ecg1d"
    method: str = DEFAULT_METHOD
    budget: int = 16
    seed: int = 0
    max_params: int | None = None
    max_macs: int | None = None
    device: Literal["auto", "cpu", "cuda"] = "auto"
    engine: EngineConfig = field(default_factory=EngineConfig)
    training: TrainConfig = field(default_factory=TrainConfig)
    folds: FoldConfig = field(default_factory=FoldConfig)
    early: EarlyConfig = field(default_factory=EarlyConfig)
    inherit: InheritConfig = field(default_factory=InheritConfig)
    confirm: ConfirmConfig = field(default_factory=ConfirmConfig)
    final: FinalConfig = field(default_factory=FinalConfig)
    algorithm: Any = None

    def __post_init__(self) -> None:
        for name in ("budget", "max_params", "max_macs"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"{name} must be 1 or more; got {value}")
        if self.space not in available() or not load(self.space).trains:
            trainable = [name for name in available() if load(name).trains]
            raise ConfigError(f"space must be one of {', '.join(trainable)}; got {self.space!r}")
        if all(one.role != "train" for one in self.data.sets):
            raise ConfigError("at least one data set must be of role train; there is none")

    @property
    def fixed_representation(self) -> dict[str, str]:
        """Representation options that hold for every candidate."""
        return {"causal": "on"} if self.causal else {}


# On the folds of MIT-BIH's DS1 (6 networks of 2 to 49 thousand parameters, 2 seeds each), 10 epochs
# scored as 6 do (.668, .669), and trainings of one network varied by .02 to .03 (standard
# deviation): what a larger preset buys is more networks and more reliable scores.
PRESETS: Mapping[str, Mapping[str, Any]] = {
    # A first answer in minutes.
    "quick": {
        "budget": 16,
        "max_macs": 500_000,
        "training": {"epochs": 6, "keep_every": 4},
        "folds": {"n_folds": 3, "repeats": 1},
        "confirm": {"candidates": 3},
        "final": {"epochs": 12},
        "algorithm": {"n_init": 8, "n_infill": 4},
    },
    # Overnight on two cores: scores reliable enough to tell good candidates apart.
    "standard": {
        "budget": 96,
        "training": {"epochs": 10, "keep_every": 2},
        "folds": {"n_folds": 4, "repeats": 2},
        "final": {"epochs": 30},
        "algorithm": {"n_init": 16, "n_infill": 8},
    },
    # The same scores, more of them.
    "full": {
        "budget": 300,
        "training": {"epochs": 10, "keep_every": 2},
        "folds": {"n_folds": 4, "repeats": 2},
        "final": {"epochs": 30},
        "algorithm": {"n_init": 32, "n_infill": 8},
    },
}


def resolve(
    *, preset: str = "quick", file: Path | None = None, flags: Mapping[str, Any] | None = None
) -> RunConfig:
    """Return the settings of a preset, overruled by a TOML file, overruled by flags.

    Args:
        preset: A name of ``PRESETS``; the file may name another as ``preset = "…"``, unless the
            flags do.
        file: TOML with any fields of ``RunConfig``, its parts as tables; see ``data_settings`` for
            the data.
        flags: The same; those that are ``None`` are passed over. ``preset`` too.

    Raises:
        ConfigError: If a name is unknown or a value not allowed; the message names all of them.
    """
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    read = _read_toml(file) if file is not None else {}
    chosen = given.pop("preset", None) or read.pop("preset", None) or preset
    read.pop("preset", None)
    if chosen not in PRESETS:
        raise ConfigError(f"the preset must be one of {', '.join(PRESETS)}; got {chosen!r}")
    merged = _merged(_merged(PRESETS[chosen], read), given)
    settings = {name: value for name, value in merged.items() if name not in data_settings.KEYS}
    settings["data"] = data_settings.overlaid(data_settings.overlaid(DEFAULT, read), given)
    # A preset speaks of the default method's settings; another method takes those it knows.
    config_class = type(_method(settings.get("method", DEFAULT_METHOD)).config)
    known = {f.name for f in dataclasses.fields(config_class)}
    algorithm = {
        name: value
        for name, value in settings.get("algorithm", {}).items()
        if name in known or name in read.get("algorithm", {})
    }
    return from_json({**settings, "algorithm": algorithm})


def from_json(settings: Mapping[str, Any]) -> RunConfig:
    """Return the settings described by ``settings``; what is not named has its default.

    Raises:
        ConfigError: If a name is unknown or a value not allowed; the message names all of them.
    """
    current = data_settings.migrated(settings)
    rest = {name: value for name, value in current.items() if name != "algorithm"}
    config = _checked(RunConfig, rest, "")
    method = _method(config.method)
    given = _merged(method.changes, settings.get("algorithm") or {})
    algorithm = _checked(type(method.config), given, "algorithm.")
    algorithm = dataclasses.replace(algorithm, fes_max=config.budget)
    return dataclasses.replace(config, algorithm=algorithm)


def to_json(config: RunConfig) -> dict[str, Any]:
    """Return the settings as JSON-able values; ``from_json`` reads them back."""
    return {**dataclasses.asdict(config), "data": config.data.to_json()}


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Name the settings in which two JSON descriptions differ, but for what may."""
    return differing(_settled(old), _settled(new), free=FREE)


def _settled(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what may not differ of the data, however it was written, and all the rest."""
    current = data_settings.migrated(settings)
    sets = [
        {name: value for name, value in one.items() if name not in MOVABLE}
        for one in current["data"]["sets"]
    ]
    return {**current, "data": {**current["data"], "sets": sets}}


def algorithm(config: RunConfig, space: SearchSpace, allowed: Allowed | None) -> SearchAlgorithm:
    """Return the search method of ``config``, fresh.

    Args:
        config: The settings.
        space: Where it searches.
        allowed: Which architectures it may propose; ``None`` for all.
    """
    method = _method(config.method)
    return method.algorithm(space, config.algorithm, seed=config.seed, allowed=allowed)


def _method(name: str) -> Method:
    method = methods.load(str(name))  # which is not checked yet
    if method.cost == "needed":
        raise ConfigError(
            f"the method must do with one objective, the score; {name} needs a second one: "
            f"choose another, such as {DEFAULT_METHOD}"
        )
    return method


def _checked(cls: type[_T], values: Mapping[str, Any], prefix: str) -> _T:
    """Return ``values`` as a ``cls``, all their faults at once in the message otherwise."""
    from pydantic import TypeAdapter, ValidationError  # half a second that listing runs can spare

    faults = [f"{prefix}{name} is no setting" for name in _unknown(cls, values)]
    try:
        made = TypeAdapter(cls).validate_python(_configured(cls, values, prefix))
    except ValidationError as error:
        for detail in error.errors():
            where = ".".join(str(part) for part in detail["loc"])
            text = detail["msg"].removeprefix("Value error, ")
            shown = "" if isinstance(detail["input"], Mapping) else f" (got {detail['input']!r})"
            faults.append(f"{prefix}{where}: {text}{shown}" if where else f"{text}")
        made = None
    if faults or made is None:
        raise ConfigError(f"the settings must be right; {'; '.join(faults)}")
    return made


def _configured(cls: type[Any], values: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Return ``values`` with those parts checked whose type another value decides."""
    result = dict(values)
    for part in dataclasses.fields(cls):
        decided_by = part.metadata.get("configured_by")
        if decided_by is not None and isinstance(values.get(part.name), Mapping):
            plugin = decided_by(values)
            given = _merged(plugin.changes, values[part.name])
            result[part.name] = _checked(type(plugin.config), given, f"{prefix}{part.name}.")
    return result


def _unknown(cls: type[Any], values: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Name the entries of ``values`` that are no fields of ``cls`` or its parts."""
    hints = get_type_hints(cls)
    for name, value in values.items():
        if name not in hints:
            yield path + name
        elif (part := _part(hints[name])) is not None:
            several = isinstance(value, list | tuple)
            for index, one in enumerate(value if several else [value]):
                if isinstance(one, Mapping):
                    yield from _unknown(part, one, f"{path}{name}.{f'{index}.' * several}")


def _part(hint: Any) -> type[Any] | None:
    """Return the dataclass that ``hint`` is of, of several or of one or none; ``None`` if none."""
    found = [one for one in (hint, *get_args(hint)) if dataclasses.is_dataclass(one)]
    return found[0] if found and isinstance(found[0], type) else None


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for name, value in over.items():
        old = result.get(name)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        result[name] = _merged(old, value) if both else value  # type: ignore[arg-type]
    return result


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"the settings file {file} must be readable TOML: {error}") from error
