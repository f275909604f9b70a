"""Independent jobs, in this process or in several."""

from __future__ import annotations

import multiprocessing
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
    with ProcessPoolExecutor(min(workers, len(jobs)), mp_context=context) as pool:
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
