"""What threads that train on one GPU share: its streams, the recording of graphs, its memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

MOST_STREAMS = 16
"""Threads that may train at once. torch has 32 streams and hands them out in turn."""

_recording = threading.Lock()
_threads = threading.local()


def own_stream(device: torch.device) -> torch.cuda.Stream:
    """Return the stream of this thread: the current one or, where that is the default, its own.

    It is the same one for all trainings of a thread. A new one for each would soon be one that
    another thread works on, and what that one starts during a recording would be recorded, not run.
    """
    current = torch.cuda.current_stream(device)
    if current != torch.cuda.default_stream(device):  # on which nothing can be recorded
        return current
    if not hasattr(_threads, "stream"):
        _threads.stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    own: torch.cuda.Stream = _threads.stream
    return own


@contextmanager
def recording(graph: torch.cuda.CUDAGraph, device: torch.device) -> Iterator[None]:
    """Record what this thread does inside, while other threads go on but for recording.

    Before a recording torch waits for the whole device and frees cached memory; CUDA and torch
    refuse both while another one is under way.
    """
    with (
        _recording,
        torch.cuda.graph(graph, stream=own_stream(device), capture_error_mode="thread_local"),
    ):
        yield


def recover(device: torch.device) -> None:
    """Wait for ``device`` and free the memory that torch keeps cached; on a CPU do nothing.

    Raises:
        RuntimeError: If the device is lost: after some errors CUDA refuses this process any work.
    """
    if device.type == "cuda":
        with _recording:
            torch.cuda.synchronize(device)
            torch.cuda.empty_cache()
