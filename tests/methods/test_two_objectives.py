"""Searches for a front of score against cost, on a landscape whose scores cost something."""

import numpy as np
import pytest

from ecg_nas.methods.base import Outcome
from ecg_nas.methods.dcl_enas import DclEnas, DclEnasConfig
from ecg_nas.methods.engine import pareto
from ecg_nas.methods.engine.selection import ByFront, ByScore, Candidate
from ecg_nas.methods.nsga2 import Nsga2, Nsga2Config
from ecg_nas.methods.random import RandomSearch, RandomSearchConfig
from ecg_nas.predictor.dcl import DclConfig, EncoderConfig
from search_spaces import load
from search_spaces.nasbench201 import from_ops

SPACE = load("nasbench201")
WORTH = {"nor_conv_3x3": 1.0, "nor_conv_1x1": 0.7, "avg_pool_3x3": 0.1, "skip_connect": 0.3}
COST = {"nor_conv_3x3": 9.0, "nor_conv_1x1": 2.0, "avg_pool_3x3": 1.0, "none": 0.1}


def score(arch):
    return sum(WORTH.get(op, 0.0) for op in arch.ops) - 0.8 * arch.ops.count("none")


def cost(arch):
    return 1.0 + sum(COST.get(op, 0.3) for op in arch.ops)


def area(algorithm):
    archs = []
    while proposals := algorithm.ask():
        archs += [p.architecture for p in proposals]
        algorithm.tell(
            [Outcome(architecture=p.architecture, score=score(p.architecture)) for p in proposals]
        )
    scores = np.array([score(arch) for arch in archs])
    costs = np.log([cost(arch) for arch in archs])
    return pareto.hypervolume(scores, costs, least=-5.0, most=np.log(60.0))


def test_the_front_is_found_better_than_at_random():
    predictor = DclConfig(
        encoder=EncoderConfig(members=2, width=8, layers=2, head_width=32),
        pretrain_steps=3,
        pretrain_batch=32,
        epochs=40,
    )
    config = DclEnasConfig(
        fes_max=48, n_init=16, t_gap=10, population=24, n_unlabelled=64, predictor=predictor
    )
    nsga2 = Nsga2Config(fes_max=60, population=12)
    at_random = RandomSearchConfig(fes_max=60)
    evolved = [area(Nsga2(SPACE, nsga2, seed=seed, cost=cost)) for seed in range(6)]
    random = [area(RandomSearch(SPACE, at_random, seed=seed)) for seed in range(6)]
    assert np.mean(evolved) > np.mean(random)
    for seed in range(2):
        guided = area(DclEnas(SPACE, config, seed=seed, cost=cost))
        assert guided > max(*evolved, *random)


def candidate(value, *ops):
    arch = from_ops([*ops, *["none"] * (6 - len(ops))])
    return Candidate(arch, np.array([value, -value]), value)


def test_by_score_only_the_prediction_counts():
    few, many = candidate(0.5, "skip_connect"), candidate(0.6, *["nor_conv_3x3"] * 6)
    met = {c.architecture.key: c for c in (few, many)}
    assert ByScore().best(met, []) == many.architecture.key
    assert ByScore().best(met, [], member=1) == few.architecture.key
    assert ByScore().ranked([few, many]) == [many, few]


def test_by_front_a_cheap_one_is_worth_more_than_a_second_like_the_known():
    few, many = candidate(0.5, "skip_connect"), candidate(0.6, *["nor_conv_3x3"] * 6)
    known = [candidate(0.59, *["nor_conv_3x3"] * 5)]
    met = {c.architecture.key: c for c in (few, many)}
    assert ByFront(cost).best(met, known) == few.architecture.key


@pytest.mark.parametrize("population", [0, 1])
def test_too_small_a_population_is_refused(population):
    with pytest.raises(ValueError, match="at least 2"):
        Nsga2Config(population=population)
