"""What only a GPU can show: recorded steps, streams, memory. Left out where there is none."""

import gc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch

from ecg_nas.training import gpu
from ecg_nas.training.batched import FoldsTraining, peak_bytes
from ecg_nas.training.config import AugmentConfig, TrainConfig
from ecg_nas.training.loop import train
from search_spaces import load

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")

SPACE = load("ecg1d")
CUDA = torch.device("cuda")
CONFIG = TrainConfig(epochs=2, batch=64, ema=0.9, augment=AugmentConfig(lead_dropout=0.1))
SEEDS = (1, 2, 3)
STEPS = 8


@pytest.fixture
def on_gpu(beats):
    return replace(beats, x=beats.x.to(CUDA), context=beats.context.to(CUDA), y=beats.y.to(CUDA))


@pytest.fixture(autouse=True)
def repeatable(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)


def builder(seed=3, leads=2, samples=40):
    arch = SPACE.sample(np.random.default_rng(seed))
    return lambda: SPACE.build(arch, leads=leads, samples=samples, context=3, classes=5)


def folds_of(data, n=3):
    return [np.arange(start, len(data.labels), n)[start * 20 :] for start in range(n)]


def training(data, build=None, *, bfloat16=False, config=CONFIG):
    return FoldsTraining(
        build or builder(),
        data,
        folds_of(data),
        config,
        fold_seeds=SEEDS,
        steps=STEPS,
        bfloat16=bfloat16,
    )


def to_the_end(data, build=None, **given):
    made = training(data, build, **given)
    losses = [made.epoch() for _ in range(CONFIG.epochs)]
    state = [{k: v.cpu() for k, v in m.state_dict().items()} for m in made.finish()]
    return losses, state


@pytest.mark.parametrize("bfloat16", [False, True])
def test_recorded_steps_are_those_that_are_run(on_gpu, bfloat16):
    """Noise, learning rate, statistics and beats of a replay must be those of its own step."""
    recorded, states = to_the_end(on_gpu, bfloat16=bfloat16)
    eager = training(on_gpu, bfloat16=bfloat16)
    assert eager._run._graph is None
    eager._run = eager._step
    losses = [eager.epoch() for _ in range(CONFIG.epochs)]
    np.testing.assert_allclose(recorded, losses, rtol=1e-4)
    for module, state in zip(eager.finish(), states, strict=True):
        for name, value in module.state_dict().items():
            torch.testing.assert_close(state[name], value.cpu(), atol=1e-3, rtol=1e-3)


def test_a_training_is_recorded_after_three_steps(on_gpu):
    made = training(on_gpu)
    made.epoch()
    assert made._run._graph is not None


def test_folds_together_lose_as_alone(on_gpu):
    config = replace(CONFIG, warmup=0.9)
    losses, _ = to_the_end(on_gpu, config=config)
    for fold, (rows, seed) in enumerate(zip(folds_of(on_gpu), SEEDS, strict=True)):
        told = []
        train(
            builder(),
            on_gpu,
            rows,
            config,
            seed=seed,
            steps=STEPS,
            on_epoch=lambda _, loss, told=told: told.append(loss),
        )
        np.testing.assert_allclose([epoch[fold] for epoch in losses], told, atol=1e-3)


def test_one_lead_trains_in_bfloat16(on_gpu):
    """Its stem's weights lie in no channels-last memory."""
    one = replace(on_gpu, x=on_gpu.x[:, :1].contiguous())
    losses, _ = to_the_end(one, builder(leads=1), bfloat16=True)
    assert np.isfinite(losses).all()


def test_threads_train_what_one_thread_trains(on_gpu):
    """Eight threads, more trainings than torch has streams: every one as it is alone."""
    builds = [builder(seed) for seed in range(4)]
    alone = [to_the_end(on_gpu, build)[0] for build in builds]

    def work(index):
        with torch.cuda.stream(gpu.own_stream(CUDA)):
            return to_the_end(on_gpu, builds[index % 4])[0]

    with ThreadPoolExecutor(8) as pool:
        for index, losses in enumerate(pool.map(work, range(40))):
            np.testing.assert_allclose(losses, alone[index % 4], rtol=1e-3)


def test_memory_does_not_grow_with_trainings(on_gpu):
    def reserved(n):
        for _ in range(n):
            to_the_end(on_gpu)
        gpu.recover(CUDA)
        return torch.cuda.memory_allocated(), torch.cuda.memory_reserved()

    gc.collect()
    few, many = reserved(3), reserved(12)
    assert many[0] <= few[0] + 2**20
    assert many[1] <= few[1] + 2**22


def test_the_estimate_of_memory_is_enough_but_not_ten_times_too_much(on_gpu):
    build = builder()
    to_the_end(on_gpu, build)  # what libraries keep for good
    gpu.recover(CUDA)
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    to_the_end(on_gpu, build)
    taken = torch.cuda.max_memory_allocated() - before
    estimated = peak_bytes(build, on_gpu, CONFIG, folds=3)
    assert taken <= estimated < 10 * taken + 2**26


class FullError(RuntimeError):
    """Stands for torch.OutOfMemoryError in the middle of a step."""


def test_running_out_of_memory_while_recording_leaves_the_gpu_usable(on_gpu):
    def fail():
        made = training(on_gpu)
        step = made._step.optimizer.step

        def full():
            if torch.cuda.is_current_stream_capturing():
                raise FullError
            return step()

        made._step.optimizer.step = full
        made.epoch()

    with pytest.raises(FullError):
        fail()
    gpu.recover(CUDA)
    assert np.isfinite(to_the_end(on_gpu)[0]).all()
