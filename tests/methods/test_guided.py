"""The methods that let a predictor choose: what is chosen among, and that it helps."""

import numpy as np
import pytest

from ecg_nas.errors import ConfigError
from ecg_nas.evaluation.landscape import SyntheticEvaluator
from ecg_nas.methods._guided import mutants_of_the_best
from ecg_nas.methods.bananas import Bananas, BananasConfig
from ecg_nas.methods.base import Archive, Outcome
from ecg_nas.methods.npenas import Npenas, NpenasConfig
from ecg_nas.methods.random import RandomSearch, RandomSearchConfig
from ecg_nas.methods.weaknas import WeakNas, WeakNasConfig
from ecg_nas.predictor.bananas_mlp import PathMlpConfig
from ecg_nas.predictor.networks.adjacency_mlp import WeakMlpPredictor
from ecg_nas.predictor.npenas_gin import GinConfig
from ecg_nas.predictor.weaknas_mlp import WeakMlpConfig
from search_spaces import load

SPACE = load("nasbench201")
LANDSCAPE = SyntheticEvaluator(SPACE)
FAST = WeakMlpConfig(layers=1, width=32, epochs=60, rate=1e-2)


def bananas(seed):
    predictor = PathMlpConfig(members=3, layers=2, epochs=40)
    return Bananas(SPACE, BananasConfig(fes_max=40, predictor=predictor), seed=seed)


def npenas(seed):
    predictor = GinConfig(layers=2, width=16, epochs=30, batch=40, rate=2e-2)
    return Npenas(SPACE, NpenasConfig(fes_max=40, predictor=predictor), seed=seed)


def weaknas(seed):
    return WeakNas(SPACE, WeakNasConfig(fes_max=40, n_pool=2000, predictor=FAST), seed=seed)


def play(algorithm):
    told = []
    while proposals := algorithm.ask():
        batch = [
            Outcome(architecture=p.architecture, score=LANDSCAPE.value(p.architecture))
            for p in proposals
        ]
        algorithm.tell(batch)
        told += batch
    return told


@pytest.mark.parametrize("make", [bananas, npenas, weaknas])
def test_finds_better_ones_than_random_search_on_average(make):
    def mean_infill(algorithm):
        return np.mean([told.score for told in play(algorithm)[10:]])

    random = RandomSearchConfig(fes_max=40)
    gains = [
        mean_infill(make(seed)) - mean_infill(RandomSearch(SPACE, random, seed=seed))
        for seed in range(2)
    ]
    assert np.mean(gains) > 0.05


@pytest.mark.parametrize("config", [BananasConfig, NpenasConfig, WeakNasConfig])
@pytest.mark.parametrize(("name", "value"), [("fes_max", 0), ("n_init", 1), ("n_infill", 0)])
def test_settings_out_of_range_are_refused(config, name, value):
    with pytest.raises(ConfigError, match=name):
        config(**{name: value})


def archive_of(count):
    rng = np.random.default_rng(0)
    archs = {arch.key: arch for arch in (SPACE.sample(rng) for _ in range(count))}.values()
    archive = Archive()
    archive.add([Outcome(architecture=arch, score=LANDSCAPE.value(arch)) for arch in archs])
    return archive


def test_mutants_are_new_allowed_and_of_the_best():
    archive = archive_of(40)
    ranked = sorted(archive, key=lambda told: -told.score)
    best = [told.architecture for told in ranked[:3]]

    def allowed(arch):
        return arch.ops[0] != "none"

    mutants = mutants_of_the_best(
        SPACE,
        archive,
        30,
        np.random.default_rng(1),
        n_parents=3,
        identity=lambda arch: arch.key,
        allowed=allowed,
    )
    assert len({arch.key for arch in mutants}) == len(mutants) == 30
    for mutant in mutants:
        assert mutant.key not in archive
        assert allowed(mutant)
        assert any(
            sum(x != y for x, y in zip(mutant.ops, parent.ops, strict=True)) == 1 for parent in best
        )


def test_npenas_trains_no_two_cells_of_the_same_paths_after_the_initial_design():
    told = play(npenas(0))
    paths = [frozenset(SPACE.graph(t.architecture).paths()) for t in told]
    later = paths[10:]
    assert len(set(later)) == len(later)
    assert not set(later) & set(paths[:10])


def test_weaknas_draws_from_the_best_predicted_of_the_whole_space():
    config = WeakNasConfig(n_init=30, n_top=50, predictor=FAST)
    algorithm = WeakNas(SPACE, config, seed=0)
    design = algorithm.ask()
    scores = [LANDSCAPE.value(p.architecture) for p in design]
    algorithm.tell(
        [Outcome(architecture=p.architecture, score=s) for p, s in zip(design, scores, strict=True)]
    )
    predictor = WeakMlpPredictor(SPACE, FAST, seed=0)
    predictor.fit([p.architecture for p in design], scores)
    every = list(SPACE.listed())
    order = np.argsort(-predictor.predict(every), kind="stable")
    top = {every[i].key for i in order[:50]}
    infill = {p.architecture.key for p in algorithm.ask()}
    assert len(infill) == 10
    assert infill < top
    # Ten of fifty at random: the first ten would be a sure thing otherwise.
    assert infill != {every[i].key for i in order[:10]}


def test_weaknas_goes_further_down_when_the_best_predicted_are_known():
    config = WeakNasConfig(n_init=10, n_infill=10, n_top=4, fes_max=40, predictor=FAST)
    told = play(WeakNas(SPACE, config, seed=0))
    assert len({t.architecture.key for t in told}) == 40
