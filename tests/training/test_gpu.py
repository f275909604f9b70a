"""Threads on one GPU, on a machine without one: torch.cuda's functions are stood in for."""

import threading
import time
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import torch

from ecg_nas.training import gpu

CUDA = torch.device("cuda")


class Device:
    """Refuses what CUDA and torch refuse during a recording; hands out 32 streams in turn."""

    def __init__(self):
        self.made = 0
        self.lock = threading.Lock()
        self.recorded_on = []
        self.recordings = 0
        self.worst = 0
        self.threads = threading.local()

    def stream(self, device):
        with self.lock:
            self.made += 1
            return f"stream {self.made % 32}"

    def current(self, device):
        return getattr(self.threads, "current", "default")

    @contextmanager
    def graph(self, graph, *, stream, capture_error_mode):
        self.synchronize(None)
        self.empty_cache()
        assert capture_error_mode == "thread_local"
        with self.lock:
            self.recordings += 1
            self.worst = max(self.worst, self.recordings)
            self.recorded_on.append((threading.get_ident(), stream))
        try:
            time.sleep(0.01)
            yield
        finally:
            with self.lock:
                self.recordings -= 1

    def synchronize(self, device):
        assert self.recordings == 0, "cudaErrorStreamCaptureUnsupported"

    def empty_cache(self):
        assert self.recordings == 0, "captures_underway.empty() INTERNAL ASSERT FAILED"


@pytest.fixture
def device(monkeypatch):
    stand_in = Device()
    monkeypatch.setattr(
        torch,
        "cuda",
        SimpleNamespace(
            Stream=stand_in.stream,
            current_stream=stand_in.current,
            default_stream=lambda device: "default",
            graph=stand_in.graph,
            synchronize=stand_in.synchronize,
            empty_cache=stand_in.empty_cache,
        ),
    )
    return stand_in


def in_threads(n, work):
    failed = []

    def guarded():
        try:
            work()
        except AssertionError as error:
            failed.append(error)

    threads = [threading.Thread(target=guarded) for _ in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed, failed


def test_one_thread_records_at_a_time_and_none_frees_memory_meanwhile(device):
    def work():
        for _ in range(3):
            with gpu.recording(None, CUDA):
                time.sleep(0.001)
            gpu.recover(CUDA)

    in_threads(4, work)
    assert len(device.recorded_on) == 12
    assert device.worst == 1


def test_a_failed_recording_lets_others_record(device):
    with pytest.raises(RuntimeError, match="out of memory"), gpu.recording(None, CUDA):
        raise RuntimeError("out of memory")
    with gpu.recording(None, CUDA):
        pass


def test_a_thread_records_on_a_stream_that_no_other_has(device):
    """As many trainings as it takes torch to hand out all its streams twice."""

    def work():
        for _ in range(20):
            with gpu.recording(None, CUDA):
                pass

    in_threads(4, work)
    by_thread = set(device.recorded_on)
    assert len(by_thread) == 4
    assert len({stream for _, stream in by_thread}) == 4


def test_the_current_stream_is_recorded_on_unless_it_is_the_default(device):
    assert gpu.own_stream(CUDA) != "default"
    device.threads.current = "given"
    assert gpu.own_stream(CUDA) == "given"


def test_a_cpu_has_nothing_to_recover(monkeypatch):
    monkeypatch.setattr(torch, "cuda", None)
    gpu.recover(torch.device("cpu"))
