"""Tell in what two sets of settings, as JSON describes them, differ."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from typing import Any


def differing(
    old: Mapping[str, Any], new: Mapping[str, Any], *, free: Container[str] = ()
) -> list[str]:
    """Name the settings in which ``old`` and ``new`` differ, but for the ``free`` ones.

    Args:
        old: Settings, with those of a part below the part's name.
        new: Others.
        free: Names that may differ, such as ``predictor.epochs``.
    """
    a, b = dict(_flat(old)), dict(_flat(new))
    return [
        f"{name} ({a.get(name, 'not set')}, now {b.get(name, 'not set')})"
        for name in sorted(a.keys() | b.keys())
        if name not in free and a.get(name) != b.get(name)
    ]


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list | tuple) and any(isinstance(one, Mapping) for one in value):
            yield from _flat({str(n): one for n, one in enumerate(value)}, f"{prefix}{name}.")
        else:
            # A tuple and the list that JSON makes of it are the same setting.
            yield prefix + name, list(value) if isinstance(value, tuple) else value
