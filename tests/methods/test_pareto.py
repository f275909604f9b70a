"""Two objectives: order, area and gain, against a library and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pymoo.indicators.hv import HV

from ecg_nas.methods.engine.pareto import front_order, hypervolume, improvements

points = hnp.arrays(
    np.float64,
    st.tuples(st.integers(1, 12), st.just(2)),
    elements=st.integers(0, 8).map(lambda v: v / 8),
)


def test_fronts_come_first_and_their_ends_before_their_crowd():
    scores = np.array([0.9, 0.8, 0.79, 0.5, 0.4])
    costs = np.array([9.0, 5.0, 4.9, 1.0, 8.0])
    order = front_order(scores, costs).tolist()
    assert set(order[:2]) == {0, 3}  # the ends
    assert order[-1] == 4  # dominated


@given(points)
def test_the_order_never_puts_a_dominated_point_before_its_better(found):
    scores, costs = found.T
    order = front_order(scores, costs)
    assert sorted(order.tolist()) == list(range(len(found)))
    place = np.empty(len(found), int)
    place[order] = range(len(found))
    for i in range(len(found)):
        for j in range(len(found)):
            better = scores[i] >= scores[j] and costs[i] <= costs[j]
            if better and (scores[i], costs[i]) != (scores[j], costs[j]):
                assert place[i] < place[j]


@given(points)
def test_the_area_is_the_librarys(found):
    scores, costs = found.T
    expected = HV(ref_point=np.array([-0.1, 0.9]))(np.stack([-scores, costs], axis=1))
    assert hypervolume(scores, costs, least=0.1, most=0.9) == pytest.approx(float(expected))


@given(points, points)
def test_a_gain_is_the_growth_of_the_area(new, known):
    gains = improvements(new[:, 0], new[:, 1], known_scores=known[:, 0], known_costs=known[:, 1])
    every = np.concatenate([new, known])
    low, span = every.min(axis=0), np.maximum(np.ptp(every, axis=0), 1e-12)
    new, known = (new - low) / span, (known - low) / span
    before = hypervolume(known[:, 0], known[:, 1], least=-0.1, most=1.1)
    for gain, point in zip(gains, new, strict=True):
        after = np.concatenate([known, point[None]])
        assert gain == pytest.approx(
            hypervolume(after[:, 0], after[:, 1], least=-0.1, most=1.1) - before, abs=1e-9
        )
