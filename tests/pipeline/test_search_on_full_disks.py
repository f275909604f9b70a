import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from full_disks import disk_of
from main_job import content, settings

from ecg_nas.pipeline.main_job import execute
from ecg_nas.runs.folder import RunFolder

SEARCH = """
import sys
from pathlib import Path
from ecg_nas.pipeline.main_job import execute
from ecg_nas.cli._errors import as_click_error
from main_job import settings
try:
    execute(settings(Path(sys.argv[1]), Path(sys.argv[2])), Path(sys.argv[3]), workers=1)
except Exception as error:
    print("Error:", as_click_error(error).message, file=sys.stderr)
    sys.exit(1)
"""


def search(*words):
    line = [sys.executable, "-c", SEARCH, *map(str, words)]
    return subprocess.run(
        line, capture_output=True, text=True, timeout=300, cwd=Path(__file__).parent
    )


@pytest.mark.slow
def test_a_search_stopped_by_a_full_disk_goes_on_and_ends_as_if_it_had_not(store, whole, tmp_path):
    shutil.copy(whole[0].parent / "settings.toml", tmp_path)
    disk, stopped = tmp_path / "disk", 0
    for size in (16, 112, 256, 376, 400, 424, 448):
        with disk_of(disk, size << 10) as resize:
            out = disk / "run"
            done = search(tmp_path, store, out)
            if done.returncode == 0:
                continue
            stopped += 1
            print(f"{size} kB: {done.stderr.strip().splitlines()[-1]}")  # noqa: T201
            assert done.returncode == 1, done.stderr
            line = done.stderr.strip().splitlines()[-1]
            assert line.startswith("Error: ")
            assert "room" in line or "free some" in line
            assert "Traceback" not in done.stderr
            resize(1 << 26)
            execute(settings(tmp_path, store), out, workers=1)
            assert content(out) == content(whole[0])
            assert json.loads(RunFolder(out).summary.read_text())["best"] == whole[1]["best"]
    print(f"a search was stopped by {stopped} full disks and went on after each")  # noqa: T201
    assert stopped >= 4
