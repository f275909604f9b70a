import logging
import os
import subprocess
import sys

import pytest

from ecg_nas.errors import RunError
from ecg_nas.files import whole
from ecg_nas.runs.folder import read_json, working_on, write_json

HOLD = """
import sys, time
from pathlib import Path
from ecg_nas.runs.folder import working_on
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
