"""What every predictor must do."""

import numpy as np
import pytest
import torch
from scipy.stats import kendalltau

from ecg_nas import predictor
from ecg_nas.evaluation.landscape import SyntheticEvaluator
from ecg_nas.predictor.bananas_mlp import PathMlpConfig
from ecg_nas.predictor.dcl import DclConfig, EncoderConfig
from ecg_nas.predictor.npenas_gin import GinConfig
from ecg_nas.predictor.weaknas_mlp import WeakMlpConfig
from ecg_nas.variants import changed
from search_spaces import ArchitectureError, load

# Quick settings, for which each still ranks well; a predictor without any is tested as it is.
QUICK = {
    "dcl": DclConfig(
        encoder=EncoderConfig(members=2, width=12, layers=2, head_width=32),
        pretrain_steps=5,
        pretrain_batch=48,
        epochs=40,
    ),
    "npenas-gin": GinConfig(layers=2, width=16, epochs=60, batch=48, rate=2e-2),
    "bananas-mlp": PathMlpConfig(layers=3, epochs=40, batch=48),
    "weaknas-mlp": WeakMlpConfig(layers=2, width=64, epochs=40),
}


@pytest.fixture(params=["nasbench201", "ecg1d"])
def space(request):
    return load(request.param)


@pytest.fixture(params=predictor.with_variants())
def make(request, space):
    spec = predictor.load(request.param)
    config = changed(QUICK.get(request.param.partition(":")[0], spec.config), spec.changes)
    return lambda seed=0: spec.start(space, seed, config=config)


def sampled(space, count, seed):
    rng = np.random.default_rng(seed)
    archs = {arch.key: arch for arch in (space.sample(rng) for _ in range(2 * count))}
    return list(archs.values())[:count]


def other_space(space):
    return load("ecg1d" if space.name == "nasbench201" else "nasbench201")


def labelled(space, count=48):
    archs = sampled(space, count, seed=1)
    landscape = SyntheticEvaluator(space)
    return archs, [landscape.value(arch) for arch in archs]


def fitted(make, space, seed=0):
    predictor = make(seed)
    predictor.pretrain(sampled(space, 64, seed=0))
    predictor.fit(*labelled(space))
    return predictor


def test_ranks_unseen_architectures_far_better_than_chance(make, space):
    unseen = sampled(space, 200, seed=2)
    landscape = SyntheticEvaluator(space)
    predicted = fitted(make, space).predict(unseen)
    assert predicted.shape == (200,)
    # Without skill, tau over 200 has a standard deviation of 0.05.
    assert kendalltau(predicted, [landscape.value(arch) for arch in unseen]).statistic > 0.35


def test_the_seed_alone_decides(make, space):
    unseen = sampled(space, 50, seed=2)
    torch.manual_seed(1)
    first = fitted(make, space).predict(unseen)
    torch.manual_seed(2)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        again = fitted(make, space).predict(unseen)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, fitted(make, space, seed=1).predict(unseen))


def test_leaves_torch_as_it_was(make, space):
    before = torch.get_rng_state()
    fitted(make, space).predict(sampled(space, 5, seed=2))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_later_fit_forgets_the_one_before(make, space):
    unseen = sampled(space, 50, seed=2)
    archs, scores = labelled(space)
    predictor = fitted(make, space)
    expected = predictor.predict(unseen)
    predictor.fit(archs[:20], scores[:20])
    assert not np.array_equal(predictor.predict(unseen), expected)
    predictor.fit(archs, scores)
    np.testing.assert_array_equal(predictor.predict(unseen), expected)


def test_predictions_do_not_depend_on_the_company(make, space):
    unseen = sampled(space, 30, seed=2)
    predictor = fitted(make, space)
    together = predictor.predict(unseen)
    alone = np.concatenate([predictor.predict([arch]) for arch in unseen])
    np.testing.assert_allclose(alone, together, atol=1e-5)
    assert predictor.predict([]).shape == (0,)


def test_works_without_pre_training(make, space):
    predictor = make()
    predictor.fit(*labelled(space, 10))
    assert np.isfinite(predictor.predict(sampled(space, 5, seed=2))).all()


def test_refuses_what_it_cannot_learn_from(make, space):
    archs, scores = labelled(space, 3)
    with pytest.raises(ValueError, match="call fit first"):
        make().predict(archs)
    for bad in ([0.5] * 3, scores[:2]):
        with pytest.raises(ValueError, match="two different"):
            make().fit(archs, bad)
    with pytest.raises(ArchitectureError):
        make().fit(sampled(other_space(space), 3, seed=0), scores)
