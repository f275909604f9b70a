"""Remake space_keys.json, after a change that is meant to change keys: python THIS_FILE.

A changed key means that stored runs no longer recognise their architectures: say so in the
changelog.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

import search_spaces

GOLDEN = Path(__file__).with_name("space_keys.json")

if __name__ == "__main__":
    golden = {}
    for name in search_spaces.available():
        rng = np.random.default_rng(0)
        archs = [search_spaces.load(name).sample(rng) for _ in range(5)]
        golden[name] = [{"key": arch.key, "architecture": arch.to_json()} for arch in archs]
    GOLDEN.write_text(json.dumps(golden, indent=1) + "\n")
