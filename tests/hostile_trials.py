"""What classify and prepare do with recordings that lie about themselves.

As a program, ``python hostile_trials.py BUNDLE FOLDER CASE…`` writes each case, gives it to both,
and prints what came of it, a line of JSON a case.
"""

import json
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from hostile_recordings import CASES, good_record

ADDRESS_SPACE = 6 << 30  # a fault ends here, not with the machine
LONGEST_S = 30
REFERENCE = Path(__file__).resolve().parents[1] / "exports" / "reference"
NEIGHBOURS = ("g1", "g2", "g3", "g4")


def outcomes(folder, names):
    """Give these recordings to the commands in a process of their own; return what came of each."""
    done = subprocess.run(
        [sys.executable, __file__, str(REFERENCE), str(folder), *names],
        capture_output=True, text=True, timeout=2 * LONGEST_S * len(names), check=False,
    )  # fmt: skip
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == len(names), f"after {found[-1:]}: {done.stderr[-2000:]}"
    return {outcome["case"]: outcome for outcome in found}


def assert_refused(outcome):
    """Both commands must have refused it in one line, in time, and in little memory."""
    assert outcome["peak"] < 1 << 30
    for command in ("classify", "prepare"):
        own = outcome[command]
        assert own["code"] in (1, 2), own
        assert own["seconds"] < LONGEST_S
        errors = [line for line in own["said"].splitlines() if line.startswith("Error: ")]
        # classify also says how many of all recordings it could not do.
        assert len(errors) == (2 if command == "classify" else 1), own
        assert "unexpected" not in own["said"]
        assert len(errors[0]) < 1000
        assert not own["wrote"]


def _stop(number, frame):
    raise TimeoutError(f"more than {LONGEST_S} s")


def _try(bundle, folder, name):
    """Give one recording to classify and prepare; return what came of it."""
    from click.testing import CliRunner

    from ecg_nas.cli import main

    shutil.copytree(folder.parent / "good", folder / "in")
    given = CASES[name](folder / "in")
    found = {}
    for command, arguments in {
        "classify": [str(bundle), str(given), "--beats", "atr", "--out", str(folder / "out")],
        "prepare": ["wfdb", "--records", str(folder / "in"), "--out", str(folder / "store")],
    }.items():
        begun = time.monotonic()
        signal.alarm(LONGEST_S)
        result = CliRunner().invoke(main, [command, *arguments])
        signal.alarm(0)
        found[command] = {
            "code": result.exit_code, "said": result.stderr, "seconds": time.monotonic() - begun,
            "wrote": [
                str(file) for name in ("out", "store") for file in (folder / name).rglob("*")
            ],
        }  # fmt: skip
    return found


def _peak_bytes():
    """Return the most memory that this program has had; ``ru_maxrss`` also counts its parent's."""
    status = Path("/proc/self/status")
    if status.is_file():
        return 1024 * int(status.read_text().partition("VmHWM:")[2].split()[0])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _main(bundle, folder, names):
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    signal.signal(signal.SIGALRM, _stop)
    # Beside each there are good records: it alone is why prepare cannot go on.
    for name in NEIGHBOURS:
        good_record(folder / "good", name)
    for number, name in enumerate(names):
        found = _try(bundle, folder / str(number), name)
        # The peak of all so far: what passes the bound shows at the first that does.
        sys.stdout.write(json.dumps({"case": name, "peak": _peak_bytes(), **found}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
