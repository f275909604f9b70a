"""From the names of an architecture's representation to how a beat is cut."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from data_prep.beats.beat_spec import SCALES, BeatSpec
from data_prep.beats.rhythm import FEATURES
from data_prep.dsp.signal_spec import BASELINES, SignalSpec
from search_spaces import Architecture, ArchitectureError

_NARROW = {"before_s": 0.28, "after_s": 0.44}  # P wave to the end of T at usual rates

OPTIONS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "rr": {name: {"rhythm": name} for name in FEATURES},
    "reference_beat": {"off": {"reference_beat": False}, "on": {"reference_beat": True}},
    "window": {
        "narrow": _NARROW,
        "wide": {"before_s": 1.0, "after_s": 1.0},
        "neighbours": {**_NARROW, "neighbours": 1},
    },
    "scale": {name: {"scale": name} for name in SCALES},
    "baseline": {name: {"baseline": name} for name in BASELINES},
    "causal": {"off": {"causal": False}, "on": {"causal": True}},
}
"""The fields of ``BeatSpec`` that each option of each gene stands for.

More than a space offers: a space holds the genes and options that are worth a search.
"""


def beat_spec(
    signal: SignalSpec, architecture: Architecture, fixed: Mapping[str, str] = MappingProxyType({})
) -> BeatSpec:
    """Return how beats are cut from ``signal`` for the network of an architecture.

    A gene that is not named keeps the default of ``BeatSpec``.

    Args:
        signal: What the signal store holds.
        architecture: Its ``representation`` names an option of each gene.
        fixed: Options that win over those of the architecture, or join them.

    Raises:
        ArchitectureError: If a gene or its option is unknown.
    """
    fields: dict[str, Any] = {}
    for gene, option in (dict(architecture.representation) | dict(fixed)).items():
        options = OPTIONS.get(gene)
        if options is None:
            raise ArchitectureError(
                f"a representation gene must be one of {', '.join(OPTIONS)}; got {gene!r}"
            )
        if option not in options:
            raise ArchitectureError(
                f"representation {gene!r} must be one of {', '.join(options)}; got {option!r}"
            )
        fields |= options[option]
    return BeatSpec(signal=signal, **fields)
