"""Hypothesis strategies for the project's types."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

import search_spaces
from search_spaces import Architecture


@st.composite
def architectures(draw: st.DrawFn, space: str) -> Architecture:
    """A random architecture of ``space``, a few mutations away from a sample."""
    found = search_spaces.load(space)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    arch = found.sample(rng)
    for _ in range(draw(st.integers(0, 3))):
        arch = found.mutate(arch, rng)
    return arch


@st.composite
def dags(draw: st.DrawFn, max_inner: int = 4) -> tuple[int, tuple[tuple[int, int], ...]]:
    """``(n_nodes, edges)`` of a graph whose edges go from lower to higher nodes."""
    n_nodes = draw(st.integers(2, max_inner + 2))
    slots = [(a, b) for a in range(n_nodes) for b in range(a + 1, n_nodes)]
    there = draw(st.lists(st.booleans(), min_size=len(slots), max_size=len(slots)))
    return n_nodes, tuple(slot for slot, kept in zip(slots, there, strict=True) if kept)
