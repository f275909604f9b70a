"""How what takes long tells of its progress; the library never prints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Event = Mapping[str, Any]
OnEvent = Callable[[Event], None]
"""Called with ``event`` (its kind) and what belongs to it, such as ``name`` and ``done``."""


def ignore(event: Event) -> None:
    """Take an event and do nothing: where nobody listens."""
    del event
