import pytest

from ecg_nas.benchmark import drawings
from ecg_nas.benchmark.drawings import of_rankings, of_searches
from ecg_nas.benchmark.trace import Trace


def search(method, seed, *scores):
    return Trace(method=method, seed=seed, scores=scores, test=scores, seconds=0)


def test_searches_are_drawn_by_their_means(monkeypatch):
    monkeypatch.setattr(drawings, "courses", lambda methods, title: (methods, title))
    traces = [search("a", 0, 1.0, 4.0), search("a", 1, 3.0, 2.0), search("b", 0, 2.0, 2.0)]
    methods, title = of_searches(traces, metric="accuracy", optimum=4.0)
    assert title == "accuracy; 2 searches each"
    assert methods["a"].regret.tolist() == [2, 0.5]
    assert methods["a"].hit_rate.tolist() == [0, 0.5]
    assert methods["a"].low.tolist() == [1, 0]
    assert methods["a"].high.tolist() == [3, 1]
    assert methods["b"].low.tolist() == methods["b"].high.tolist() == [2, 2]  # one search


def test_hits_are_not_drawn_where_the_optimum_says_little(monkeypatch):
    traces = [search("a", 0, 1.0, 4.0), search("a", 1, 3.0, 2.0)]
    note = "Only a sample. " * 20
    drawn = of_searches(traces, metric="accuracy", optimum=4.0, note=note)
    assert "Only a sample" in drawn
    assert "at the optimum" not in drawn
    assert "at the optimum" in of_searches(traces, metric="accuracy", optimum=4.0)
    monkeypatch.setattr(drawings, "courses", lambda methods, title: (methods, title))
    methods, title = of_searches(traces, metric="accuracy", optimum=4.0, note=note)
    assert methods["a"].hit_rate is None
    assert max(map(len, title.splitlines())) <= 110


def test_rankings_are_drawn_by_labels(monkeypatch):
    monkeypatch.setattr(drawings, "agreements", lambda predictors, title: (predictors, title))
    tau = {"mean": 0.5, "std": 0.1}
    undefined = {"mean": None, "std": None}
    result = {
        "metric": "accuracy",
        "cells": 9,
        "seeds": 3,
        "labels": {"5": {"a": {"kendall_tau": tau}}, "10": {"a": {"kendall_tau": undefined}}},
    }
    predictors, title = of_rankings(result)
    assert title == "accuracy; 9 cells, 3 draws"
    assert predictors == {"a": ([5, 10], [0.5, None], [0.1, None])}


@pytest.mark.parametrize("n_seeds", [1, 2])
def test_the_drawing_is_svg(n_seeds):
    traces = [search("a", seed, None, 1.0 + seed) for seed in range(n_seeds)]
    assert of_searches(traces, metric="accuracy", optimum=4.0).startswith("<svg")
