"""What a search algorithm is: it proposes architectures and is told how they did."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any, Generic, Literal, Protocol

import numpy as np
from typing_extensions import TypeVar

from ecg_nas import seeds
from ecg_nas.errors import ConfigError
from ecg_nas.variants import Configured
from search_spaces import Architecture, SearchSpace

Allowed = Callable[[Architecture], bool]
"""A constraint on proposals (``--max-params``, say): whether an architecture may be proposed."""

Cost = Callable[[Architecture], float]
"""What an architecture costs to run (latency, parameters); known without training, positive."""

_TRIES = 2000  # draws without a new architecture after which the space counts as exhausted


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """An architecture to evaluate, and where the idea came from.

    Attributes:
        architecture: What to evaluate next.
        origin: ``initial`` (random design), ``predictor`` (chosen by the predictor),
            ``exploration`` (random on purpose), ``evolution`` (mutated without a predictor).
    """

    architecture: Architecture
    origin: Literal["initial", "predictor", "exploration", "evolution"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A proposal with its outcome; ``score`` is ``None`` for a failure."""

    architecture: Architecture
    score: float | None


class Budgeted(Protocol):
    """Settings of an algorithm."""

    @property
    def fes_max(self) -> int:
        """Full trainings in all."""


class Infilled(Budgeted, Protocol):
    """Settings of an algorithm that lets a predictor choose."""

    @property
    def n_init(self) -> int:
        """Random architectures before the predictor is first used."""

    @property
    def n_infill(self) -> int:
        """Architectures a batch from then on."""


_Config = TypeVar("_Config", bound=Budgeted, default=Any)


class SearchAlgorithm(ABC, Generic[_Config]):
    """Ask/tell. Sees no file, console or device name; never evaluates anything itself.

    ``ask`` is a pure function of the state: asked again from the same state (after a crash, say)
    it proposes the same. ``tell`` gets the outcomes of one ``ask``, in its order. An algorithm
    never proposes an architecture twice unless its space is exhausted.

    The archive of what was told is all the state there is, unless an algorithm adds to it.

    Args:
        space: Where to search.
        config: The settings.
        seed: The run's seed.
        allowed: The constraint on proposals; ``None`` for none.
    """

    def __init__(
        self, space: SearchSpace, config: _Config, *, seed: int, allowed: Allowed | None = None
    ) -> None:
        self._space = space
        self._config = config
        self._seed = seed
        self._allowed = allowed
        self._archive = Archive()

    @abstractmethod
    def ask(self) -> list[Proposal]:
        """Return the next batch of proposals; empty only when the budget is spent."""

    def tell(self, outcomes: Sequence[Outcome]) -> None:
        """Take in the outcomes of the last ``ask``."""
        self._archive.add(outcomes)

    def state(self) -> dict[str, Any]:
        """Return a JSON-able state from which ``load_state`` continues exactly."""
        return {"archive": self._archive.to_json()}

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue from a state that ``state`` returned."""
        self._archive = Archive.from_json(state["archive"], self._space)

    def diagnostics(self) -> dict[str, float | None]:
        """Return figures to show the user (``kendall_tau`` of the predictor, seconds …)."""
        return {}

    @property
    def _left(self) -> int:
        """Full trainings that may still be asked for."""
        return max(self._config.fes_max - len(self._archive), 0)

    def _random(self, count: int, origin: Literal["initial", "exploration"]) -> list[Proposal]:
        """Return ``count`` new random architectures, the same for every algorithm of this seed."""
        return draw_at_random(
            self._space,
            self._archive,
            count,
            seed=self._seed,
            origin=origin,
            allowed=self._allowed,
        )

    def _learnable(self) -> bool:
        """Return whether a predictor could rank: not if all failed, say."""
        return len(set(self._archive.scores())) > 1

    def _by_infill(
        self, pick: Callable[[int], Sequence[Architecture]], config: Infilled
    ) -> list[Proposal]:
        """Return the next batch of a method that lets a predictor choose.

        Args:
            pick: Returns at most as many architectures as it is asked for; called only when the
                initial design is told and a predictor could rank.
            config: The algorithm's settings.
        """
        done = len(self._archive)
        if done < config.n_init:
            return self._random(min(config.n_init - done, self._left), "initial")
        count = min(config.n_infill, self._left)
        if count == 0 or not self._learnable():
            return self._random(count, "exploration")
        return self._filled(pick(count), count)

    def _filled(self, picked: Sequence[Architecture], count: int) -> list[Proposal]:
        """Return what a predictor picked, filled up to ``count`` with random architectures.

        Too few are picked where the space is small or the limits are tight.
        """
        proposals = [Proposal(architecture=arch, origin="predictor") for arch in picked]
        if len(picked) < count:
            fillers = self._random(count, "exploration")
            fillers.sort(key=lambda p: p.architecture in picked)  # repeats last
            proposals += fillers[: count - len(picked)]
        return proposals


@dataclass(frozen=True, slots=True, kw_only=True)
class Method(Configured):
    """A search method with its settings. A module of this folder ends with ``METHOD = `` one.

    Attributes:
        algorithm: The class; it takes a space, settings (with ``fes_max``), ``seed`` and
            ``allowed``.
        cost: What it makes of a second objective, as the argument ``cost``.
    """

    algorithm: Callable[..., SearchAlgorithm]
    cost: Literal["ignored", "taken", "needed"] = "ignored"

    def __post_init__(self) -> None:
        if "fes_max" not in (setting.name for setting in fields(self.config)):
            raise ConfigError("the settings of a search method must have fes_max, its budget")

    def start(
        self, space: SearchSpace, budget: int, seed: int, cost: Cost | None = None
    ) -> SearchAlgorithm:
        """Return the method, fresh, with ``budget`` trainings to spend."""
        second = {"cost": cost} if cost is not None and self.cost != "ignored" else {}
        config = replace(self.config, fes_max=budget)
        return self.algorithm(space, config, seed=seed, **second)

    def settings(self) -> dict[str, Any]:
        """Return the settings as JSON-able values, without the budget."""
        values = Configured.settings(self)
        del values["fes_max"]
        return values


class Archive:
    """What an algorithm has been told so far, in order; all the state that most of them need."""

    def __init__(self) -> None:
        self._told: list[Outcome] = []
        self._keys: set[str] = set()

    def __len__(self) -> int:
        return len(self._told)

    def __iter__(self) -> Iterator[Outcome]:
        return iter(self._told)

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    @property
    def architectures(self) -> list[Architecture]:
        """The architectures told, in order."""
        return [told.architecture for told in self._told]

    def scores(self) -> list[float]:
        """Return one number an entry; failures and non-finite scores count as the worst seen."""
        finite = [t.score for t in self._told if t.score is not None and np.isfinite(t.score)]
        worst = min(finite, default=0.0)
        return [
            t.score if t.score is not None and np.isfinite(t.score) else worst for t in self._told
        ]

    def add(self, outcomes: Sequence[Outcome]) -> None:
        """Append ``outcomes`` in their order."""
        self._told.extend(outcomes)
        self._keys.update(told.architecture.key for told in outcomes)

    def to_json(self) -> list[dict[str, Any]]:
        """Return a JSON-able list that ``from_json`` reads back."""
        return [{"architecture": t.architecture.to_json(), "score": t.score} for t in self._told]

    @classmethod
    def from_json(cls, data: Sequence[dict[str, Any]], space: SearchSpace) -> Archive:
        """Return the archive that ``to_json`` described.

        Raises:
            ArchitectureError: If an entry is not an architecture of ``space``.
        """
        archive = cls()
        archive.add(
            [
                Outcome(architecture=space.from_json(entry["architecture"]), score=entry["score"])
                for entry in data
            ]
        )
        return archive


def check_least(config: object, **least: int) -> None:
    """Raise ``ConfigError`` if a setting is smaller than the ``least`` of its name."""
    for name, smallest in least.items():
        if getattr(config, name) < smallest:
            raise ConfigError(f"{name} must be at least {smallest}; got {getattr(config, name)}")


def draw_new(
    draw: Callable[[], Architecture], *, taken: Callable[[str], bool], allowed: Allowed | None
) -> Architecture | None:
    """Return the first architecture of ``draw`` that is allowed and not taken.

    Args:
        draw: Returns a random architecture at each call.
        taken: Whether an architecture of this key was told or proposed already.
        allowed: The constraint on proposals; ``None`` for none.

    Returns:
        The architecture, or ``None`` when many draws brought nothing new: what ``draw`` can
        reach is exhausted.
    """
    for _ in range(_TRIES):
        arch = draw()
        if not taken(arch.key) and (allowed is None or allowed(arch)):
            return arch
    return None


def draw_at_random(
    space: SearchSpace,
    archive: Archive,
    count: int,
    *,
    seed: int,
    origin: Literal["initial", "exploration"],
    allowed: Allowed | None,
) -> list[Proposal]:
    """Return ``count`` random architectures that are allowed and new.

    What is drawn for a slot depends on seed and slot, not on who draws: methods compared with the
    same seed start from the same architectures. Only in an exhausted space is one proposed again.

    Args:
        space: Where to draw.
        archive: What was told so far; its length is the first slot.
        count: Number of proposals.
        seed: The run's seed.
        origin: Said of the proposals.
        allowed: The constraint on proposals.

    Raises:
        ConfigError: If no architecture of the space seems to be allowed.
    """
    drawn: dict[str, Architecture] = {}
    archs = []
    for slot in range(len(archive), len(archive) + count):
        draw = partial(space.sample, seeds.generator(seed, "initial", slot))
        arch = draw_new(draw, taken=lambda key: key in archive or key in drawn, allowed=allowed)
        if arch is None:  # exhausted: a repeat is all that is left
            arch = draw_new(draw, taken=lambda _: False, allowed=allowed)
        if arch is None:
            raise ConfigError(
                f"some architectures of {space.name} must keep the limits; none of {_TRIES} "
                "random ones did: raise --max-params or --max-macs"
            )
        drawn[arch.key] = arch
        archs.append(arch)
    return [Proposal(architecture=arch, origin=origin) for arch in archs]
