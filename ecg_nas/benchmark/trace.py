"""What a search on a table saw, and its form on disk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ecg_nas.benchmark.study import RunKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What a search saw.

    Attributes:
        method: Its method.
        seed: Its seed.
        scores: Searched metric of each look-up, in order; ``None`` for a failure.
        test: Test accuracy of each, in %.
        cells: Each one's place in the table; ``None`` where the table does not say.
        seconds: Wall time of the search, start-up aside.
        code: Digest of the code that made it.
    """

    method: str
    seed: int
    scores: tuple[float | None, ...]
    test: tuple[float, ...]
    cells: tuple[int | None, ...] = ()
    seconds: float
    code: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able description without method and seed; short, but lossless.

        Tables hold 32-bit floats, of which nine digits are enough.
        """
        known = [value for value in (*self.scores, *self.test) if value is not None]
        single = all(np.isnan(value) or float(np.float32(value)) == value for value in known)
        return {
            "code": self.code,
            "seconds": self.seconds,
            "float": 32 if single else 64,
            "scores": _numbers(self.scores, single),
            "test": _numbers(self.test, single),
            "cells": list(self.cells),
        }

    @property
    def key(self) -> RunKey:
        """Method, budget and seed."""
        return RunKey(self.method, len(self.scores), self.seed)

    @classmethod
    def from_json(cls, data: Mapping[str, Any], key: RunKey) -> Trace:
        """Return the trace that ``to_json`` described.

        Raises:
            ValueError: If ``data`` is no such trace of that many look-ups.
        """
        method, budget, seed = key
        try:
            single = {32: True, 64: False}[data["float"]]
            scores = tuple(None if v is None else _number(v, single) for v in data["scores"])
            test = tuple(np.nan if v is None else _number(v, single) for v in data["test"])
            trace = cls(
                method=method,
                seed=seed,
                scores=scores,
                test=test,
                cells=tuple(data["cells"]),
                seconds=float(data["seconds"]),
                code=str(data["code"]),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"seed {seed} is not a search's trace") from error
        if not len(scores) == len(test) == budget:
            raise ValueError(f"seed {seed} has {len(scores)} look-ups, not {budget}")
        return trace


def _numbers(values: Iterable[float | None], single: bool) -> list[float | None]:
    return [None if v is None or np.isnan(v) else _short(v, single) for v in values]


def _short(value: float, single: bool) -> float:
    # The shortest decimal that is this 32-bit float, which as a 64-bit one has 17 digits.
    return float(str(np.float32(value))) if single else value


def _number(value: float, single: bool) -> float:
    return float(np.float32(value)) if single else float(value)
