import numpy as np
import pytest

from ecg_nas.evaluation.base import Candidate
from ecg_nas.evaluation.landscape import SyntheticEvaluator
from search_spaces import available, load


@pytest.fixture(params=available())
def space(request):
    return load(request.param)


def candidates(space, count=200):
    rng = np.random.default_rng(0)
    return [Candidate(slot=i, architecture=space.sample(rng), seed=i) for i in range(count)]


def scores(evaluator, given):
    return [result.score for result in evaluator.evaluate(given)]


def test_is_the_same_landscape_every_time(space):
    given = candidates(space)
    first = scores(SyntheticEvaluator(space), given)
    assert first == scores(SyntheticEvaluator(space), given)
    assert first == scores(SyntheticEvaluator(space), given[::-1])[::-1]
    assert first != scores(SyntheticEvaluator(space, seed=1), given)
    assert all(0 <= score <= 1 for score in first)
    assert np.std(first) > 0.05


def test_neighbours_are_more_alike_than_strangers(space):
    rng = np.random.default_rng(0)
    evaluator = SyntheticEvaluator(space)
    archs = [candidate.architecture for candidate in candidates(space)]
    values = np.array([evaluator.value(arch) for arch in archs])
    mutants = np.array([evaluator.value(space.mutate(arch, rng)) for arch in archs])
    assert np.abs(values - mutants).mean() < 0.8 * np.abs(values - rng.permutation(values)).mean()


def test_noise_comes_from_the_candidates_seed(space):
    given = candidates(space)
    noisy = SyntheticEvaluator(space, noise=0.1)
    spread = np.array(scores(noisy, given)) - scores(SyntheticEvaluator(space), given)
    assert scores(noisy, given) == scores(noisy, given)
    assert 0.07 < spread.std() < 0.13


def test_the_same_architectures_always_fail(space):
    given = candidates(space)
    results = list(SyntheticEvaluator(space, failing=0.25).evaluate(given))
    failed = {result.slot for result in results if result.score is None}
    distinct = {candidate.architecture.key: candidate.slot for candidate in given}
    share = len(failed & set(distinct.values())) / len(distinct)  # a repeat fails as the first did
    assert 0.15 < share < 0.35
    assert all((result.failure is not None) == (result.slot in failed) for result in results)
    again = SyntheticEvaluator(space, failing=0.25).evaluate(given)
    assert failed == {result.slot for result in again if result.score is None}
