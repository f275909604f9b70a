from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest

import search_spaces
from ecg_nas.errors import ConfigError
from ecg_nas.evaluation.base import Candidate, Evaluation, Evaluator
from ecg_nas.measurements.score_reliability import measure, reliability, variances


class Noisy(Evaluator):
    """Scores an architecture by its key, plus noise of the candidate's seed."""

    def __init__(self, noise: float, fails: bool = False) -> None:
        self.noise, self.fails = noise, fails

    def evaluate(self, candidates: Sequence[Candidate]) -> Iterator[Evaluation]:
        for c in reversed(candidates):
            worth = np.random.default_rng(int(c.architecture.key, 16)).normal()
            luck = self.noise * np.random.default_rng(c.seed).normal()
            failed = self.fails and c.slot == 0
            yield Evaluation(slot=c.slot, score=None if failed else float(worth + luck))


def test_variances_of_a_layout_worked_by_hand() -> None:
    # Means 1, 2, 3 of variance 1; each row's two scores differ by 1, variance 0.5.
    scores = np.array([[0.5, 1.5], [1.5, 2.5], [2.5, 3.5]])
    assert variances(scores) == pytest.approx((1 - 0.25, 0.5))
    assert reliability(scores) == pytest.approx(0.75 / 1.25)


def test_without_noise_all_variance_is_the_architectures() -> None:
    space = search_spaces.load("ecg1d")
    result = measure(Noisy(0.0), space, n_architectures=6, n_seeds=2, seed=0)
    assert result["reliability"] == pytest.approx(1)
    assert len(result["scores"]) == 6


def test_equal_noise_halves_it() -> None:
    space = search_spaces.load("nasbench201")
    result = measure(Noisy(1.0), space, n_architectures=400, n_seeds=2, seed=1)
    assert result["reliability"] == pytest.approx(0.5, abs=0.12)
    low, high = result["interval"]
    assert low < result["reliability"] < high


def test_a_failed_training_takes_its_architecture_out() -> None:
    space = search_spaces.load("nasbench201")
    result = measure(Noisy(0.1, fails=True), space, n_architectures=5, n_seeds=2, seed=2)
    assert result["failures"] == 1
    assert sum(None in row for row in result["scores"].values()) == 1


def test_the_same_seed_gives_the_same_figures() -> None:
    space = search_spaces.load("nasbench201")
    a, b = (measure(Noisy(0.5), space, n_architectures=8, n_seeds=3, seed=3) for _ in range(2))
    assert a == b


@pytest.mark.parametrize(("architectures", "n_seeds"), [(1, 2), (2, 1)])
def test_too_few_are_refused(architectures: int, n_seeds: int) -> None:
    space = search_spaces.load("nasbench201")
    with pytest.raises(ConfigError, match="2 or more"):
        measure(Noisy(0), space, n_architectures=architectures, n_seeds=n_seeds, seed=0)
