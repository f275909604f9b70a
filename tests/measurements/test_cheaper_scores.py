import dataclasses

import numpy as np
import pytest
from tables import DATA, SETTINGS, AsTrained

from ecg_nas import seeds
from ecg_nas.errors import TableError
from ecg_nas.evaluation.base import Candidate
from ecg_nas.evaluation.config import EarlyConfig
from ecg_nas.measurements.cheaper_scores import agreement, of_curves, of_heirs, of_other_seeds
from ecg_nas.tables.trained_table import TrainedRow, TrainedTable
from search_spaces import load

SPACE = load("ecg1d")


def table(number, curve=lambda final: None):
    """A table of seed 3 whose ``curve`` of each training depends on its score."""
    rng = np.random.default_rng(0)
    candidates = [
        Candidate(slot=slot, architecture=SPACE.sample(rng), seed=seeds.derive(3, "table", slot))
        for slot in range(number)
    ]
    rows = map(TrainedRow.of, candidates, AsTrained().evaluate(candidates))
    watched = (
        dataclasses.replace(row, figures={**row.figures, "curve": curve(row.score)}) for row in rows
    )
    return TrainedTable(settings=SETTINGS, data=DATA, rows=tuple(watched))


def rising(decay):
    return lambda final: [final - 0.3 * decay**epoch for epoch in range(1, 10)] + [final]


class Recorded(AsTrained):
    """Remembers who was asked for, in which batches; fails on some."""

    def __init__(self, fail=()):
        super().__init__()
        self.batches, self.fail = [], set(fail)

    def evaluate(self, candidates):
        self.batches.append(list(candidates))
        for found in super().evaluate(candidates):
            failed = found.slot in self.fail
            yield dataclasses.replace(found, score=None if failed else found.score)


def test_agreement_is_that_of_the_ranks():
    scores = [0.1, 0.4, 0.2, 0.9, 0.5]
    same = agreement(np.square(scores).tolist(), scores)
    assert (same["spearman"], same["kendall"], same["n"]) == (pytest.approx(1), pytest.approx(1), 5)
    assert agreement([-s for s in scores], scores)["spearman"] == pytest.approx(-1)
    low, high = agreement([0.2, 0.1, 0.3, 0.9, 0.4], scores)["interval"]
    assert low < 0.7 < high
    assert agreement([0.5] * 5, scores)["spearman"] is None


def test_curves_that_level_off_are_cut_short_and_well_foretold():
    early = of_curves(table(12, rising(0.4)), EarlyConfig(tolerance=0.01))
    found = early["foretold"]
    assert early["epochs"] == len(early["by_epoch"]) == 10
    assert found["stopped"] == 12
    assert 0.3 < found["saved"] < 0.6
    assert found["error"] < 0.01
    assert found["spearman"] > 0.95
    assert early["by_epoch"][-1]["spearman"] == pytest.approx(1)


def test_curves_that_still_rise_are_not_cut_short():
    found = of_curves(
        table(12, lambda final: [final * epoch**2 / 100 for epoch in range(1, 11)]),
        EarlyConfig(tolerance=0.001),
    )["foretold"]
    assert (found["stopped"], found["saved"], found["error"]) == (0, 0, None)
    assert found["spearman"] == pytest.approx(1)


def test_only_watched_trainings_have_curves():
    with pytest.raises(TableError, match="the table has 0: make it with"):
        of_curves(table(5), EarlyConfig())


def test_heirs_have_parents_among_those_trained_before():
    evaluator, told = Recorded(fail=[9]), []
    found = of_heirs(table(15), evaluator, SPACE, seed=3, on_evaluation=told.append)
    assert [len(batch) for batch in evaluator.batches] == [8, 4, 3]
    first, *later = evaluator.batches
    assert all(c.parent is None and c.seed == seeds.derive(3, "table", c.slot) for c in first)
    for batch in later:
        assert all(c.parent is None or c.parent < batch[0].slot for c in batch)
    parents = {c.parent for batch in later for c in batch}
    assert parents - {None}
    assert 9 not in parents
    assert (found["n"], len(told)) == (6, 15)


def test_other_seeds_are_another_luck_of_the_same_networks():
    evaluator, full = Recorded(), table(6)
    found = of_other_seeds(full, evaluator, seed=3)
    assert found["n"] == 6
    (batch,) = evaluator.batches
    assert [c.architecture for c in batch] == [row.architecture for row in full.rows]
    assert all(c.seed != seeds.derive(3, "table", c.slot) for c in batch)


def test_too_few_trainings_to_compare():
    with pytest.raises(TableError, match="three or more trainings beside those of the table; 2"):
        of_heirs(table(10), Recorded(), SPACE, seed=3)
