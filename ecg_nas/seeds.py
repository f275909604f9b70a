"""Seeds that depend on what is seeded, never on who runs it or when."""

from __future__ import annotations

import hashlib

import numpy as np


def derive(*parts: int | str) -> int:
    """Return a 63-bit seed from ``parts``: BLAKE2 of their text, so nearby inputs are unrelated."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") >> 1


def generator(*parts: int | str) -> np.random.Generator:
    """Return a NumPy generator seeded by ``parts``."""
    return np.random.default_rng(derive(*parts))
