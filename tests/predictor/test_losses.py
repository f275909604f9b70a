import math

import pytest
import torch
from torch.nn import functional

from ecg_nas.predictor.networks import _losses


def test_the_nearest_are_positives_and_never_oneself():
    distances = torch.tensor([[0.0, 2, 2, 5], [2, 0, 4, 3], [2, 4, 0, 1], [5, 3, 1, 0]])
    mask = _losses.nearest_mask(distances)
    assert mask.int().tolist() == [[0, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]]


def test_info_nce_is_the_formula():
    generator = torch.Generator().manual_seed(0)
    codes = functional.normalize(torch.randn(2, 5, 3, generator=generator), dim=2)
    positives = torch.tensor(
        [[0, 1, 1, 0, 0], [1, 0, 0, 0, 0], [1, 0, 0, 0, 1], [1, 0, 0, 0, 0], [0, 0, 1, 1, 0]]
    ).bool()
    total = 0.0
    for member in codes:
        for i in range(5):
            chosen = [j for j in range(5) if positives[i, j]]
            mean = sum(member[j] for j in chosen) / len(chosen)
            positive = math.exp(float(member[i] @ (mean / mean.norm())) / 0.2)
            negative = sum(
                math.exp(float(member[i] @ member[k]) / 0.2)
                for k in range(5)
                if k != i and k not in chosen
            )
            total -= math.log(positive / (positive + negative)) / 5
    loss = _losses.info_nce(codes, positives, temperature=0.2)
    assert float(loss) == pytest.approx(total, rel=1e-5)


def test_info_nce_falls_when_the_alike_come_together():
    positives = torch.tensor([[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]]).bool()
    together = torch.tensor([[[1.0, 0], [1, 0], [0, 1], [0, 1]]])
    apart = torch.tensor([[[1.0, 0], [0, 1], [1, 0], [0, 1]]])
    losses = [float(_losses.info_nce(c, positives, temperature=0.07)) for c in (together, apart)]
    assert losses[0] < 1e-4 < 1 < losses[1]


def test_pairs_are_all_that_differ_the_better_first():
    better, worse, weight = _losses.ranking_pairs(torch.tensor([0.3, 0.9, 0.3]), top=0)
    assert list(zip(better.tolist(), worse.tolist(), strict=True)) == [(1, 0), (1, 2)]
    assert weight.tolist() == [1, 1]


def test_pairs_at_the_top_weigh_more():
    scores = torch.arange(8.0)
    better, _, weight = _losses.ranking_pairs(scores, top=0.25)
    of = {int(b): float(w) for b, w in zip(better, weight, strict=True)}
    assert float(weight.mean()) == pytest.approx(1)
    assert of[7] == pytest.approx(2 * of[5])  # rank 0 against rank 2, a quarter of the labels
    assert sorted(of.values()) == [of[i] for i in sorted(of)]


def test_ranking_rewards_order_whatever_the_scale():
    pairs = _losses.ranking_pairs(torch.tensor([1.0, 2, 3]), top=0.25)
    right = torch.tensor([[0.0, 20, 40]])
    assert float(_losses.ranking(right, pairs)) < 1e-6
    assert float(_losses.ranking(right + 1000, pairs)) < 1e-6
    assert float(_losses.ranking(-right, pairs)) > 20
    tied = torch.zeros(4, 3)
    assert float(_losses.ranking(tied, pairs)) == pytest.approx(4 * math.log(2))  # over members


def test_regression_is_to_standardised_scores():
    scores = torch.tensor([1.0, 3.0])
    assert float(_losses.regression(torch.tensor([[-1.0, 1.0]]), scores)) == pytest.approx(0)
    assert float(_losses.regression(torch.tensor([[0.0, 1.0]]), scores)) == pytest.approx(0.5)
    assert float(_losses.regression(torch.zeros(2, 2), torch.ones(2))) == 0
