import numpy as np
import pytest
import torch

from ecg_nas.errors import ConfigError
from ecg_nas.evaluation.fold_training import TrainingEvaluator
from ecg_nas.evaluation.folds import FoldConfig
from ecg_nas.measurements._plain_training import PlainNetwork
from ecg_nas.measurements.random_networks import random_design
from ecg_nas.measurements.training_speed import measure, plain_trainer
from ecg_nas.training.config import TrainConfig
from search_spaces import load

SPACE = load("ecg1d")
SIZES = {"leads": 2, "samples": 90, "context": 4, "classes": 5}


def drawn(number, seed=0):
    return random_design(SPACE, number, at_least=1, seed=seed, allowed=None)


def evaluator(store, **given):
    return TrainingEvaluator(
        store,
        "ecg1d",
        training=TrainConfig(epochs=2, batch=32),
        folds=FoldConfig(n_folds=2),
        **given,
    )


def test_the_plain_network_computes_what_the_network_does():
    """One-dimensional layers and ours are two ways to write one function, for the whole space."""
    rng = np.random.default_rng(0)
    generator = torch.Generator().manual_seed(0)
    x, context = (torch.randn(size, generator=generator) for size in ((16, 2, 90), (16, 4)))
    seen = set()
    for seed in range(30):
        arch = SPACE.sample(rng)
        seen |= {*arch.ops, dict(arch.macro)["context_join"]}
        plain, ours = (
            (torch.manual_seed(seed), SPACE.build(arch, **SIZES).train())[1] for _ in range(2)
        )
        with torch.no_grad():
            expected = ours(x, context)
            found = PlainNetwork(plain, 1).train()(x, context)
            torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-3)
    assert seen >= {*SPACE.op_names, "concat", "mlp", "film"}


def test_the_engine_is_held_against_the_plain_loop(small_store):
    reference = evaluator(small_store, trainer=plain_trainer())
    engine = evaluator(small_store)
    told = []
    result = measure(engine, reference, drawn(2, seed=1), at_once=1, on_evaluation=told.append)
    assert len(told) == 6
    rate = result["engine_beats_per_s"]
    assert result["ratio"] == pytest.approx(rate / result["reference_beats_per_s"])
    assert result["fold_trainings_per_hour"] == 2 * result["candidates_per_hour"] > 0
    assert min(result["dataloader_beats_per_s"], result["in_memory_beats_per_s"]) > 0
    assert [len(scores) for scores in result["scores"].values()] == [3, 3]
    # Two epochs on little data: the same seeds still come out alike.
    assert result["difference"] < 0.1


def test_a_failed_training_cannot_be_compared(small_store):
    spoilt = TrainingEvaluator(
        small_store,
        "ecg1d",
        training=TrainConfig(epochs=1, learning_rate=1e30),
        folds=FoldConfig(n_folds=2),
    )
    with pytest.raises(ConfigError, match="every training must succeed"):
        measure(spoilt, spoilt, drawn(1), at_once=1)


def test_at_least_one_architecture():
    with pytest.raises(ConfigError, match="1 or more; got 0"):
        drawn(0)
