import numpy as np
import pytest
from scipy import stats

from ecg_nas.benchmark.significance import Difference, holm, lower, sooner, verdicts
from ecg_nas.benchmark.summary import interval
from ecg_nas.benchmark.trace import Trace
from ecg_nas.errors import ConfigError


def test_sooner_is_the_log_rank_test():
    # At 1, one of two hits: 0.5 expected, variance 0.25; at 2 only b is left. So Z = 0.5 / 0.5.
    p = 2 * stats.norm.sf(1)
    assert sooner([1], [2], budget=9) == pytest.approx(Difference(p, 1))
    assert sooner([2], [1], budget=9) == pytest.approx(Difference(p, -1))


def test_sooner_counts_those_that_never_hit_as_later_than_the_budget():
    # At 3, one of four hits: 0.5 expected of a's two, variance 0.25.
    assert sooner([3, None], [None, None], budget=5).p == pytest.approx(2 * stats.norm.sf(1))
    early, late = [5, 8, 9, 12, 20, 31] * 3, [None, 90, 95, None, None, 99] * 3
    assert sooner(early, late, budget=100).p < 1e-4
    assert sooner(early, late, budget=100).ahead == 1


@pytest.mark.parametrize(("a", "b"), [([None] * 3, [None] * 3), ([4, 4], [4, 4])])
def test_sooner_tells_nothing_where_nothing_can_be_told(a, b):
    assert sooner(a, b, budget=5) == (1, 0)


def test_lower_is_the_rank_test():
    a, b = np.array([1.0, 2, 3]), np.array([4.0, 5, 6])
    assert lower(a, b) == pytest.approx(Difference(2 / 20, 1))  # 2 of the 20 orders
    assert lower(b, a) == pytest.approx(Difference(2 / 20, -1))
    assert lower(a, a) == (1, 0)
    assert lower(a, np.full(3, np.inf)).ahead == 1  # all trainings failed


def test_holm_worked_out_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.6]) == [1, 1]
    assert holm([]) == []


def search(method, seed, scores):
    scores = tuple(float(score) for score in scores)
    return Trace(method=method, seed=seed, scores=scores, test=scores, seconds=0)


def searches(method, hit, *, start=0.0, n=20, budget=120):
    """Make searches that see ``start``, and the optimum 10 after ``hit`` look-ups or so."""
    for seed in range(n):
        scores = np.full(budget, start + 0.001 * seed)
        scores[hit + seed :] = 10
        yield search(method, seed, scores)


def test_each_rival_is_better_worse_or_a_tie():
    traces = [
        *searches("ours", 50),
        *searches("same", 50),
        *searches("slow", 95),
        *searches("fast", 5),
    ]
    found = verdicts(traces, optimum=10, budget=120, against="ours")
    assert (found["against"], found["alpha"], found["area_to"]) == ("ours", 0.01, 100)
    rivals = found["rivals"]
    assert {name: rival["verdict"] for name, rival in rivals.items()} == {
        "same": "tie",
        "slow": "worse",
        "fast": "better",
    }
    assert rivals["slow"]["regret_area"]["ahead"] == "ours"
    assert rivals["fast"]["trainings_to_optimum"]["ahead"] == "fast"
    assert rivals["same"]["trainings_to_optimum"]["ahead"] is None
    for rival in rivals.values():
        for test in ("trainings_to_optimum", "regret_area"):
            assert rival[test]["p"] <= rival[test]["p_holm"] <= 1
    back = verdicts(traces, optimum=10, budget=120, against="fast")["rivals"]
    assert back["ours"]["verdict"] == "worse"


def test_the_area_ends_at_100():
    # Different only after 100 look-ups, and never at the optimum.
    late = [search("late", seed, [*[1] * 100, *[9] * 50]) for seed in range(20)]
    never = [search("never", seed, [1] * 150) for seed in range(20)]
    found = verdicts([*late, *never], optimum=10, budget=150, against="late")
    assert found["rivals"]["never"]["verdict"] == "tie"
    assert found["rivals"]["never"]["regret_area"]["p"] == 1


def test_contradicting_tests_are_a_tie():
    # The one is close all along and never there, the other far off until late, and then there.
    close = [search("close", seed, [9] * 100) for seed in range(20)]
    there = list(searches("there", 60, budget=100))
    rival = verdicts([*close, *there], optimum=10, budget=100, against="close")["rivals"]["there"]
    assert rival["trainings_to_optimum"]["p_holm"] < 0.01 > rival["regret_area"]["p_holm"]
    assert rival["verdict"] == "tie"


def test_a_correction_counts_all_rivals():
    traces = [*searches("ours", 50, n=6), *searches("fast", 5, n=6)]
    alone = verdicts(traces, optimum=10, budget=120, against="ours")["rivals"]["fast"]
    many = [t for i in range(9) for t in searches(f"same {i}", 50, n=6)]
    among = verdicts([*traces, *many], optimum=10, budget=120, against="ours")["rivals"]["fast"]
    assert among["regret_area"]["p"] == alone["regret_area"]["p"]
    assert among["regret_area"]["p_holm"] > alone["regret_area"]["p_holm"]


def test_only_a_method_that_was_compared_can_be_held_against():
    with pytest.raises(ConfigError, match="compared, ours; got 'theirs'"):
        verdicts(list(searches("ours", 5)), optimum=10, budget=120, against="theirs")


def test_an_interval_is_as_wide_as_theory_says():
    values = np.random.default_rng(0).normal(5, 2, (400, 3))
    low, high = interval(values)
    np.testing.assert_allclose(high - low, 2 * 1.96 * 2 / 20, rtol=0.15)
    assert (low < 5.3).all()
    assert (high > 4.7).all()
    again = interval(values)
    assert (low == again[0]).all()
    assert (high == again[1]).all()
    assert interval(np.zeros((5, 2)))[1].tolist() == [0, 0]


def test_regret_alone_is_compared_where_the_optimum_says_little():
    traces = [*searches("ours", 50), *searches("slow", 95)]
    both = verdicts(traces, optimum=10, budget=120, against="ours")["rivals"]["slow"]
    alone = verdicts(traces, optimum=10, budget=120, against="ours", to_optimum=False)
    slow = alone["rivals"]["slow"]
    assert slow["trainings_to_optimum"] is None
    assert slow["verdict"] == "worse"
    assert slow["regret_area"]["p"] == both["regret_area"]["p"]
    assert slow["regret_area"]["p_holm"] == slow["regret_area"]["p"]  # one test only
