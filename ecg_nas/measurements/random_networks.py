"""The random architectures that trainings are measured on."""

from __future__ import annotations

from ecg_nas.errors import ConfigError
from ecg_nas.methods.base import Allowed, Archive, draw_at_random
from search_spaces import Architecture, SearchSpace


def random_design(
    space: SearchSpace, number: int, *, at_least: int, seed: int, allowed: Allowed | None
) -> list[Architecture]:
    """Return the architectures that a search with this seed and these limits begins with.

    Args:
        space: Where they are drawn.
        number: How many; they differ.
        at_least: Smallest ``number``.
        seed: Seed of the draw.
        allowed: Which may be drawn; ``None`` for all.

    Raises:
        ConfigError: If ``number`` is too small, or no architecture is allowed.
    """
    if number < at_least:
        raise ConfigError(f"the number of architectures must be {at_least} or more; got {number}")
    design = draw_at_random(space, Archive(), number, seed=seed, origin="initial", allowed=allowed)
    return [proposal.architecture for proposal in design]
