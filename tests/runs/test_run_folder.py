import logging
import os
import sqlite3
import subprocess
import sys

import pytest
from full_disks import files_no_longer_than
from stored_runs import architecture, stored_run

from ecg_nas.errors import RunError
from ecg_nas.files import whole
from ecg_nas.methods.base import Proposal
from ecg_nas.methods.engine.run_store import RunStore
from ecg_nas.runs.folder import RunFolder, read_json, working_on, write_json

HOLD = """
import sys, time
from pathlib import Path
from ecg_nas.runs.folder import RunFolder, read_json, working_on, write_json
with working_on(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_run_that_is_in_use_is_refused_until_its_process_ends(tmp_path):
    out = tmp_path / "run"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(out)], stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(RunError, match=f"in use by another process.*{holder.pid}"),
            working_on(out),
        ):
            pass
        holder.kill()
        holder.wait()
    with working_on(out) as folder:
        assert folder.path == out


def test_what_is_logged_goes_to_the_run_and_nowhere_else_afterwards(tmp_path):
    logger = logging.getLogger("ecg_nas.somewhere")
    level = logging.getLogger("ecg_nas").level
    with working_on(tmp_path / "run"):
        logger.info("first words")
    logger.info("afterwards")
    with working_on(tmp_path / "run"):
        logger.info("second words")
    text = (tmp_path / "run" / "log.txt").read_text(encoding="utf-8")
    assert "first words" in text
    assert "second words" in text
    assert "afterwards" not in text
    assert logging.getLogger("ecg_nas").level == level


def test_a_folder_with_other_files_is_refused_and_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("all of it", encoding="utf-8")
    with pytest.raises(RunError, match="other files"), working_on(tmp_path):
        pass
    assert os.listdir(tmp_path) == ["thesis.txt"]  # noqa: PTH208


def test_a_place_that_cannot_be_a_folder_is_refused(tmp_path):
    (tmp_path / "file").touch()
    for out in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(RunError, match="must be writable"), working_on(out):
            pass


def test_json_round_trips_and_damage_is_one_clear_line(tmp_path):
    file = tmp_path / "own.json"
    write_json(file, {"name": "Ä", "values": [1, None, 0.5]})
    assert read_json(file) == {"name": "Ä", "values": [1, None, 0.5]}
    file.write_text('{"name": ', encoding="utf-8")
    for path in (file, tmp_path / "missing.json"):
        with pytest.raises(RunError, match=path.name) as caught:
            read_json(path)
        assert "\n" not in str(caught.value)


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    file = tmp_path / "own.json"
    write_json(file, {"old": True})
    with pytest.raises(UnicodeEncodeError), whole(file) as part:
        part.write_text("half \udcff", encoding="utf-8")
    assert read_json(file) == {"old": True}
    assert os.listdir(tmp_path) == ["own.json"]  # noqa: PTH208
    with pytest.raises(RunError, match="must be writable"):
        write_json(tmp_path / "missing" / "final.json", {})


@pytest.mark.parametrize("name", ["lock", "log.txt", "config.json", "held_out/fold-0.safetensors"])
def test_a_link_in_a_run_is_refused_by_name_and_not_followed(tmp_path, name):
    target = tmp_path / "target"
    target.write_text("mine", encoding="utf-8")
    link = tmp_path / "run" / name
    link.parent.mkdir(parents=True)
    link.symlink_to(target)
    if "/" in name:
        write_json(tmp_path / "run" / "config.json", {})
    with pytest.raises(RunError, match=f"{name} is a link") as caught, working_on(tmp_path / "run"):
        write_json(tmp_path / "run" / "config.json", {})
    assert "\n" not in str(caught.value)
    assert target.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("end", ["", "-wal", "-shm"])
def test_a_store_that_is_a_link_is_refused(tmp_path, end):
    target = tmp_path / "target"
    target.write_bytes(b"")
    store = tmp_path / "run.sqlite"
    store.with_name(f"run.sqlite{end}").symlink_to(target)
    with pytest.raises(RunError, match=f"run.sqlite{end} is a link"):
        RunStore(store)
    assert target.read_bytes() == b""


def test_a_link_to_a_run_and_a_users_own_link_in_it_are_fine(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "run").symlink_to(tmp_path / "there")
    with working_on(tmp_path / "run") as folder:
        write_json(folder.config, {})
        (tmp_path / "there" / "recordings").symlink_to(tmp_path)
    with working_on(tmp_path / "run"):
        pass


@pytest.mark.parametrize(
    "key", ["../../x", "", "0" * 15, "0" * 17, "ABCDEF0123456789", "/tmp", None]
)
def test_a_key_of_a_stranger_is_no_path(tmp_path, key):
    with pytest.raises(RunError, match="16 hex digits"):
        RunFolder(tmp_path).candidate(key)
    assert RunFolder(tmp_path).candidate("0123456789abcdef").path.parent.parent == tmp_path


def test_an_altered_key_is_refused_where_it_is_read(tmp_path):
    run = stored_run(tmp_path / "run")
    with sqlite3.connect(run / "run.sqlite") as db:  # as a store of before digests
        db.execute("UPDATE proposals SET key = '../../x' WHERE slot = 2")
        db.execute("DROP TABLE digests")
        db.execute("PRAGMA user_version = 1")
    db.close()
    with (
        RunStore(run / "run.sqlite", read_only=True) as opened,
        pytest.raises(RunError, match=r"a key must be 16 hex digits; it has '\.\./\.\./x'"),
    ):
        opened.evaluations()


def test_a_full_disk_leaves_nothing_of_a_run_that_was_not_begun(tmp_path, capsys):
    out = tmp_path / "run"
    with (
        pytest.raises(RunError, match=r"room for .*config\.json"),
        files_no_longer_than(2),
        working_on(out) as folder,
    ):
        log_and_write(folder)
    assert not out.exists()
    assert capsys.readouterr() == ("", "")  # lines for which there was no room are no news


def log_and_write(folder):
    for _ in range(100):
        logging.getLogger("ecg_nas.somewhere").info("a line")
    write_json(folder.config, {})


def test_a_full_disk_is_told_apart_in_the_store(tmp_path):
    many = [Proposal(architecture=architecture(i), origin="initial") for i in range(400)]
    with RunStore(tmp_path / "run.sqlite") as store:
        with files_no_longer_than(60_000), pytest.raises(RunError) as caught:
            store.propose(0, many)
        assert "rollback" not in str(caught.value)
        assert len(store.propose(0, many[:2])) == 2


def test_a_run_is_as_open_as_the_umask_says(tmp_path):
    before = os.umask(0o077)
    try:
        with working_on(tmp_path / "run") as folder:
            write_json(folder.config, {})
            RunStore(folder.store).close()
    finally:
        os.umask(before)
    for path in (tmp_path / "run", *(tmp_path / "run").iterdir()):
        assert path.stat().st_mode & 0o077 == 0, path
