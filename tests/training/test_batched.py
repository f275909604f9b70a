import gc
import weakref
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from ecg_nas.training import batched, recipe
from ecg_nas.training.batched import FoldBatch, FoldsTraining
from ecg_nas.training.config import AugmentConfig, TrainConfig
from ecg_nas.training.loop import DivergedError, predict, train
from search_spaces import Architecture, load

CONFIG = TrainConfig(
    epochs=2,
    batch=64,
    warmup=0.9,  # as the first steps of a long training: rounding grows with the rate
    ema=0.9,
    augment=AugmentConfig(lead_dropout=0.1),
)
SPACE = load("ecg1d")
SMALL = {"cells": 1, "stages": 2, "width": 8, "stem_kernel": 5, "stem_stride": 2}
SIZES = {"leads": 2, "samples": 40, "context": 3, "classes": 5}


def chain(ops, **macro):
    """Return the sample of a seed with its cell replaced by a chain of ``ops``."""
    sample = SPACE.sample(np.random.default_rng(3))
    edges = tuple((i, i + 1) for i in range(len(ops) + 1))
    return Architecture(
        space="ecg1d",
        ops=tuple(ops),
        edges=edges,
        macro=tuple(sorted((dict(sample.macro) | SMALL | macro).items())),
        representation=sample.representation,
    )


def builder(arch):
    return lambda: SPACE.build(arch, **SIZES)


def train_folds(*given, on_epoch=lambda losses: None, **named):
    training = FoldsTraining(*given, **named)
    for _ in range(given[3].epochs):
        on_epoch(training.epoch())
    return training.finish()


def folds_of(beats, n=3):
    # Of different size, as folds of patients are.
    return [np.arange(start, len(beats.labels), n)[start * 20 :] for start in range(n)]


@pytest.mark.parametrize("op", SPACE.op_names)
def test_twenty_steps_of_every_operation_lose_as_alone(op, beats):
    """The yardstick is the plain loop: but for rounding, a fold must not notice the others."""
    build = builder(chain(["conv_3", op]))
    folds, seeds_ = folds_of(beats), (5, 6, 7)
    config = replace(CONFIG, epochs=4)
    told = [[], [], []]
    for fold, rows in enumerate(folds):
        train(
            build,
            beats,
            rows,
            config,
            seed=seeds_[fold],
            steps=5,
            on_epoch=lambda _, loss, fold=fold: told[fold].append(loss),
        )
    together = []
    train_folds(
        build,
        beats,
        folds,
        config,
        fold_seeds=seeds_,
        steps=5,
        on_epoch=together.append,
    )
    np.testing.assert_allclose(np.array(together).T, told, atol=1e-4)


@pytest.mark.parametrize("join", ["concat", "mlp", "film"])
def test_the_networks_of_a_batch_are_those_trained_alone(join, beats):
    build = builder(chain(["sep_conv_7", "squeeze_excite"], context_join=join))
    folds, seeds_ = folds_of(beats), (1, 2, 3)
    made = train_folds(build, beats, folds, CONFIG, fold_seeds=seeds_, steps=4)
    for module, rows, seed in zip(made, folds, seeds_, strict=True):
        alone = train(build, beats, rows, CONFIG, seed=seed, steps=4)
        state = alone.state_dict()
        for name, value in module.state_dict().items():
            torch.testing.assert_close(value, state[name], atol=2e-3, rtol=1e-2)
        held = np.setdiff1d(np.arange(len(beats.labels)), rows)
        assert (predict(module, beats, held) == predict(alone, beats, held)).mean() > 0.97


def test_the_same_seeds_give_the_same_bits(beats):
    build = builder(chain(["conv_3", "max_pool_3"]))
    runs = [
        train_folds(build, beats, folds_of(beats), CONFIG, fold_seeds=(1, 2, 3), steps=3)
        for _ in range(2)
    ]
    for first, again in zip(*runs, strict=True):
        for name, value in first.state_dict().items():
            assert torch.equal(value, again.state_dict()[name])


def test_bfloat16_rounds_but_learns_the_same(beats):
    """On a CPU under vmap autocast reaches products alone; on a GPU convolutions too."""
    build = builder(chain(["conv_1"]))
    told = {False: [], True: []}
    for bfloat16, losses in told.items():
        made = train_folds(
            build,
            beats,
            folds_of(beats),
            CONFIG,
            fold_seeds=(1, 2, 3),
            steps=2,
            bfloat16=bfloat16,
            on_epoch=losses.append,
        )
        assert all(p.dtype == torch.float32 for p in made[0].parameters())
    assert told[True] != told[False]
    np.testing.assert_allclose(told[True], told[False], rtol=0.02)


def test_a_step_reads_nothing_back_from_the_device(beats, monkeypatch):
    """What a recorded step must not do: ask for a number. The meta device has none to give."""
    build = builder(chain(["conv_3", "squeeze_excite", "sep_conv_13"]))
    meta = replace(
        beats, x=beats.x.to("meta"), context=beats.context.to("meta"), y=beats.y.to("meta")
    )
    monkeypatch.setattr(
        batched.Augment,
        "of",
        lambda *_: lambda x, context, rows: (x[rows] * 1.1, context[rows] * 1.1),
    )
    modules = [build().to("meta").train() for _ in range(3)]
    monkeypatch.setattr(
        recipe, "optimizer", lambda parameters, *_, **__: torch.optim.SGD(parameters, lr=0.1)
    )  # AdamW looks at its rate once, when it is made
    step = batched._Step(modules, meta, CONFIG, (1, 2, 3), bfloat16=False)
    step.weights = torch.ones(3, len(beats.labels), device="meta")
    step.batch = torch.zeros(3, 16, dtype=torch.int64, device="meta")
    step()


def test_a_loss_that_is_not_finite_names_the_fold(beats):
    x = beats.x.clone()
    folds = folds_of(beats)
    x[np.setdiff1d(folds[1], np.concatenate([folds[0], folds[2]]))] = torch.inf
    with pytest.raises(DivergedError, match="epoch 1 of fold 2"):
        train_folds(
            builder(chain(["conv_3"])),
            replace(beats, x=x),
            folds,
            CONFIG,
            fold_seeds=(1, 2, 3),
            steps=4,
        )


def test_norms_are_clipped_a_network():
    generator = torch.Generator().manual_seed(0)
    gradients = [torch.randn(2, 3, 4, generator=generator), torch.randn(2, 5, generator=generator)]
    gradients[0][1] *= 100
    gradients[1][1] *= 100
    alone = [[torch.nn.Parameter(g[fold].clone()) for g in gradients] for fold in range(2)]
    for parameters, fold in zip(alone, range(2), strict=True):
        for parameter, g in zip(parameters, gradients, strict=True):
            parameter.grad = g[fold].clone()
        torch.nn.utils.clip_grad_norm_(parameters, 6.0)
    recipe.clip_folds(gradients, 6.0)
    for fold in range(2):
        for parameter, g in zip(alone[fold], gradients, strict=True):
            torch.testing.assert_close(g[fold], parameter.grad)


def test_a_network_is_the_same_before_and_after_it_was_in_a_batch(beats):
    modules = [builder(chain(["conv_5", "avg_pool_3"]))() for _ in range(2)]
    before = [{k: v.clone() for k, v in m.state_dict().items()} for m in modules]
    for module, state in zip(FoldBatch(modules).modules(), before, strict=True):
        for name, value in module.state_dict().items():
            assert torch.equal(value, state[name])


def test_a_step_is_a_few_hundred_operations(beats):
    """On a GPU each is a kernel, which takes longer to start than to run."""

    class Count(TorchDispatchMode):
        n = 0

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            self.n += not func.is_view
            return func(*args, **(kwargs or {}))

    training = FoldsTraining(
        builder(chain(["conv_3", "sep_conv_7", "conv_5", "squeeze_excite"], cells=2)),
        beats,
        folds_of(beats),
        replace(CONFIG, batch=8),
        fold_seeds=(1, 2, 3),
        steps=1,
    )
    training.epoch()
    with Count() as count:
        training._step()
    assert len(training._step.model.parameters) > 60
    assert count.n < 6 * len(training._step.model.parameters)


@pytest.mark.parametrize("fails", [False, True])
def test_a_training_is_freed_without_waiting_for_the_garbage_collector(beats, fails):
    x = beats.x * torch.nan if fails else beats.x

    def train():
        training = FoldsTraining(
            builder(chain(["conv_3"])),
            replace(beats, x=x),
            folds_of(beats),
            CONFIG,
            fold_seeds=(1, 2, 3),
            steps=2,
        )
        held.append(weakref.ref(training._step))
        training.epoch()

    held = []
    gc.collect()
    gc.disable()
    try:
        if fails:
            with pytest.raises(DivergedError):
                train()
        else:
            train()
        assert held[0]() is None
    finally:
        gc.enable()


def test_a_network_that_draws_is_refused(beats, small_net):
    """Its numbers would come from one generator for all folds and all other trainings."""
    with pytest.raises(RuntimeError, match="random"):
        train_folds(small_net, beats, folds_of(beats), CONFIG, fold_seeds=(1, 2, 3), steps=1)
