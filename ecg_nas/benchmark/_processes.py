"""Independent jobs, in this process or in several."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from ecg_nas.errors import RunError

_Job = TypeVar("_Job")
_Result = TypeVar("_Result")


def results(
    play: Callable[[_Job], _Result], jobs: Sequence[_Job], *, workers: int
) -> Iterator[_Result]:
    """Yield what ``play`` makes of each of ``jobs``, as they finish.

    Raises:
        RunError: If a worker process dies.
    """
    if workers == 1 or not jobs:
        yield from map(play, jobs)
        return
    context = multiprocessing.get_context("spawn")  # a forked torch may hang
    n_processes = min(workers, len(jobs))
    with ProcessPoolExecutor(n_processes, mp_context=context, initializer=_follow) as pool:
        try:
            for future in as_completed([pool.submit(play, job) for job in jobs]):
                yield future.result()
        except BrokenProcessPool as error:
            raise RunError(
                f"all {workers} worker processes must live to the end; one was killed, perhaps "
                "for want of memory: try fewer --workers"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def _follow() -> None:
    """End this worker with its parent: at Ctrl-C, and when the parent is killed."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback of each worker
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)  # the executor's own loop would wait for work for ever

    threading.Thread(target=watch, daemon=True).start()
