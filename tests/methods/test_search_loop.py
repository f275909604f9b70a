import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from search_doubles import Scorer, evolution, search

from ecg_nas.methods.engine.run_store import RunStore


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    return search(tmp_path_factory.mktemp("whole") / "run.sqlite", Scorer())


def test_it_spends_the_budget_and_stores_each_slot_once(uninterrupted):
    assert [slot for slot, *_ in uninterrupted] == list(range(24))
    assert len({key for _, key, *_ in uninterrupted}) == 24
    assert {origin for _, _, _, origin, *_ in uninterrupted} == {"initial", "evolution"}


def test_the_order_of_results_does_not_matter(tmp_path, uninterrupted):
    class InOrder(Scorer):
        def evaluate(self, candidates):
            return super().evaluate(candidates[::-1])

    assert search(tmp_path / "run.sqlite", InOrder()) == uninterrupted


@pytest.mark.parametrize("stop_after", [1, 8, 11, 12, 23])
def test_a_search_stopped_after_any_result_goes_on_as_if_it_had_not(
    tmp_path, uninterrupted, stop_after
):
    class Stops(Scorer):
        def evaluate(self, candidates):
            for evaluation in super().evaluate(candidates):
                yield evaluation
                if len(self.seen) == stop_after:
                    raise KeyboardInterrupt

    first, second = Stops(), Scorer()
    with pytest.raises(KeyboardInterrupt):
        search(tmp_path / "run.sqlite", first)
    assert search(tmp_path / "run.sqlite", second) == uninterrupted
    # What was stored is not evaluated again; only the killed batch may repeat nothing but its rest.
    assert sorted(first.seen + second.seen) == list(range(24))


def test_parents_are_of_earlier_batches_and_were_trained_even_after_a_stop(tmp_path):
    """What a candidate starts from may not depend on what happened to finish before it."""

    class Stops(Scorer):
        def __init__(self, after):
            super().__init__(fail={2})
            self.after, self.parents = after, {}

        def evaluate(self, candidates):
            self.parents |= {candidate.slot: candidate.parent for candidate in candidates}
            for evaluation in super().evaluate(candidates):
                yield evaluation
                if len(self.seen) == self.after:
                    raise KeyboardInterrupt

    def latest(architecture, trained):
        assert 2 not in trained
        return max(trained, default=None)

    whole = Stops(after=None)
    search(tmp_path / "whole.sqlite", whole, parent_of=latest)
    assert {whole.parents[slot] for slot in range(8)} == {None}
    assert {whole.parents[slot] for slot in range(8, 12)} == {7}
    first, second = Stops(after=10), Stops(after=None)
    with pytest.raises(KeyboardInterrupt):
        search(tmp_path / "run.sqlite", first, parent_of=latest)
    search(tmp_path / "run.sqlite", second, parent_of=latest)
    assert first.parents | second.parents == whole.parents


def test_a_search_killed_at_random_moments_goes_on_as_if_it_had_not(tmp_path, uninterrupted):
    path, rng, kills = tmp_path / "run.sqlite", random.Random(0), 0
    while kills < 4:
        process = subprocess.Popen(
            [sys.executable, "-m", "search_doubles", str(path)], cwd=Path(__file__).parents[1]
        )
        wait_for_a_result(path, process)
        time.sleep(rng.uniform(0, 0.12))
        process.kill()
        assert process.wait() != 0, "it ended before it could be killed"
        kills += 1
    with RunStore(path, read_only=True) as store:
        assert 0 < len(store.evaluations()) < 24
    assert search(path, Scorer()) == uninterrupted


def test_a_failure_is_stored_and_the_search_goes_on(tmp_path):
    evaluations = search(tmp_path / "run.sqlite", Scorer(fail=[2, 20]))
    assert len(evaluations) == 24
    assert [(e[0], e[-1]) for e in evaluations if e[-2] is None] == [
        (2, "a failure"),
        (20, "a failure"),
    ]


def test_a_finished_search_evaluates_nothing_and_a_larger_budget_goes_on(tmp_path, uninterrupted):
    path = tmp_path / "run.sqlite"
    assert search(path, Scorer()) == uninterrupted
    idle, more = Scorer(), Scorer()
    assert search(path, idle) == uninterrupted
    assert idle.seen == []
    longer = search(path, more, evolution(budget=28))
    assert longer[:24] == uninterrupted
    assert sorted(more.seen) == [24, 25, 26, 27]


def test_events_tell_the_story(tmp_path):
    events = []
    search(tmp_path / "run.sqlite", Scorer(), evolution(budget=8), on_event=events.append)
    assert [event["event"] for event in events] == ["asked", *["evaluated"] * 8, "told"]
    first = events[1]
    assert first["slot"] == 7
    assert first["metrics"]["noise"] == pytest.approx(first["score"] % 1)


def wait_for_a_result(path, process, seconds=20):
    """Wait until a result is stored beyond those that were there before."""
    before = count(path)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        if count(path) > before:
            return
        time.sleep(0.005)
    raise AssertionError("the search stored no result")


def count(path):
    if not path.exists() or path.stat().st_size == 0:
        return 0
    try:
        with RunStore(path, read_only=True) as store:
            return len(store.evaluations())
    except Exception:
        return 0  # being made at this moment
