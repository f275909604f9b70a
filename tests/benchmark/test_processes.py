import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ecg_nas.benchmark._processes import results
from ecg_nas.errors import RunError


def square(x):
    return x * x


def wait_long(file):
    Path(file).write_text(str(os.getpid()))
    time.sleep(60)


def die(_):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("workers", [1, 2])
def test_each_job_is_done_once(workers):
    assert sorted(results(square, [3, 1, 2], workers=workers)) == [1, 4, 9]
    assert list(results(square, [], workers=workers)) == []


def test_a_worker_that_dies_is_told():
    with pytest.raises(RunError, match="fewer --workers"):
        list(results(die, [1, 2], workers=2))


def alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def until(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks processes up in /proc")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_workers_do_not_outlive_their_parent(tmp_path, how):
    files = [tmp_path / "a", tmp_path / "b"]
    script = (
        "from ecg_nas.benchmark._processes import results\n"
        "from test_processes import wait_long\n"
        "if __name__ == '__main__':\n"
        f"    list(results(wait_long, {[str(file) for file in files]}, workers=2))\n"
    )
    (tmp_path / "main.py").write_text(script)
    parent = subprocess.Popen(
        [sys.executable, str(tmp_path / "main.py")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path, str(Path(__file__).parent)])},
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        assert until(lambda: all(file.exists() and file.read_text() for file in files))
        pids = [int(file.read_text()) for file in files]
        assert all(map(alive, pids))
        # Ctrl-C reaches all processes of the terminal, kill -9 the parent alone.
        (os.killpg if how == signal.SIGINT else os.kill)(parent.pid, how)
        _, said = parent.communicate(timeout=30)
        assert until(lambda: not any(map(alive, pids)))
        assert said.count(b"Traceback") <= 1  # the parent's own
    finally:
        parent.kill()
