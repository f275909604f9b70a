import json
from dataclasses import dataclass, replace

import numpy as np
import pytest
from plugin_doubles import GivenPlugins

from ecg_nas import predictor, seeds
from ecg_nas.errors import ConfigError
from ecg_nas.evaluation.landscape import SyntheticEvaluator
from ecg_nas.methods.base import Outcome
from ecg_nas.methods.dcl_enas import DclEnas, DclEnasConfig
from ecg_nas.methods.random import RandomSearch, RandomSearchConfig
from ecg_nas.predictor import Predictor, PredictorSpec
from ecg_nas.predictor.base import Ensemble, HardCoded
from ecg_nas.predictor.dcl import DclConfig, EncoderConfig
from ecg_nas.predictor.encodings.paths import HardEncoder
from ecg_nas.predictor.networks.contrastive import DclPredictor
from ecg_nas.predictor.npenas_gin import GinConfig
from search_spaces import load

SPACE = load("ecg1d")
LANDSCAPE = SyntheticEvaluator(SPACE)
CONFIG = DclEnasConfig(
    fes_max=32,
    n_init=12,
    n_infill=5,
    t_gap=10,
    population=24,
    n_unlabelled=64,
    predictor=DclConfig(
        encoder=EncoderConfig(members=2, width=8, layers=2, head_width=32),
        pretrain_steps=3,
        pretrain_batch=32,
        epochs=40,
    ),
)


def outcomes(proposals, score=LANDSCAPE.value):
    return [Outcome(architecture=p.architecture, score=score(p.architecture)) for p in proposals]


def play(algorithm, score=LANDSCAPE.value):
    batches = []
    while proposals := algorithm.ask():
        batches.append(proposals)
        algorithm.tell(outcomes(proposals, score))
    return batches


def test_trains_random_ones_first_then_what_the_predictor_proposes():
    batches = play(DclEnas(SPACE, CONFIG, seed=0))
    assert [len(batch) for batch in batches] == [12, 5, 5, 5, 5]
    origins = [{proposal.origin for proposal in batch} for batch in batches]
    assert origins == [{"initial"}] + [{"predictor"}] * 4


def test_finds_better_ones_than_random_search_on_average():
    def best(algorithm):
        return max(LANDSCAPE.value(p.architecture) for batch in play(algorithm) for p in batch)

    random = RandomSearchConfig(fes_max=CONFIG.fes_max)
    gains = [
        best(DclEnas(SPACE, CONFIG, seed=seed)) - best(RandomSearch(SPACE, random, seed=seed))
        for seed in range(4)
    ]
    assert np.mean(gains) > 0.02


def test_rank_correlation_is_of_predictions_made_before():
    algorithm = DclEnas(SPACE, CONFIG, seed=0)
    assert algorithm.diagnostics()["kendall_tau"] is None
    algorithm.tell(outcomes(algorithm.ask()))
    assert algorithm.diagnostics()["kendall_tau"] is None  # a random design predicts nothing
    labelled = list(algorithm._archive)
    infill = algorithm.ask()
    predictor = DclPredictor(SPACE, CONFIG.predictor, seed=0)
    predictor.pretrain(unlabelled())
    predictor.fit([t.architecture for t in labelled], [t.score for t in labelled])
    predicted = predictor.predict([proposal.architecture for proposal in infill])
    ranks = {p.architecture.key: float(v) for p, v in zip(infill, predicted, strict=True)}
    as_predicted = outcomes(infill, lambda arch: ranks[arch.key])
    algorithm.tell(as_predicted)
    assert algorithm.diagnostics()["kendall_tau"] == 1
    assert algorithm.diagnostics()["predictor_seconds"] > 0


def unlabelled():
    rng = seeds.generator(0, "unlabelled")
    return [SPACE.sample(rng) for _ in range(CONFIG.n_unlabelled)]


def test_novel_places_try_settings_that_the_ensemble_leaves_aside():
    def tried(infill, seed):
        config = replace(CONFIG, infill=infill, novel_share=1.0)
        _, *infills = play(DclEnas(SPACE, config, seed=seed))
        archs = [proposal.architecture for batch in infills for proposal in batch]
        return int(HardEncoder(SPACE).encode(archs).settings.any(axis=0).sum())

    novel, mean = (sum(tried((way,), seed) for seed in range(2)) for way in ("novel", "mean"))
    assert novel > 1.2 * mean


def test_a_landscape_without_differences_is_searched_at_random():
    batches = play(DclEnas(SPACE, CONFIG, seed=0), score=lambda _: 0.5)
    assert {proposal.origin for batch in batches[1:] for proposal in batch} == {"exploration"}
    assert sum(map(len, batches)) == CONFIG.fes_max


@pytest.mark.parametrize(
    ("setting", "value"),
    [("n_infill", 0), ("n_init", 1), ("crossover", 1.5), ("novel_share", -0.1), ("infill", ())],
)
def test_settings_out_of_range_are_refused(setting, value):
    with pytest.raises(ConfigError, match=setting):
        replace(CONFIG, **{setting: value})


@dataclass(frozen=True)
class Strength:
    value: float = 1.0


class Ridge(Predictor):
    """Of the settings outside the cell; no ensemble, no pre-training, no codes."""

    def __init__(self, space, config, *, seed):
        self.space, self.config = space, config

    def fit(self, archs, scores):
        x = np.array([self.space.graph(arch).settings for arch in archs])
        inner = x.T @ x + self.config.value * np.eye(x.shape[1])
        self.weights = np.linalg.solve(inner, x.T @ (np.array(scores) - np.mean(scores)))

    def predict(self, archs):
        return np.array([self.space.graph(arch).settings @ self.weights for arch in archs])


@pytest.fixture
def with_ridge(monkeypatch):
    known = {name: predictor.load(name) for name in ("dcl", "npenas-gin")}
    known["ridge"] = PredictorSpec(make=Ridge, config=Strength())
    monkeypatch.setattr(predictor, "_REGISTRY", GivenPlugins("predictor", known))


OTHERS = {"npenas-gin": GinConfig(layers=2, width=8, epochs=20), "ridge": None}


@pytest.fixture(params=OTHERS)
def other(request, with_ridge):
    return replace(CONFIG, predictor_name=request.param, predictor=OTHERS[request.param])


def test_any_predictor_guides_it(other):
    algorithm = DclEnas(SPACE, other, seed=0)
    batches = play(algorithm)
    assert [len(batch) for batch in batches] == [12, 5, 5, 5, 5]
    assert {p.origin for batch in batches[1:] for p in batch} == {"predictor"}
    assert -1 <= algorithm.diagnostics()["kendall_tau"] <= 1
    own = [p.architecture for batch in play(DclEnas(SPACE, CONFIG, seed=0)) for p in batch]
    assert [p.architecture for batch in batches for p in batch] != own


def test_any_predictor_goes_on_from_a_saved_state(other):
    whole = DclEnas(SPACE, other, seed=0)
    batches = play(whole)
    halfway = DclEnas(SPACE, other, seed=0)
    halfway.tell(outcomes(batches[0]))
    halfway.tell(outcomes(batches[1]))
    restored = DclEnas(SPACE, other, seed=0)
    restored.load_state(json.loads(json.dumps(halfway.state())))
    assert play(restored) == batches[2:]


def test_a_ridge_beats_random_search_where_settings_decide(with_ridge):
    config = replace(CONFIG, predictor_name="ridge", predictor=None)

    def mean_infill(algorithm):
        return np.mean([LANDSCAPE.value(p.architecture) for b in play(algorithm)[1:] for p in b])

    random = RandomSearchConfig(fes_max=CONFIG.fes_max)
    gains = [
        mean_infill(DclEnas(SPACE, config, seed=seed))
        - mean_infill(RandomSearch(SPACE, random, seed=seed))
        for seed in range(2)
    ]
    assert np.mean(gains) > 0.02


def test_without_an_ensemble_the_places_of_members_take_the_one_prediction(with_ridge):
    def proposed(infill):
        ridge = replace(CONFIG, predictor_name="ridge", predictor=None, infill=infill)
        return play(DclEnas(SPACE, ridge, seed=0))[1]

    assert proposed(("member",)) == proposed(("mean",))


def test_what_a_predictor_can_is_asked_by_protocol():
    own, gin = (predictor.load(name).start(SPACE, 0) for name in ("dcl", "npenas-gin"))
    assert isinstance(own, Ensemble)
    assert isinstance(own, HardCoded)
    assert not isinstance(gin, Ensemble | HardCoded)


def test_settings_of_another_predictor_are_refused():
    with pytest.raises(ConfigError, match=r"settings of predictor dcl.*DclConfig.*GinConfig"):
        replace(CONFIG, predictor=GinConfig())
    with pytest.raises(ConfigError, match="bananas-mlp, dcl, npenas-gin"):
        replace(CONFIG, predictor_name="magic")
