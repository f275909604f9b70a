"""Candidates of the methods that let a predictor choose among mutants."""

from __future__ import annotations

from collections.abc import Callable, Hashable

import numpy as np

from ecg_nas.methods.base import Allowed, Archive
from search_spaces import Architecture, SearchSpace


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
    archs = archive.architectures
    order = np.argsort(np.negative(archive.scores()), kind="stable")
    known = {identity(arch) for arch in archs}
    mutants: list[Architecture] = []
    for index in order[:n_parents]:
        if len(mutants) >= count:
            break
        for _ in range(count):
            mutant = space.mutate(archs[index], rng)
            same = identity(mutant)
            if same not in known and (allowed is None or allowed(mutant)):
                known.add(same)
                mutants.append(mutant)
    return mutants[:count]
