"""What a running search looks like: a live display on a terminal, plain lines elsewhere.

Both go to standard error; standard output stays for the result.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from data_prep.events import Event, OnEvent
from ecg_nas.cli._output import printable, remark

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass(kw_only=True)
class Progress:
    """The state of a search as its events tell it.

    Attributes:
        budget: Evaluations that the search may make; ``None`` as long as nobody said.
        clock: Returns seconds; replaced in tests.
        done: Evaluations made, those of earlier processes included.
        failed: How many of them have no score.
        best: Highest score so far.
        rank_correlation: Kendall's tau of the predictor over what it proposed, all promising, so
            below the tau over the whole space; ``None`` before it has predicted.
        stage: What is being done, for people.
    """

    budget: int | None = None
    clock: Callable[[], float] = time.monotonic
    done: int = 0
    failed: int = 0
    best: float | None = None
    best_key: str = ""
    rank_correlation: float | None = None
    stage: str = "starting"
    _here: int = field(default=0, init=False)
    _started: float | None = field(default=None, init=False)

    def take(self, event: Event) -> str | None:
        """Take in ``event``; return a plain line about it, or ``None`` if it deserves none."""
        match event.get("event"):
            case "stage":
                self.stage = str(event["text"])
                return self.stage
            case "resumed":
                self.done, self.best = int(event["evaluations"]), event.get("best")
                return f"resumed after {self.done} evaluations"
            case "search":
                self.budget = int(event["budget"])
                self.stage = "searching"
                return None
            case "asked":
                self.stage = "training candidates"
                self._start()
                return None
            case "evaluated":
                return self._evaluated(event)
            case "told":
                return self._told(event.get("diagnostics", {}))
            case "record" | "download" | "simulated" as kind:
                doing = {"record": "preparing", "download": "downloading"}.get(kind, "simulating")
                self.stage = f"{doing} {event['name']} ({event['done']}/{event['total']})"
            case "final":
                self.stage = f"training the winner, epoch {event['epoch']}/{event['epochs']}"
            case "confirmed":
                score = "failed" if event["score"] is None else f"score {event['score']:.4f}"
                self.stage = f"training the best again, {event['done']}/{event['total']}"
                return f"{event['done']}/{event['total']}  {event['key']}  again  {score}"
            case "fold":
                self.stage = f"training the winner's folds, {event['fold']}/{event['folds']}"
        return None

    def seconds_left(self) -> float | None:
        """Return how long the open evaluations take at the pace so far."""
        if self.budget is None or self._started is None or self._here == 0:
            return None
        pace = (self.clock() - self._started) / self._here
        return pace * max(self.budget - self.done, 0)

    def _start(self) -> None:
        if self._started is None:
            self._started = self.clock()

    def _evaluated(self, event: Event) -> str:
        self._start()
        self._here += 1
        self.done += 1
        score = event["score"]
        if score is None:
            self.failed += 1
            outcome = f"failed: {event['failure']}"
        else:
            outcome = f"score {score:.4f}"
            if self.best is None or score > self.best:
                self.best, self.best_key = score, str(event["key"])
        return (
            f"{_of(self.done, self.budget)}  {event['key']}  {event['origin']}  {outcome}  "
            f"best {_score(self.best)}  {event['seconds']:.0f} s  left {_time(self.seconds_left())}"
        )

    def _told(self, diagnostics: Mapping[str, Any]) -> str | None:
        self.stage = "choosing candidates"
        tau = diagnostics.get("kendall_tau")
        if tau is None:
            return None
        self.rank_correlation = float(tau)
        return f"predictor's rank correlation within its proposals {self.rank_correlation:+.2f}"


@contextmanager
def shown(budget: int | None = None) -> Iterator[OnEvent]:
    """Show the progress of what runs inside; yields the ``on_event`` to give it."""
    progress = Progress(budget=budget)
    live = sys.stderr.isatty()

    def on_event(event: Event) -> None:
        line = progress.take(event)
        if line is not None and not live:
            remark(line)

    if not live:
        yield on_event
        return

    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True)
    with Live(console=console, refresh_per_second=4, get_renderable=lambda: _panel(progress)):
        yield on_event


@contextmanager
def counted(what: str) -> Iterator[OnEvent]:
    """Show events that carry ``done``, ``total`` and ``name`` as a bar; stages as plain lines."""
    if not sys.stderr.isatty():
        yield _say_stage
        return

    from rich.console import Console
    from rich.markup import escape
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what)

        def on_event(event: Event) -> None:
            if event.get("event") == "stage":
                bar.console.print(printable(event["text"]), markup=False, highlight=False)
            elif "total" in event:
                text = escape(printable(f"{what} {event.get('name', '')}"))
                bar.update(task, completed=event["done"], total=event["total"], description=text)

        yield on_event


def _say_stage(event: Event) -> None:
    if event.get("event") == "stage":
        remark(event["text"])


def _panel(progress: Progress) -> RenderableType:
    from rich.progress_bar import ProgressBar
    from rich.table import Table

    figures = Table.grid(padding=(0, 2))
    figures.add_row(
        progress.stage, ProgressBar(total=progress.budget or 1, completed=progress.done, width=40)
    )
    failed = f", {progress.failed} failed" if progress.failed else ""
    figures.add_row("candidates", _of(progress.done, progress.budget) + failed)
    figures.add_row("best so far", f"{_score(progress.best)}  {progress.best_key}")
    tau = progress.rank_correlation
    figures.add_row("rank correlation", "–" if tau is None else f"{tau:+.2f}")
    figures.add_row("time left", _time(progress.seconds_left()))
    return figures


def _of(done: int, budget: int | None) -> str:
    return f"{done}" if budget is None else f"{done}/{budget}"


def _score(score: float | None) -> str:
    return "–" if score is None else f"{score:.4f}"


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
