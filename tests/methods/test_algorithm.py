import json

import numpy as np
import pytest

from ecg_nas.methods.base import Archive, Outcome, draw_at_random, draw_new
from search_spaces import ArchitectureError, load

SPACE = load("ecg1d")


def told(*scores):
    rng = np.random.default_rng(0)
    return [Outcome(architecture=SPACE.sample(rng), score=score) for score in scores]


def test_failures_count_as_the_worst():
    archive = Archive()
    archive.add(told(0.5, None, 0.2, float("nan"), float("inf")))
    assert archive.scores() == [0.5, 0.2, 0.2, 0.2, 0.2]
    only_failures = Archive()
    only_failures.add(told(None, None))
    assert only_failures.scores() == [0.0, 0.0]
    assert Archive().scores() == []


def test_round_trip_through_json():
    archive = Archive()
    outcomes = told(0.5, None, 0.2)
    archive.add(outcomes)
    again = Archive.from_json(json.loads(json.dumps(archive.to_json())), SPACE)
    assert list(again) == outcomes
    assert all(told.architecture.key in again for told in outcomes)
    assert "0" * 16 not in again
    with pytest.raises(ArchitectureError):
        Archive.from_json(archive.to_json(), load("nasbench201"))


def test_a_slot_draws_the_same_whoever_fills_the_slots_before():
    def draw(archive, count):
        proposals = draw_at_random(SPACE, archive, count, seed=3, origin="initial", allowed=None)
        return [proposal.architecture for proposal in proposals]

    whole = draw(Archive(), 6)
    partly = Archive()
    partly.add([Outcome(architecture=arch, score=0.0) for arch in whole[:4]])
    assert draw(partly, 2) == whole[4:]
    assert len({arch.key for arch in whole}) == 6


def test_gives_up_where_nothing_is_new():
    arch = SPACE.sample(np.random.default_rng(0))
    assert draw_new(lambda: arch, taken=lambda key: key == arch.key, allowed=None) is None
    assert draw_new(lambda: arch, taken=lambda _: False, allowed=lambda _: False) is None
    assert draw_new(lambda: arch, taken=lambda _: False, allowed=None) == arch
