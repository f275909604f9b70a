"""Plug-ins that bring settings, and named variants of them: an ablation is ``NAME:VARIANT``."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from typing_extensions import TypeVar

from data_prep.registry import Registry

_Settings = TypeVar("_Settings")


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """What a plug-in with settings declares; each kind adds what starts it.

    Attributes:
        config: The settings, a frozen dataclass with a default for each.
        variants: Settings that differ in each variant, by its name; those of a part in a mapping
            of their own.
        changes: Those that differ in this one; empty unless it is a variant.
    """

    config: Any
    variants: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    changes: Mapping[str, Any] = field(default_factory=dict)

    def settings(self) -> dict[str, Any]:
        """Return the settings as JSON-able values."""
        return dataclasses.asdict(self.config)

    def variant(self, name: str) -> Self:
        """Return the variant called ``name``, which must be one of ``variants``."""
        changes = self.variants[name]
        return dataclasses.replace(self, config=changed(self.config, changes), changes=changes)


def changed(settings: _Settings, changes: Mapping[str, Any]) -> _Settings:
    """Return ``settings``, a dataclass, with ``changes``, in which a mapping changes a part."""
    values = {
        name: changed(getattr(settings, name), value) if isinstance(value, Mapping) else value
        for name, value in changes.items()
    }
    return dataclasses.replace(settings, **values)  # type: ignore[type-var]


def load(registry: Registry, name: str) -> Any:
    """Return the plug-in ``NAME``, or its variant ``NAME:VARIANT``.

    Raises:
        Exception: The registry's error, if there is none of that name, or it is not written as it
            must be.
    """
    file, colon, variant = name.partition(":")
    found: Configured = registry.load(file)
    if colon and variant not in found.variants:
        variants = ", ".join(f"{file}:{one}" for one in found.variants) or "none"
        raise registry.error(f"the variants of {registry.what} {file} are {variants}; got {name!r}")
    return found.variant(variant) if colon else found


def available(registry: Registry) -> list[str]:
    """Return the names of the plug-ins and, behind each, of its variants; imports all of them."""
    return [
        name
        for file in registry.available()
        for name in (file, *(f"{file}:{variant}" for variant in registry.load(file).variants))
    ]
