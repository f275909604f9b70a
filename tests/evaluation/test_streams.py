import threading
import time

import numpy as np
import pytest
import torch

from ecg_nas.evaluation.base import Candidate, Evaluation
from ecg_nas.evaluation.gpu_streams import Gate, StreamsEvaluator
from ecg_nas.training.batched import peak_bytes
from ecg_nas.training.config import TrainConfig
from search_spaces import load


class Pretend:
    """Stands where a training evaluator would: notes who trains at once, fails as it is told."""

    device = torch.device("cpu")

    def __init__(self, sizes, fails=(), failure="OutOfMemoryError: CUDA out of memory"):
        self.sizes, self.fails, self.failure = sizes, list(fails), failure
        self.inside, self.seen = [], []
        self.lock = threading.Lock()

    def peak_bytes(self, candidate):
        return self.sizes[candidate.slot]

    def evaluate(self, candidates):
        (candidate,) = candidates
        with self.lock:
            self.inside.append(candidate.slot)
            self.seen.append(tuple(sorted(self.inside)))
        time.sleep(0.02)
        with self.lock:
            self.inside.remove(candidate.slot)
            failed = candidate.slot in self.fails
            if failed:
                self.fails.remove(candidate.slot)
        failure = self.failure if failed else None
        yield Evaluation(slot=candidate.slot, score=None if failed else 0.5, failure=failure)

    def close(self):
        pass


def run(evaluator, n):
    made = StreamsEvaluator(evaluator, 4, memory=10)
    found = list(made.evaluate([Candidate(slot=i, architecture=None, seed=i) for i in range(n)]))
    made.close()
    return sorted(found, key=lambda e: e.slot)


def test_only_what_fits_trains_at_once():
    sizes = [6, 4, 6, 4, 3, 3, 3, 50]
    pretend = Pretend(sizes)
    assert [e.slot for e in run(pretend, 8)] == list(range(8))
    for inside in pretend.seen:
        assert sum(min(sizes[slot], 10) for slot in inside) <= 10
    assert max(len(inside) for inside in pretend.seen) > 1
    assert (7,) in pretend.seen  # larger than all there is: alone


@pytest.mark.parametrize(
    "failure",
    [
        "OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB",
        "AcceleratorError: CUDA error: out of memory",
        "RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    ],
)
def test_out_of_memory_means_once_more_alone(failure):
    pretend = Pretend([1] * 6, fails=[2, 3], failure=failure)
    assert all(e.failure is None for e in run(pretend, 6))
    retried = [inside for inside in pretend.seen if inside in {(2,), (3,)}]
    assert len(retried) >= 2


def test_other_failures_stand():
    failure = "DivergedError: the loss became nan in epoch 1 of fold 2"
    assert run(Pretend([1], fails=[0], failure=failure), 1)[0].failure == failure


def test_out_of_memory_alone_is_a_failure():
    assert run(Pretend([1], fails=[0, 0]), 1)[0].failure.startswith("OutOfMemoryError")


def test_a_gate_lets_a_large_one_in_before_small_ones_that_came_later():
    gate, order = Gate(10), []

    def enter(size):
        with gate.room(size):
            order.append(size)

    with gate.room(5):
        threads = []
        for size in (10, 1, 2):
            threads.append(threading.Thread(target=enter, args=(size,)))
            threads[-1].start()
            time.sleep(0.02)
        assert order == []
    for thread in threads:
        thread.join()
    assert order[0] == 10


@pytest.mark.parametrize("streams", [0, 17])
def test_streams_are_1_to_16(streams):
    with pytest.raises(ValueError, match=f"1 to 16 streams; got {streams}"):
        StreamsEvaluator(Pretend([]), streams, memory=1)


def test_the_estimate_grows_with_folds_and_batch():
    sizes = {"leads": 2, "samples": 90, "context": 4, "classes": 5}
    space = load("ecg1d")
    arch = space.sample(np.random.default_rng(0))

    class Beats:
        x, context, y = torch.zeros(9, 2, 90), torch.zeros(9, 4), torch.zeros(9, dtype=torch.int64)
        classes = tuple("NSVFQ")

    def estimate(folds, batch):
        def build():
            return space.build(arch, **sizes)

        return peak_bytes(build, Beats(), TrainConfig(batch=batch), folds=folds) - 2**26

    assert estimate(4, 128) == pytest.approx(4 * estimate(1, 128), rel=0.02)
    assert 1.5 < estimate(2, 256) / estimate(2, 128) < 2.01
