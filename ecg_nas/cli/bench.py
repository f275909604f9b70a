"""``ecg-nas bench``: what can be expected of this machine and of these data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from ecg_nas.cli._settings import search_options
from ecg_nas.cli.output import json_option, say, write_json
from ecg_nas.cli.progress import counted


@click.group()
def command() -> None:
    """Measure what a search can expect here.

    \b
    Example:
      ecg-nas bench reliability --data synthetic --preset quick
    """


@command.command()
@search_options
@click.option("--architectures", default=12, show_default=True, help="Random ones to train.")
@click.option("--seeds", "n_seeds", default=2, show_default=True, help="Trainings of each.")
@json_option
def reliability(
    architectures: int,
    n_seeds: int,
    workers: int | None,
    file: Path | None,
    json_to: str | None,
    **flags: Any,
) -> None:
    """Train random architectures several times: how much of a score is luck?

    Reliability is the variance between architectures over the whole variance of one score. Far
    below 0.5, a search mostly picks lucky trainings: give it more epochs, folds or patients.
    Training patients only.

    \b
    Example:
      ecg-nas bench reliability --data synthetic --preset quick --architectures 12 --seeds 2
    """
    from ecg_nas.runs.config import resolve

    config = resolve(file=file, flags=flags)
    from ecg_nas.benchmark.reliability import measure
    from ecg_nas.runs import parts
    from ecg_nas.runs.data import store_folder
    from search_spaces import load

    config = parts.with_device(config)
    n_workers = parts.n_workers(workers, config.device)  # refused before data are prepared
    with counted("preparing") as on_event:
        data = store_folder(config, on_event)
    space = load(config.space)
    done, seconds = 0, []

    def on_evaluation(evaluation: Any) -> None:
        nonlocal done
        done += 1
        seconds.append(evaluation.seconds)
        score = "failed" if evaluation.score is None else f"{evaluation.score:.4f}"
        click.echo(
            f"{done}/{architectures * n_seeds}  {score}  {evaluation.seconds:.0f} s", err=True
        )

    evaluator = parts.evaluator(config, data, n_workers)
    try:
        result = measure(
            evaluator,
            space,
            n_architectures=architectures,
            n_seeds=n_seeds,
            seed=config.seed,
            allowed=parts.limits(config, space, data),
            on_evaluation=on_evaluation,
        )
    finally:
        evaluator.close()
    result["seconds_per_training"] = sum(seconds) / len(seconds)
    say("\n".join(_lines(result)), json_to)
    write_json(json_to, result)


def _lines(result: Mapping[str, Any]) -> Iterator[str]:
    scores = [row for row in result["scores"].values() if None not in row]
    yield f"{len(scores)} architectures, {len(scores[0]) if scores else 0} trainings of each"
    if result["reliability"] is None:
        yield "reliability: undefined"
        return
    low, high = result["interval"]
    yield (
        f"reliability of one score: {result['reliability']:.2f} (95 % {low:.2f} to {high:.2f}, "
        "bootstrap over architectures)"
    )
    yield (
        f"standard deviation between architectures {result['sd_between']:.4f}, between trainings "
        f"of one {result['sd_within']:.4f}"
    )
    yield f"seconds a full training: {result['seconds_per_training']:.0f}"
