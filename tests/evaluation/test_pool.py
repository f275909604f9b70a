import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from pool_doubles import Deeds

from ecg_nas import seeds
from ecg_nas.evaluation.base import Candidate
from ecg_nas.evaluation.process_pool import PoolEvaluator
from search_spaces import Architecture


def candidates(*deeds):
    return [
        Candidate(
            slot=slot,
            architecture=Architecture(space="none", ops=(deed,), edges=()),
            seed=seeds.derive(0, slot),
        )
        for slot, deed in enumerate(deeds)
    ]


@pytest.fixture
def pool(tmp_path):
    pools = []

    def make(workers):
        pools.append(PoolEvaluator(partial(Deeds, tmp_path), workers=workers))
        return pools[-1]

    yield make
    for made in pools:
        made.close()


def outcomes(evaluator, batch):
    return {e.slot: (e.score, e.failure) for e in evaluator.evaluate(batch)}


def test_many_workers_answer_as_one_evaluator_does(pool, tmp_path):
    batch = candidates("nap", "ok", "fail", "nap", "ok")
    assert outcomes(pool(3), batch) == outcomes(Deeds(tmp_path), batch)


def test_results_stream_as_they_finish_and_workers_are_used_again(pool):
    evaluator = pool(2)
    first = list(evaluator.evaluate(candidates("nap", "ok", "ok")))
    second = list(evaluator.evaluate(candidates("ok", "ok")))
    assert first[-1].slot == 0
    assert {e.metrics["pid"] for e in second} <= {e.metrics["pid"] for e in first}


def test_a_worker_has_one_thread_and_imports_only_what_it_needs(pool):
    (evaluation,) = pool(1).evaluate(candidates("ok"))
    assert evaluation.metrics["threads"] == "1"
    assert evaluation.metrics["imported"] == []
    assert evaluation.metrics["pid"] != os.getpid()


def test_a_candidate_whose_worker_was_killed_is_tried_again(pool, tmp_path):
    batch = candidates("die once", "ok")
    (tmp_path / "died").touch()
    expected = outcomes(Deeds(tmp_path), batch)
    (tmp_path / "died").unlink()
    assert outcomes(pool(1), batch) == expected


def test_a_candidate_that_kills_its_workers_fails_and_the_others_do_not(pool):
    result = outcomes(pool(2), candidates("die", "ok", "nap"))
    assert result[0] == (None, "its worker process died 2 times (signal 9)")
    assert result[1][1] is None
    assert result[2][1] is None


def test_an_exception_is_raised_here_and_the_pool_stays_usable(pool):
    evaluator = pool(2)
    with pytest.raises(ValueError, match="a fault of the program"):
        list(evaluator.evaluate(candidates("nap", "raise")))
    assert len(list(evaluator.evaluate(candidates("ok", "ok")))) == 2


def test_giving_up_half_way_ends_the_workers(pool, tmp_path):
    results = pool(2).evaluate(candidates("ok", "sleep"))
    next(results)
    pids = wait_for_pids(tmp_path, 1)
    results.close()
    assert all(gone(pid) for pid in pids)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_workers_do_not_outlive_their_parent(tmp_path, how):
    parent = subprocess.Popen(
        [sys.executable, "-m", "pool_doubles", str(tmp_path)],
        cwd=Path(__file__).parent,
        stderr=subprocess.DEVNULL,
    )
    try:
        pids = wait_for_pids(tmp_path, 2)
    finally:
        parent.send_signal(how)
        parent.wait(10)
    assert all(gone(pid) for pid in pids)


def test_a_pool_needs_a_worker():
    with pytest.raises(ValueError, match="at least one worker"):
        PoolEvaluator(partial(Deeds, Path()), workers=0)


def wait_for_pids(marks, n, seconds=15):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        pids = [int(path.name.removeprefix("pid-")) for path in marks.glob("pid-*")]
        if len(pids) == n:
            return pids
        time.sleep(0.02)
    raise AssertionError(f"{n} workers did not start")


def gone(pid, seconds=5):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        # An orphan stays a zombie until init reaps it; in a container without one, for ever.
        stat = Path(f"/proc/{pid}/stat")
        if stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return True
        time.sleep(0.02)
    return False
