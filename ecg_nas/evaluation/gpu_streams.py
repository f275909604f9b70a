"""Train several candidates at once on one GPU: a thread and a CUDA stream each."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from typing_extensions import override

from ecg_nas.evaluation.base import Candidate, Evaluation, Evaluator
from ecg_nas.evaluation.fold_training import TrainingEvaluator
from ecg_nas.training import gpu

_SHARE = 0.6  # of the free memory; what is left is for cut beats and for what no estimate sees


class StreamsEvaluator(Evaluator):
    """Gives each of several streams one candidate at a time, all on the data of one evaluator.

    A candidate starts when the memory that it will take is free. Should the device run out of
    memory all the same, the candidate is tried once more, alone.

    Args:
        evaluator: What trains; its data stay on the device once.
        streams: Candidates at once, at most ``gpu.MOST_STREAMS``.
        memory: Bytes that they may take together; by default more than half of what is free.
    """

    def __init__(
        self, evaluator: TrainingEvaluator, streams: int, *, memory: int | None = None
    ) -> None:
        if not 1 <= streams <= gpu.MOST_STREAMS:
            raise ValueError(f"there must be 1 to {gpu.MOST_STREAMS} streams; got {streams}")
        self._evaluator = evaluator
        if memory is None:
            memory = int(_SHARE * torch.cuda.mem_get_info(evaluator.device)[0])
        self._gate = Gate(memory)
        self._pool = ThreadPoolExecutor(streams, thread_name_prefix="stream")

    @override
    def evaluate(self, candidates: Sequence[Candidate]) -> Iterator[Evaluation]:
        waiting = [self._pool.submit(self._evaluate, candidate) for candidate in candidates]
        try:
            for done in as_completed(waiting):
                yield done.result()
        finally:
            for future in waiting:
                future.cancel()

    @override
    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._evaluator.close()

    def _evaluate(self, candidate: Candidate) -> Evaluation:
        try:
            needed = self._evaluator.peak_bytes(candidate)
        except (RuntimeError, MemoryError):
            needed = 0  # it will fail in the same way below, and its result say so there
        with self._gate.room(needed), self._stream():
            found = self._once(candidate)
        if not _out_of_memory(found):
            return found
        with self._gate.alone(), self._stream():
            return self._once(candidate)

    def _once(self, candidate: Candidate) -> Evaluation:
        (found,) = self._evaluator.evaluate([candidate])
        return found

    def _stream(self) -> AbstractContextManager[object]:
        device = self._evaluator.device
        if device.type != "cuda":
            return nullcontext()
        return torch.cuda.stream(gpu.own_stream(device))


def _out_of_memory(found: Evaluation) -> bool:
    # torch's own words, CUDA's (for a graph, say), and those of cuBLAS and cuDNN.
    signs = ("out of memory", "ALLOC_FAILED", "ALLOCATION_FAILED")
    return any(sign in (found.failure or "") for sign in signs)


class Gate:
    """Lets in what fits: the sum of what is inside never passes the limit.

    What is larger than the limit is let in alone.

    Args:
        limit: Sum of what may be inside.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._inside = 0
        self._changed = threading.Condition()
        # One after the other: else small ones would pass a large one for ever.
        self._turn = threading.Lock()

    def alone(self) -> AbstractContextManager[None]:
        """Hold all of the limit inside, after waiting for it."""
        return self.room(self._limit)

    @contextmanager
    def room(self, size: int) -> Iterator[None]:
        """Hold ``size`` of the limit inside, after waiting for it."""
        size = min(size, self._limit)
        with self._turn, self._changed:
            self._changed.wait_for(lambda: self._inside + size <= self._limit)
            self._inside += size
        try:
            yield
        finally:
            with self._changed:
                self._inside -= size
                self._changed.notify_all()
