"""What the commands share that train candidates outside a search."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ecg_nas.cli._display import counted
from ecg_nas.cli._output import remark

if TYPE_CHECKING:
    from ecg_nas.evaluation.base import Evaluation, Evaluator
    from ecg_nas.runs.config import RunConfig


@dataclass(kw_only=True)
class Trainings:
    """Trainings under way: their settings, data and evaluator, and what came of them."""

    config: RunConfig
    data: Path
    evaluator: Evaluator
    at_once: int
    total: int
    seconds: list[float] = field(default_factory=list)

    @property
    def scored(self) -> tuple[str, ...]:
        """The classes that scores are made of."""
        from data_prep.store.dataset import open_store

        return open_store(self.data, "train").signal_spec.task.scored

    @property
    def mean_seconds(self) -> float:
        """Seconds of one training."""
        return sum(self.seconds) / len(self.seconds)

    def start(self, missing: int) -> None:
        """Say how many trainings are there already, and count the missing ones only."""
        if missing < self.total:
            remark(f"{self.total - missing} of {self.total} are trained already")
        self.total = missing

    def take(self, evaluation: Evaluation) -> None:
        """Say how one training came out."""
        self.seconds.append(evaluation.seconds)
        score = "failed" if evaluation.score is None else f"{evaluation.score:.4f}"
        click.echo(
            f"{len(self.seconds)}/{self.total}  {score}  {evaluation.seconds:.0f} s", err=True
        )


@contextmanager
def trainings(
    file: Path | None,
    flags: Mapping[str, Any],
    workers: int | None,
    total: int,
    begun: Mapping[str, Any] | None = None,
) -> Iterator[Trainings]:
    """Prepare the data and yield what trains on them; it is closed at the end.

    Args:
        file: TOML file with settings.
        flags: Settings that win over it; see ``resolve``.
        workers: Candidates at once; ``None`` for what suits the machine.
        total: How many trainings there will be.
        begun: Settings that earlier ones of them were made with, as JSON; they tell what ``auto``
            stands for.
    """
    from ecg_nas.runs.config import resolve

    config = resolve(file=file, flags=flags)
    from ecg_nas.runs import evaluator_factory
    from ecg_nas.runs.data import store_folder

    config = evaluator_factory.settled(config, begun=begun)
    at_once = evaluator_factory.n_workers(
        workers, config.device
    )  # refused before data are prepared
    with counted("preparing") as on_event:
        data = store_folder(config.data, on_event)
    with closing(evaluator_factory.evaluator(config, data, at_once)) as evaluator:
        yield Trainings(config=config, data=data, evaluator=evaluator, at_once=at_once, total=total)
