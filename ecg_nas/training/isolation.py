"""torch's global state, kept apart: random numbers and threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_isolating = threading.RLock()  # torch's random state is one for all threads


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one CPU thread inside: sums are then added in one order on every machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class OwnRandomness:
    """A sequence of random numbers that goes on where it was, whatever else draws in between.

    Args:
        seed: Where it begins.
        device: Whose random numbers are meant beside the host's.
    """

    def __init__(self, seed: int, device: torch.device) -> None:
        self._cuda = [device.index or 0] if device.type == "cuda" else []
        with self._forked():
            torch.manual_seed(seed)
            self._keep()

    @contextmanager
    def active(self) -> Iterator[None]:
        """Make it torch's own inside, on one CPU thread; leave torch's global state as it was.

        So a training is bit-equal from run to run on a CPU. Parallelism is processes there;
        threads wait for each other here.
        """
        with self._forked(), one_thread():
            torch.set_rng_state(self._host)
            for index, state in zip(self._cuda, self._device, strict=True):
                torch.cuda.set_rng_state(state, index)
            yield
            self._keep()

    @contextmanager
    def _forked(self) -> Iterator[None]:
        with _isolating, torch.random.fork_rng(devices=self._cuda):
            yield

    def _keep(self) -> None:
        self._host = torch.get_rng_state()
        self._device = [torch.cuda.get_rng_state(index) for index in self._cuda]
