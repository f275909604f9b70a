import subprocess
import sys

import pytest

from ecg_nas.memory import peak_mib

pytest.importorskip("resource", reason="this system does not tell the memory of a process")


def test_memory_that_was_taken_is_told_though_it_was_given_back():
    before = peak_mib()
    taken = bytearray(int((before + 64) * 2**20))
    taken[:: 2**12] = b"x" * len(taken[:: 2**12])  # pages that are not touched are not there
    del taken
    assert peak_mib() >= before + 64


def test_an_ended_worker_counts_where_it_had_more():
    own = peak_mib()
    more = int((own + 200) * 2**20)
    subprocess.run([sys.executable, "-c", f"len(b'x' * {more})"], check=True)
    assert peak_mib(workers=True) >= own + 200 > peak_mib()
