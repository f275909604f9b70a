"""Torch without its surroundings: seeded, on one thread, and leaving no trace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def isolated(seed: int) -> Iterator[None]:
    """Seed torch inside, leave its random state as it was outside, and use one thread.

    Sums come out differently on two threads, and a search must not depend on the machine.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(threads)
