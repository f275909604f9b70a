"""What the JSON files of a run hold, looked at as they are read: they may be a stranger's.

A shape is a type; a list of one shape; a dictionary, of the members that must be there; or one of
``Maybe`` and ``Each``. Members that no shape names are nobody's: they may be anything.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Final, NoReturn, Protocol

from ecg_nas.errors import RunError

MOST_BYTES: Final = 64 << 20
"""Of one file. A year's searches and evaluations have a few megabytes; more is not read."""

Shape = Any  # a type, [Shape], {name: Shape}, Maybe or Each: a type of types mypy has no words for


@dataclass(frozen=True, slots=True)
class Maybe:
    """``None``, nothing at all, or of the shape ``of``."""

    of: Shape


@dataclass(frozen=True, slots=True)
class Each:
    """A dictionary, of any names, each member of the shape ``of``."""

    of: Shape


_FIGURES: Final = Each({"se": Maybe(float), "ppv": Maybe(float), "f1": Maybe(float)})
_INTERVALS: Final = Each(Maybe([float]))
_SCORE: Final = {
    "macro_f1_nsv": Maybe(float),
    "headline": Maybe({"name": str, "value": Maybe(float)}),
}
_COUNTS: Final = {
    "confusion": [[int]],
    "missed": Each(int),
    "false_beats": Each(int),
    "accuracy": Maybe(float),
    "per_class": _FIGURES,
}
_BINS: Final = Each([{"stated": float, "observed": float, "beats": int}])
_PERCENT: Final = {
    name: Maybe(float)
    for name in ("q_se", "q_ppv", "v_se", "v_ppv", "v_fpr", "s_se", "s_ppv", "rr_error_ms")
}
METRICS: Final = {
    "params": Maybe(int),
    "macs": Maybe(int),
    "confusion": Maybe([[int]]),
    "per_class": Maybe(_FIGURES),
    "folds": Maybe([{"score": Maybe(float)}]),
}
"""Of a candidate's evaluation, in the run's store."""
ARCHITECTURE: Final = {
    "ops": [str],
    "edges": [[int]],
    "macro": Maybe(dict),
    "representation": Maybe(dict),
}
"""Of a candidate, in the run's store."""

CONFIG: Final = {
    "format": Maybe(int),
    "settings": {
        **{name: Maybe(str) for name in ("space", "method", "device")},
        "budget": Maybe(int),
        "seed": Maybe(int | str),
    },
    "data": {
        **dict.fromkeys(("source", "split", "fingerprint"), str),
        "store": Maybe(str),
        "task": Maybe(dict),
    },
    "versions": Maybe(Each(str)),
    "begun": Maybe(str),
}
_FINAL: Final = {
    "slot": int,
    "patients": [str],
    "training": {"epochs": int},
    "beats": Each(int),
    "seconds": float,
    "device": str,
    "losses": [float],
    "spec": Maybe(dict),
    **{name: Maybe(kind) for name, kind in (("key", str), ("score", float), ("seed", int))},
    **{name: Maybe(kind) for name, kind in (("params", int), ("macs", int), ("metrics", dict))},
}
_OUT_OF_FOLD: Final = {
    "slot": int,
    "temperature": float,
    "ece": {"before": Maybe(float), "after": Maybe(float)},
    "beats": int,
    "confusion": [[int]],
    "per_class": _FIGURES,
    "accuracy": Maybe(float),
    **_SCORE,
    "interval": _INTERVALS,
    "folds": [{**_SCORE, "patients": [str]}],
}
_INT8: Final = {
    "slot": int,
    "verdict": {
        "refused": Maybe(str),
        "method": Maybe(str),
        "beats": int,
        "agreement": Maybe(float),
        "limits": Each(float),
        **{name: Each(Maybe(float)) for name in ("fp32", "int8", "drop")},
        "without_fine_tuning": Maybe({"drop": Each(Maybe(float))}),
    },
}
_SUMMARY: Final = {"run": str, "best": {"key": str, "score": float}, "seconds": Each(float)}
EVALUATION: Final = {
    "key": str,
    "task": Maybe(dict),
    "strips": list,
    "result": {
        "architecture": str,
        "params": int,
        "fold_score": Maybe(float),
        "warnings": [str],
        "classes": [str],
        "dropped": int,
        **_COUNTS,
        **_SCORE,
        "interval": _INTERVALS,
        "without_record": Each({**_SCORE, "per_class": _FIGURES}),
        "most_influential_record": Maybe(str),
        "calibration": {"ece": Maybe(float), "reliability": _BINS},
        "records": Each(_COUNTS),
        "ec57": {
            "gross": _PERCENT,
            "average": _PERCENT,
            "n_averaged": Each(Maybe(int)),
            "mapping": str,
            "start_s": float,
        },
        "protocol": {
            **dict.fromkeys(("split", "mapping", "beats", "fingerprint", "counting"), str),
            **{name: Maybe(str) for name in ("data", "data_split")},
            "start_s": float,
            "causal": bool,
            "test_openings": int,
            "leads": [str],
            "left_out_beats": Maybe(int),
            "records_left_out": Each(str),
        },
        "mistakes": [
            {
                **dict.fromkeys(("record", "truth", "called"), str),
                "time_s": float,
                "alike": int,
                "probability": Maybe(float),
            }
        ],
    },
}
_SHAPES: Final[Mapping[str, Shape]] = {
    "config.json": CONFIG,
    "final.json": _FINAL,
    "held_out.json": _OUT_OF_FOLD,
    "int8.json": _INT8,
    "robustness.json": {"slot": int, "conditions": [Each(Maybe(float | str))]},
    "summary.json": _SUMMARY,
}


def load(file: Path, shape: Shape | None = None) -> dict[str, Any]:
    """Return what a JSON file of a run holds.

    Args:
        file: The file.
        shape: What it must hold; by default, what a file of this name must.

    Raises:
        FileNotFoundError: If there is none.
        RunError: If it cannot be read or does not hold what it must.
    """
    try:
        if file.exists() and not file.is_file():
            raise ValueError("it is no plain file")
        if file.stat().st_size > MOST_BYTES:
            raise ValueError(f"it has over {MOST_BYTES:,} bytes")
        content = json.loads(file.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(
            f"{file} must be readable JSON ({error}); restore it from a copy or start in another "
            "run folder"
        ) from error
    found = fault(content, _SHAPES.get(file.name, {}) if shape is None else shape)
    if found is not None:
        raise RunError(
            f"{file} must be as ecg-nas wrote it; {found}: restore it from a copy, or "
            "remove it and run the same command again"
        )
    assert isinstance(content, dict)
    return content


class Candidate(Protocol):
    """What the store of a run knows of a candidate."""

    @property
    def slot(self) -> int:
        """Its place in the run, from 0."""

    @property
    def architecture(self) -> Mapping[str, Any]:
        """Its JSON description."""

    @property
    def metrics(self) -> Mapping[str, Any]:
        """What was measured."""


def refuse_other_candidates(file: Path, candidates: Sequence[Candidate]) -> None:
    """Refuse candidates of whom the store in ``file`` says what is not of their shapes.

    Raises:
        RunError: At the first of them.
    """
    for one in candidates:
        found = fault(one.metrics, METRICS, "its metrics") or fault(
            one.architecture, ARCHITECTURE, "its architecture"
        )
        if found is not None:
            raise RunError(
                f"{file} must be as ecg-nas search wrote it; of evaluation {one.slot + 1}, "
                f"{found}: restore it from a copy"
            )


def fault(value: object, shape: Shape, where: str = "it") -> str | None:
    """Return what of ``value`` is not of ``shape``, in words; ``None`` if all is."""
    return next(_faults(value, shape, where), None)


def _faults(value: object, shape: Shape, where: str) -> Iterator[str]:
    if isinstance(shape, Maybe):
        return iter(()) if value is None else _faults(value, shape.of, where)
    if isinstance(shape, Each | dict):
        return _of_members(value, shape, where)
    if isinstance(shape, list):
        (of,) = shape
        if not isinstance(value, list):
            return iter((f"{where} must be a list",))
        return chain.from_iterable(
            _faults(one, of, f"{where}[{place}]") for place, one in enumerate(value)
        )
    return iter(() if _is(value, shape) else (f"{where} must be {_word(shape)}",))


def _of_members(value: object, shape: Each | dict[str, Shape], where: str) -> Iterator[str]:
    if not isinstance(value, dict):
        return iter((f"{where} must be an object",))
    named = dict.fromkeys(value, shape.of) if isinstance(shape, Each) else shape
    lacking = [k for k, of in named.items() if k not in value and not isinstance(of, Maybe)]
    if lacking:
        return iter((f"{where} lacks {', '.join(lacking)}",))
    return chain.from_iterable(
        _faults(value.get(name), of, f"{where}.{name}"[-60:]) for name, of in named.items()
    )


def _is(value: object, kind: Any) -> bool:
    if kind is float:  # which JSON writes without a point where it can
        return isinstance(value, int | float) and not isinstance(value, bool) and _is_usual(value)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool) and _is_usual(value)
    return isinstance(value, kind)


def _is_usual(value: float) -> bool:
    """Say whether a number is one that a count, a time or a score may be."""
    return abs(value) < 2**63 if isinstance(value, int) else math.isfinite(value)


def _word(kind: Any) -> str:
    words = {str: "a text", float: "a number", int: "a whole number", bool: "true or false"}
    return words.get(kind, {dict: "an object", list: "a list"}.get(kind, "a text or a number"))


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
