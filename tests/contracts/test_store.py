"""What every run store must do; a second implementation joins by the ``make`` fixture."""

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecg_nas.errors import RunError
from ecg_nas.evaluation.base import Candidate, Evaluation
from ecg_nas.methods.base import Proposal
from ecg_nas.methods.engine.run_store import RunStore, leader
from search_spaces import Architecture

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
).filter(lambda value: "Infinity" not in str(value) and "inf" not in str(value))


def arch(i):
    return Architecture(
        space="none", ops=(f"op{i}",), edges=((0, 1), (1, 2)), macro=(("width", i),)
    )


def proposals(n, first=0):
    return [Proposal(architecture=arch(first + i), origin="initial") for i in range(n)]


def candidate(slot):
    return Candidate(slot=slot, architecture=arch(slot), seed=2**63 - 1 - slot)


def result(slot, score=0.5, failure=None):
    metrics = {"folds": [0.1, 0.2]}
    return Evaluation(slot=slot, score=score, metrics=metrics, seconds=1.5, failure=failure)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.sqlite"


@pytest.fixture
def store(path):
    with RunStore(path) as opened:
        yield opened


def test_an_evaluation_comes_back_whole(store, path):
    store.propose(0, proposals(2))
    store.add(candidate(1), result(1, score=1 / 3))
    store.add(candidate(0), result(0, score=None, failure="out of memory"))
    with RunStore(path, read_only=True) as reader:
        first, second = reader.evaluations()
    assert (first.slot, first.score, first.failure) == (0, None, "out of memory")
    assert second.score == 1 / 3
    assert second.seed == 2**63 - 2
    assert second.metrics == {"folds": [0.1, 0.2]}
    assert second.architecture == arch(1).to_json()
    assert (second.key, second.origin, second.seconds) == (arch(1).key, "initial", 1.5)


def test_later_trainings_come_back_with_the_evaluation(store, path):
    store.propose(0, proposals(2))
    for slot in (0, 1):
        store.add(candidate(slot), result(slot))
    store.add_repeat(1, 1, 0.25, 2.0)
    store.add_repeat(1, 0, 0.75, 2.0)
    store.add_repeat(1, 2, None, 3.0)  # failed
    with RunStore(path, read_only=True) as reader:
        first, second = reader.evaluations()
        assert set(reader.repeats()) == {"1"}
        assert set(reader.repeats()["1"]) == {"0", "1", "2"}
    assert (first.repeats, first.expected) == ((), 0.5)
    assert (second.repeats, second.expected) == ((0.75, 0.25), 0.5)


def test_the_best_mean_leads_among_those_trained_again(store):
    assert leader([]) is None
    store.propose(0, proposals(4))
    for slot, score in enumerate((0.5, 1.0, None, 0.75)):
        failure = "a failure" if score is None else None
        store.add(candidate(slot), result(slot, score=score, failure=failure))
    assert leader(store.evaluations()).slot == 1
    store.add_repeat(1, 0, 0.5, 1.0)
    store.add_repeat(3, 0, 0.875, 1.0)
    assert leader(store.evaluations()).slot == 3
    store.add_repeat(3, 1, 0.625, 1.0)
    assert leader(store.evaluations()).slot == 1  # equal means: the earlier one
    assert leader([e for e in store.evaluations() if e.score is None]) is None


def test_proposals_are_pending_until_they_are_told(store):
    assert store.next_slot() == 0
    assert [p.slot for p in store.propose(0, proposals(2))] == [0, 1]
    assert [p.architecture for p in store.pending()] == [arch(0).to_json(), arch(1).to_json()]
    assert store.next_slot() == 2
    store.settle({"n": 2})
    assert store.pending() == []
    assert store.next_slot() == 2
    assert [p.key for p in store.propose(2, proposals(1, first=2))] == [arch(2).key]
    assert store.state() == {"n": 2}


def test_a_slot_takes_one_evaluation_of_what_was_proposed(store):
    store.propose(0, proposals(1))
    store.add(candidate(0), result(0, score=0.25))
    with pytest.raises(RunError):
        store.add(candidate(0), result(0))
    with pytest.raises(RunError, match="slot 5"):
        store.add(candidate(5), result(5))
    with pytest.raises(RunError, match="slot 0"):
        store.add(Candidate(slot=0, architecture=arch(9), seed=0), result(0))
    assert [e.score for e in store.evaluations()] == [0.25]


@pytest.mark.parametrize(("score", "failure"), [(None, None), (0.5, "but failed")])
def test_an_evaluation_has_a_score_or_a_failure(store, score, failure):
    store.propose(0, proposals(1))
    with pytest.raises(RunError):
        store.add(candidate(0), result(0, score=score, failure=failure))
    assert store.evaluations() == []


@settings(max_examples=15, deadline=None)
@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_named_values_round_trip(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("store") / "run.sqlite"
    with RunStore(path) as store:
        for name, value in values.items():
            store.set(name, "an earlier one")
            store.set(name, value)
    with RunStore(path) as store:
        assert {name: store.get(name) for name in values} == values
        assert store.get("never set\x00") is None


def test_a_reader_sees_what_a_running_writer_has_committed(store, path):
    store.propose(0, proposals(1))
    with RunStore(path, read_only=True) as reader:
        assert reader.evaluations() == []
        store.add(candidate(0), result(0))
        assert len(reader.evaluations()) == 1
        with pytest.raises(RunError):
            reader.set("name", 1)


def test_a_killed_writer_leaves_all_it_had_added(path):
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "sys.path.insert(0, sys.argv[2])\n"
        "from test_store import *\n"
        "store = RunStore(Path(sys.argv[1]))\n"
        "store.propose(0, proposals(3))\n"
        "store.add(candidate(0), result(0))\n"
        "store.add(candidate(2), result(2))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    here = os.path.dirname(__file__)  # noqa: PTH120
    done = subprocess.run([sys.executable, "-c", program, str(path), here], check=False)
    assert done.returncode == -signal.SIGKILL
    with RunStore(path) as store:
        assert [e.slot for e in store.evaluations()] == [0, 2]
        assert [p.slot for p in store.pending()] == [0, 1, 2]


def damage_header(path):
    path.write_bytes(b"this is no database at all, not even a bit of one" * 100)


def damage_middle(path):
    content = bytearray(path.read_bytes())
    content[4096:8192] = os.urandom(4096)
    path.write_bytes(content)


def truncate(path):
    path.write_bytes(path.read_bytes()[:5000])


def newer_store(path):
    path.unlink()
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 99")


def a_foreign_database(path):
    path.unlink()
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE recipes (name TEXT)")


@pytest.mark.parametrize(
    "harm", [damage_header, damage_middle, truncate, newer_store, a_foreign_database]
)
@pytest.mark.parametrize("read_only", [False, True])
def test_a_damaged_store_is_one_clear_line(path, harm, read_only):
    with RunStore(path) as store:
        store.propose(0, proposals(50))
        for slot in range(50):
            store.add(candidate(slot), result(slot))
    harm(path)
    before = path.read_bytes()
    with pytest.raises(RunError) as caught, RunStore(path, read_only=read_only) as store:
        store.evaluations()
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == before


def test_a_missing_store_is_not_made_by_a_reader(path):
    with pytest.raises(RunError, match="is not there"):
        RunStore(path, read_only=True)
    assert not path.exists()


def test_a_place_that_cannot_be_written_is_one_clear_line(tmp_path):
    with pytest.raises(RunError, match="cannot be used"):
        RunStore(tmp_path / "missing" / "run.sqlite")
