import os
import subprocess
import sys

from data_prep import locks

HOLDER = """
import os, sys
from data_prep.locks import take_lock
descriptor = os.open(sys.argv[1], os.O_RDONLY)
print(take_lock(descriptor, shared=len(sys.argv) > 2), flush=True)
sys.stdin.read()
"""


def hold(path, *options):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path), *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout.readline().strip() == b"True"
    return process


def opened(path):
    return os.open(path, os.O_RDONLY)


def test_a_lock_is_one_process_and_gone_with_it(tmp_path):
    holder = hold(tmp_path)
    descriptor = opened(tmp_path)
    assert not locks.take_lock(descriptor)
    assert not locks.take_lock(descriptor, shared=True)
    holder.kill()
    assert locks.take_lock(descriptor, wait=True)
    holder.wait()
    os.close(descriptor)


def test_shared_locks_share(tmp_path):
    holder = hold(tmp_path, "shared")
    descriptor = opened(tmp_path)
    assert locks.take_lock(descriptor, shared=True)
    assert not locks.take_lock(descriptor)
    holder.kill()
    holder.wait()
    os.close(descriptor)


def test_without_such_locks_everything_imports_and_no_one_is_refused(tmp_path):
    code = """
import importlib, pkgutil, sys
sys.modules["fcntl"] = None
import data_prep, ecg_nas, search_spaces
for package in (data_prep, ecg_nas, search_spaces):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.endswith(("__main__", "_worker")):
            importlib.import_module(module.name)
from data_prep.locks import take_lock
assert take_lock(0)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
