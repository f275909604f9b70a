"""Remake proposals.json, after a change that is meant to change proposals.

Run ``PYTHONPATH=tests python THIS_FILE``. A changed list means that a search or a benchmark does
not find what it found before: say so in the changelog.
"""

from __future__ import annotations

import json
from pathlib import Path

from contracts.test_algorithms import MAKERS, keys, play

from search_spaces import load

GOLDEN = Path(__file__).with_name("proposals.json")

if __name__ == "__main__":
    golden = {
        f"{name} on {space}": keys(play(make(load(space), 20, 0, None), load(space)))
        for name, make in MAKERS.items()
        for space in ("ecg1d", "nasbench201")
    }
    GOLDEN.write_text(json.dumps(golden, indent=1, sort_keys=True) + "\n")
