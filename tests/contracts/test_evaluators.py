"""What every evaluator must do, alone, in a pool of processes and in streams."""

import math
from functools import partial

import numpy as np
import pytest

from ecg_nas import seeds
from ecg_nas.evaluation.base import Candidate
from ecg_nas.evaluation.fold_training import TrainingEvaluator
from ecg_nas.evaluation.folds import FoldConfig
from ecg_nas.evaluation.gpu_streams import StreamsEvaluator
from ecg_nas.evaluation.landscape import SyntheticEvaluator
from ecg_nas.evaluation.process_pool import PoolEvaluator
from ecg_nas.training.config import EngineConfig, TrainConfig
from search_spaces import load

SPACE = load("ecg1d")


def training(store, learning_rate=4e-3, folds="alone"):
    return partial(
        TrainingEvaluator,
        store,
        "ecg1d",
        training=TrainConfig(epochs=1, batch=64, learning_rate=learning_rate),
        folds=FoldConfig(n_folds=2),
        engine=EngineConfig(folds=folds),
    )


# How to make one, and how to make one whose every candidate fails.
KINDS = {
    "synthetic": (
        lambda _: partial(SyntheticEvaluator, SPACE, noise=0.1),
        lambda _: partial(SyntheticEvaluator, SPACE, failing=1.0),
    ),
    "training": (training, partial(training, learning_rate=1e30)),
    "training together": (
        partial(training, folds="together"),
        partial(training, folds="together", learning_rate=1e30),
    ),
}


@pytest.fixture(params=KINDS, scope="module")
def kind(request):
    return KINDS[request.param]


def in_streams(factory):
    if factory.func is not TrainingEvaluator:
        pytest.skip("only trainings run in streams")
    return StreamsEvaluator(factory(), 2, memory=2**40)


PLACES = {
    "alone": lambda factory: factory(),
    "pool": lambda factory: PoolEvaluator(factory, 2),
    "streams": in_streams,
}


@pytest.fixture(params=PLACES, scope="module")
def make(request, kind, store):
    """A function that returns the evaluator, or its failing sibling."""
    made = {}

    def build(*, failing=False):
        if failing not in made:
            made[failing] = PLACES[request.param](kind[failing](store))
        return made[failing]

    yield build
    for evaluator in made.values():
        evaluator.close()


@pytest.fixture(scope="module")
def store(_small_store):
    return _small_store


@pytest.fixture(scope="module")
def candidates():
    rng = np.random.default_rng(11)
    archs = []
    while len(archs) < 3:
        arch = SPACE.sample(rng)
        if SPACE.cost(arch, leads=2, samples=90, context=4, classes=5).macs < 200_000:
            archs.append(arch)
    return [
        Candidate(slot=slot, architecture=arch, seed=seeds.derive("contract", slot))
        for slot, arch in zip((4, 7, 5), archs, strict=True)
    ]


def answers(evaluator, batch):
    return {e.slot: (e.score, e.metrics, e.failure) for e in evaluator.evaluate(batch)}


def test_each_candidate_is_answered_once(make, candidates):
    evaluator = make()
    results = list(evaluator.evaluate(candidates))
    assert sorted(e.slot for e in results) == [4, 5, 7]
    assert list(evaluator.evaluate([])) == []
    for result in results:
        assert result.failure is None
        assert math.isfinite(result.score)
        assert result.seconds >= 0


def test_a_result_depends_on_the_candidate_only(make, kind, candidates, store):
    together = answers(make(), candidates)
    alone = kind[0](store)()
    for candidate in reversed(candidates):
        assert answers(alone, [candidate]) == {candidate.slot: together[candidate.slot]}


def test_another_seed_is_another_training(make, candidates):
    first = candidates[0]
    other = Candidate(slot=9, architecture=first.architecture, seed=first.seed + 1)
    results = answers(make(), [first, other])
    assert results[4][:2] != results[9][:2]


def test_a_candidate_that_cannot_be_trained_is_answered_with_one_line(make, candidates):
    for score, _, failure in answers(make(failing=True), candidates[:2]).values():
        assert score is None
        assert failure
        assert "\n" not in failure
