"""From the names of an architecture's representation to how a beat is cut."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from data_prep.beats import BeatSpec, SignalSpec
from search_spaces import ArchitectureError

_NARROW = {"before_s": 0.28, "after_s": 0.44}  # P wave to the end of T at usual rates
_OPTIONS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "rr": {name: {"rhythm": name} for name in ("absolute", "local", "patient", "patient+local")},
    "reference_beat": {"off": {"reference_beat": False}, "on": {"reference_beat": True}},
    "window": {
        "narrow": _NARROW,
        "wide": {"before_s": 1.0, "after_s": 1.0},
        "neighbours": {**_NARROW, "neighbours": 1},
    },
    "scale": {name: {"scale": name} for name in ("record", "window")},
}


def beat_spec(signal: SignalSpec, representation: Mapping[str, str]) -> BeatSpec:
    """Return how beats are cut from ``signal`` for a network of this ``representation``.

    A gene that is not named keeps the default of ``BeatSpec``.

    Args:
        signal: What the signal store holds.
        representation: Option of each gene, by name; see ``Architecture.representation``.

    Raises:
        ArchitectureError: If a gene or its option is unknown.
    """
    fields: dict[str, Any] = {}
    for gene, option in representation.items():
        options = _OPTIONS.get(gene)
        if options is None:
            raise ArchitectureError(
                f"a representation gene must be one of {', '.join(_OPTIONS)}; got {gene!r}"
            )
        if option not in options:
            raise ArchitectureError(
                f"representation {gene!r} must be one of {', '.join(options)}; got {option!r}"
            )
        fields |= options[option]
    return BeatSpec(signal=signal, **fields)
