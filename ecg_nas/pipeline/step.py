"""A job as a list of steps that can be resumed: what a step did is on disk, and it says so."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from data_prep.events import Event, OnEvent

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a job.

    Attributes:
        name: What to call it in logs.
        done: Says whether what it makes is on disk, whole and of this job. Called when the steps
            before it are done.
        run: Does it, from wherever it was left; called with what takes its events.
        text: What it does, for people; empty if its own events say so.
    """

    name: str
    done: Callable[[], bool]
    run: Callable[[OnEvent], None]
    text: str = ""


def never() -> bool:
    """Say that a step is never done: it is short, and looks at what may have changed."""
    return False


def run_steps(steps: Iterable[Step], on_event: OnEvent, *, total: int) -> None:
    """Run those of the ``steps`` that are not done.

    Args:
        steps: In order. Each is taken when those before it are done.
        on_event: Called with ``{"event": "stage", "text"}`` before each step that runs and has a
            text, then with the events of the step. All have ``step`` (from 1; those that are done
            count too) and ``steps`` besides.
        total: How many steps there are.
    """
    for number, step in enumerate(steps, 1):
        if step.done():
            _log.info("step %d of %d, %s: done before", number, total, step.name)
            continue
        _log.info("step %d of %d, %s", number, total, step.name)
        numbered = _numbered(on_event, number, total)
        if step.text:
            numbered({"event": "stage", "text": step.text})
        step.run(numbered)


def _numbered(on_event: OnEvent, number: int, total: int) -> OnEvent:
    def numbered(event: Event) -> None:
        on_event({**event, "step": number, "steps": total})

    return numbered
