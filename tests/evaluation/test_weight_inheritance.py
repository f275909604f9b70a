from dataclasses import replace

import numpy as np
import pytest
import torch

from ecg_nas.errors import ConfigError, RunError
from ecg_nas.evaluation.base import Candidate
from ecg_nas.evaluation.config import InheritConfig
from ecg_nas.evaluation.fold_training import TrainingEvaluator
from ecg_nas.evaluation.folds import FoldConfig
from ecg_nas.evaluation.weight_inheritance import Weights, parent_of, take_over
from ecg_nas.training.config import EngineConfig, TrainConfig
from search_spaces import load

SPACE = load("ecg1d")
SIZES = {"leads": 2, "samples": 90, "context": 4, "classes": 5}


def sample(seed):
    return SPACE.sample(np.random.default_rng(seed))


def built(arch, seed=0):
    torch.manual_seed(seed)
    return SPACE.build(arch, **SIZES)


def test_the_parent_shares_the_most_weights():
    child = sample(1)
    mutant = SPACE.mutate(child, np.random.default_rng(2))
    assert parent_of(child, {0: sample(3), 2: child, 3: child}, SPACE) == 2  # the first of equals
    trained = {0: sample(3), 1: mutant, 2: sample(4)}
    own = dict(built(child).named_parameters())
    shared = {
        slot: sum(
            own[name].numel()
            for name, value in built(arch).named_parameters()
            if name in own and own[name].shape == value.shape
        )
        for slot, arch in trained.items()
    }
    assert parent_of(child, trained, SPACE) == max(shared, key=shared.__getitem__)
    assert parent_of(child, {}, SPACE) is None


def test_only_what_fits_is_taken_over():
    arch = sample(1)
    given, heir = built(arch, 1), built(arch, 2)
    state = dict(given.state_dict())
    first, *rest = state
    state[first] = torch.zeros(1)
    before = heir.state_dict()[first].clone()
    take_over(heir, state)
    assert torch.equal(heir.state_dict()[first], before)
    assert all(torch.equal(heir.state_dict()[name], state[name]) for name in rest)


def test_weights_come_back_as_they_were(tmp_path):
    kept = Weights(tmp_path / "weights")
    networks = [built(sample(1), seed) for seed in (1, 2)]
    kept.save(7, networks)
    for network, state in zip(networks, kept.load(7, 2), strict=True):
        assert state.keys() == network.state_dict().keys()
        assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize("content", [None, b"", b"no weights"])
def test_weights_that_cannot_be_read_are_one_line(content, tmp_path):
    if content is not None:
        (tmp_path / "3.npz").write_bytes(content)
    with pytest.raises(RunError, match="weights of candidate 3 must be in"):
        Weights(tmp_path).load(3, 2)


@pytest.mark.parametrize("share", [0, 1.5])
def test_the_share_is_one(share):
    with pytest.raises(ConfigError, match="must be above 0"):
        InheritConfig(share=share)


@pytest.mark.parametrize("folds", ["alone", "together"])
def test_an_heir_starts_where_its_parent_ended(folds, small_store, tmp_path):
    made = TrainingEvaluator(
        small_store,
        "ecg1d",
        training=TrainConfig(epochs=4, batch=16, keep_every=1),
        folds=FoldConfig(n_folds=2),
        engine=EngineConfig(folds=folds),
        inherit=InheritConfig(enabled=True, share=0.25),
        weights=tmp_path / "weights",
    )
    parent = Candidate(slot=0, architecture=sample(5), seed=1)
    heir = replace(parent, slot=1, seed=2, parent=0)
    orphan = replace(heir, slot=2, parent=None)
    first, second, third = made.evaluate([parent, heir, orphan])
    assert (first.metrics["epochs"], second.metrics["epochs"]) == (4, 1)
    assert second.metrics["parent"] == 0
    assert "parent" not in third.metrics
    # One more epoch on what four have taught: no worse than the four, but for luck.
    assert second.score > first.score - 0.1
    (again,) = made.evaluate([heir])
    assert (again.score, again.metrics) == (second.score, second.metrics)


def test_a_lost_parent_stops_the_search_instead_of_counting_against_the_heir(small_store, tmp_path):
    made = TrainingEvaluator(
        small_store,
        "ecg1d",
        training=TrainConfig(epochs=1),
        folds=FoldConfig(n_folds=2),
        inherit=InheritConfig(enabled=True),
        weights=tmp_path / "weights",
    )
    heir = Candidate(slot=1, architecture=sample(5), seed=2, parent=0)
    with pytest.raises(RunError, match="weights of candidate 0 must be in"):
        list(made.evaluate([heir]))
