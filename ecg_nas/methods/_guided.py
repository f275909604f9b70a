"""What the methods share that fit a predictor to all labels and train what it ranks first."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecg_nas import predictor
from ecg_nas.methods.base import Allowed, Archive, check_least
from ecg_nas.predictor import Predictor
from search_spaces import Architecture, SearchSpace


@dataclass(frozen=True, slots=True, kw_only=True)
class GuidedConfig:
    """Settings that all of them have.

    Attributes:
        fes_max: Full trainings in all.
        n_init: Random architectures trained before the predictor is first used.
        n_infill: Architectures trained between two fits of the predictor.
    """

    fes_max: int = 100
    n_init: int = 10
    n_infill: int = 10

    def __post_init__(self) -> None:
        counts = {one.name: 1 for one in fields(self) if one.name.startswith("n_")}
        check_least(self, **{"fes_max": 1, **counts, "n_init": 2})


def fitted(name: str, config: Any, space: SearchSpace, archive: Archive, seed: int) -> Predictor:
    """Return the predictor called ``name``, fitted to all of ``archive``."""
    made = predictor.load(name).start(space, seed, config=config)
    made.fit(archive.architectures, archive.scores())
    return made


def best_first(archs: Sequence[Architecture], values: NDArray[np.float64]) -> list[Architecture]:
    """Return ``archs`` by their ``values (n,)``, the highest first, the earlier of equals first."""
    return [archs[i] for i in np.argsort(-values, kind="stable")]


def mutants_of_the_best(
    space: SearchSpace,
    archive: Archive,
    count: int,
    rng: np.random.Generator,
    *,
    n_parents: int,
    identity: Callable[[Architecture], Hashable],
    allowed: Allowed | None,
) -> list[Architecture]:
    """Return up to ``count`` allowed and new mutants of the best architectures told.

    Each parent in turn, from the best one on, is mutated ``count`` times, until there are enough
    mutants: so most are neighbours of the very best.

    Args:
        space: Of the architectures.
        archive: What was told so far.
        count: Most mutants.
        rng: Source of everything random.
        n_parents: Most parents.
        identity: Those of which it says the same count as one.
        allowed: The constraint on proposals.
    """
    parents = best_first(archive.architectures, np.array(archive.scores()))
    known = {identity(arch) for arch in archive.architectures}
    mutants: list[Architecture] = []
    for parent in parents[:n_parents]:
        if len(mutants) >= count:
            break
        for _ in range(count):
            mutant = space.mutate(parent, rng)
            same = identity(mutant)
            if same not in known and (allowed is None or allowed(mutant)):
                known.add(same)
                mutants.append(mutant)
    return mutants[:count]
