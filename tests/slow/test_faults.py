"""Faults on purpose: kills at every stage, disks that cannot be written, flips in every file."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from bundles import tiny_bundle
from click.testing import CliRunner
from main_job import content, settings

from ecg_nas.bundle.manifest import load
from ecg_nas.cli import main
from ecg_nas.errors import BundleError, RunError
from ecg_nas.methods.engine.run_store import RunStore
from ecg_nas.pipeline.main_job import execute
from ecg_nas.runs.listing import check

pytestmark = pytest.mark.slow

PIPELINE = Path(__file__).resolve().parents[1] / "pipeline"
MORTAL = """
import json, os, signal, sys
from pathlib import Path
from ecg_nas.pipeline.main_job import execute
from main_job import settings

folder, store, out, moment, victim = sys.argv[1:]
moment = json.loads(moment)

def children():
    pids = [pid for file in Path("/proc/self/task").glob("*/children")
            for pid in file.read_text().split()]
    return [int(pid) for pid in pids
            if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]

done = []

def at(event):
    if moment.items() <= event.items() and not done:
        done.append(event)
        if victim == "workers":
            for pid in children():
                os.kill(pid, signal.SIGKILL)
        else:
            os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    execute(settings(Path(folder), Path(store)), Path(out), workers=2, on_event=at)
"""
MOMENTS = (
    '{"event": "search"}',
    '{"event": "asked"}',
    '{"event": "evaluated"}',
    '{"event": "told"}',
    '{"event": "confirmed"}',
    '{"event": "final"}',
    '{"event": "fold", "fold": 1}',
    '{"event": "fold", "fold": 2}',
    '{"text": "evaluating the winner\'s folds on altered recordings"}',
    '{"text": "evaluating the winner\'s folds in INT8"}',
    '{"text": "exporting and verifying the classifier"}',
    '{"text": "writing the report"}',
)


def say(text):
    sys.stdout.write(f"{text}\n")


def disturbed(tmp_path, store, out, moment, victim):
    """Run the main job until something is killed; return its exit code."""
    script = tmp_path / "mortal.py"
    script.write_text(MORTAL, encoding="utf-8")
    path = os.pathsep.join([str(PIPELINE), os.environ.get("PYTHONPATH", "")])
    ran = subprocess.run(
        [sys.executable, script, tmp_path, store, out, moment, victim],
        env=os.environ | {"PYTHONPATH": path}, capture_output=True, timeout=300, check=False,
    )  # fmt: skip
    return ran.returncode


def test_killed_at_every_stage_a_run_ends_as_the_undisturbed_one(
    undisturbed, train_store, tmp_path
):
    out, kills = tmp_path / "run", 0
    for moment in MOMENTS:
        code = disturbed(tmp_path, train_store, out, moment, "main process")
        assert code == -signal.SIGKILL, (moment, code)
        kills += 1
        assert not (out / "summary.json").exists()
    execute(settings(tmp_path, train_store), out, workers=1)
    assert content(out) == content(undisturbed)
    assert check(out)["files_checked"] == check(undisturbed)["files_checked"]
    say(f"{kills} kills of the main process, 1 run as if undisturbed")


def test_workers_killed_a_run_ends_as_the_undisturbed_one(undisturbed, train_store, tmp_path):
    # Once each: a candidate whose worker dies twice has failed, which is a result, too.
    moments = ("asked", "evaluated", "confirmed")
    for moment in moments:
        out = tmp_path / moment
        code = disturbed(tmp_path, train_store, out, f'{{"event": "{moment}"}}', "workers")
        assert code == 0, moment
        assert content(out) == content(undisturbed)
    say(f"all workers killed at {len(moments)} moments, {len(moments)} runs as if undisturbed")


def flips(file, count, rng):
    """Yield as often as ``count`` with one bit of a file turned."""
    whole = file.read_bytes()
    for bit in rng.integers(8 * len(whole), size=count):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << (bit % 8)
        file.write_bytes(flipped)
        yield int(bit)
    file.write_bytes(whole)


def fault_of(run):
    """Return what is wrong with the files of a run; ``None`` if nothing is."""
    try:
        check(run)
    except RunError as error:
        return str(error)
    return None


def read(store_file):
    with RunStore(store_file, read_only=True) as store:
        store.check()
        return [repr(one) for one in store.evaluations()], store.state(), store.repeats()


def test_no_flip_in_any_file_of_a_run_is_unnoticed(undisturbed, tmp_path):
    run = shutil.copytree(undisturbed, tmp_path / "run")
    for name in ("run.sqlite-wal", "run.sqlite-shm"):  # empty: the store is closed
        (run / name).unlink(missing_ok=True)
    files = [path for path in sorted(run.rglob("*")) if path.is_file() and path.name != "lock"]
    expected, rng = read(run / "run.sqlite"), np.random.default_rng(0)
    count = noticed = harmless = 0
    for file in files:
        for bit in flips(file, 30, rng):
            count += 1
            message = fault_of(run)
            if message is not None:
                assert "\n" not in message
                noticed += 1
                continue
            # Room in the store that holds nothing may change: what is read of it may not.
            assert file.name == "run.sqlite", (file, bit)
            assert read(file) == expected, bit
            harmless += 1
    say(f"{count} flips in {len(files)} files of a run: {noticed} noticed, {harmless} in free room")
    assert count >= 500
    shown = CliRunner().invoke(main, ["runs", "show", str(run), "--check"])
    assert shown.exit_code == 0, shown.output


def test_no_flip_in_any_file_of_a_bundle_is_unnoticed(tmp_path):
    bundle, count = tiny_bundle(tmp_path / "bundle"), 0
    for file in sorted(bundle.iterdir()):
        for bit in flips(file, 80, np.random.default_rng(1)):
            with pytest.raises(BundleError):
                load(bundle)
            count += bit >= 0
    load(bundle)
    say(f"{count} flips in a bundle, all noticed")
    assert count >= 400


@pytest.fixture
def read_only(undisturbed, tmp_path):
    """A run on a file system that cannot be written."""
    place = shutil.copytree(undisturbed, tmp_path / "writable" / "run")
    inner = tmp_path / "mounted"
    inner.mkdir()
    for words in (["--bind", place, inner], ["-o", "remount,ro,bind", inner]):
        made = subprocess.run(["mount", *map(str, words)], capture_output=True, check=False)
        if made.returncode:
            subprocess.run(["umount", str(inner)], capture_output=True, check=False)
            pytest.skip("no rights to mount a file system read-only")
    yield inner
    subprocess.run(["umount", str(inner)], check=True)


def test_a_run_that_cannot_be_written_is_read_and_refused_in_one_line(read_only, tmp_path):
    def run(*words):
        return CliRunner().invoke(main, [*map(str, words)])

    before = {path: path.stat().st_mtime_ns for path in Path(read_only).rglob("*")}
    for words in (
        ("runs", "list", read_only.parent),
        ("runs", "show", read_only, "--check"),
        ("report", read_only, "--out", tmp_path / "r.html"),
        ("export", read_only, "--out", tmp_path / "bundle"),
        ("verify", read_only / "bundle"),
    ):
        result = run(*words)
        assert result.exit_code == 0, (words, result.output)
    for words in (
        ("report", read_only, "--out", read_only / "report.html"),
        ("export", read_only, "--out", read_only / "bundle"),
        ("export", read_only, "--architecture", "0", "--out", tmp_path / "other"),
    ):
        result = run(*words)
        if words[-1] != read_only / "bundle":  # to itself: nothing to do
            assert result.exit_code != 0, words
        assert "Traceback" not in result.output
        assert len([line for line in result.stderr.splitlines() if line.strip()]) <= 1
    assert {path: path.stat().st_mtime_ns for path in Path(read_only).rglob("*")} == before
