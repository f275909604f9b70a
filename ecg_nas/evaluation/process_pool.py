"""Evaluate in several processes, with the results of one."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from pathlib import Path

from typing_extensions import override

from ecg_nas.evaluation.base import Candidate, Evaluation, Evaluator

_TRIES = 2
_ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class PoolEvaluator(Evaluator):
    """Gives each of several processes one candidate at a time, one CPU thread each.

    A worker that dies (killed, or out of memory) is replaced and its candidate tried once more;
    if that worker dies too, the candidate's result is a failure. An exception in a worker is
    raised here: an evaluator returns what a candidate can do wrong as a failure, so it is a
    fault of the program or of its input. Workers end with this process, however it ends.

    Args:
        factory: Makes the evaluator inside each worker; must be picklable and importable.
        workers: Number of processes; they start with the first evaluation.
    """

    def __init__(self, factory: Callable[[], Evaluator], workers: int) -> None:
        if workers < 1:
            raise ValueError(f"a pool needs at least one worker; got {workers}")
        self._factory = factory
        self._n_workers = workers
        self._idle: list[_Worker] = []
        self._busy: dict[Connection, _Worker] = {}

    @override
    def evaluate(self, candidates: Sequence[Candidate]) -> Iterator[Evaluation]:
        waiting = deque((candidate, 1) for candidate in candidates)
        try:
            while waiting or self._busy:
                while waiting and len(self._busy) < self._n_workers:
                    worker = self._idle.pop() if self._idle else _Worker(self._factory)
                    self._busy[worker.connection] = worker
                    worker.give(*waiting.popleft())
                for connection in wait(list(self._busy)):
                    assert isinstance(connection, Connection)
                    worker = self._busy.pop(connection)
                    content = worker.result()
                    if isinstance(content, Exception):
                        worker.end()
                        raise content
                    if isinstance(content, Evaluation):
                        self._idle.append(worker)
                        yield content
                    elif worker.tries < _TRIES:
                        waiting.appendleft((worker.candidate, worker.tries + 1))
                    else:
                        yield Evaluation(
                            slot=worker.candidate.slot,
                            score=None,
                            failure=f"its worker process died {_TRIES} times ({content})",
                        )
        finally:
            # Given up half-way (Ctrl-C, an exception, a closed generator): what still trains is
            # of no use to anyone.
            for worker in self._busy.values():
                worker.end()
            self._busy.clear()

    @override
    def close(self) -> None:
        for worker in [*self._idle, *self._busy.values()]:
            worker.end()
        self._idle.clear()
        self._busy.clear()


class _Worker:
    """One worker process, and the candidate it has."""

    def __init__(self, factory: Callable[[], Evaluator]) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                # -P: the modules of this process, not those of the folder it runs in.
                [sys.executable, "-P", "-m", "ecg_nas.evaluation._worker", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env={
                    **os.environ,
                    **dict.fromkeys(_ONE_THREAD, "1"),
                    "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path),
                },
                stdin=subprocess.DEVNULL,
                # Standard output belongs to --json.
                stdout=subprocess.DEVNULL,
                # Ctrl-C is for the parent alone, which then ends its workers.
                start_new_session=True,
            )
        self.connection = Connection(ours.detach())
        self.candidate: Candidate
        self.tries = 0
        self._send(factory)

    def give(self, candidate: Candidate, tries: int) -> None:
        self.candidate, self.tries = candidate, tries
        self._send(candidate)

    def result(self) -> Evaluation | Exception | str:
        """Return what the worker sent, or how it died."""
        try:
            result: Evaluation | Exception = self.connection.recv()
        except (EOFError, ConnectionError):
            self.end()
            return _cause(self._process.returncode)
        return result

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        self.connection.close()

    def _send(self, message: object) -> None:
        # A worker that died meanwhile is noticed when its result is read.
        with suppress(ConnectionError):
            self.connection.send(message)


def _cause(returncode: int) -> str:
    return f"signal {-returncode}" if returncode < 0 else f"exit code {returncode}"
