"""``ecg-nas bench``: what can be expected of this machine and of these data."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ecg_nas.cli import _bench_lines as _lines
from ecg_nas.cli._output import check_target, json_option, say, write_json
from ecg_nas.cli._settings import search_options
from ecg_nas.cli._trainings import trainings

if TYPE_CHECKING:
    from ecg_nas.runs.config import RunConfig

HEADING = "research"

# Networks of `bench train`: what a search for a small one meets.
_LEAST_PARAMS, _MOST_PARAMS = 2_000, 60_000


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
    from ecg_nas.measurements.score_reliability import measure
    from ecg_nas.runs import evaluator_factory
    from search_spaces import load

    with trainings(file, flags, workers, architectures * n_seeds) as bench:
        space = load(bench.config.space)
        result = measure(
            bench.evaluator,
            space,
            n_architectures=architectures,
            n_seeds=n_seeds,
            seed=bench.config.seed,
            allowed=evaluator_factory.limits(bench.config, space, bench.data),
            on_evaluation=bench.take,
        )
    result["seconds_per_training"] = bench.mean_seconds
    say("\n".join(_lines.reliability(result)), json_to)
    write_json(json_to, result)


@command.command()
@search_options
@click.option("--seeds", "n_seeds", default=3, show_default=True, help="Trainings of each.")
@json_option
def representation(
    n_seeds: int, workers: int | None, file: Path | None, json_to: str | None, **flags: Any
) -> None:
    """Train one fixed small network on every single change of a beat's representation.

    What does each choice bring on these recordings: the rhythm features, the reference beat, the
    window, the scale, the baseline, and seeing only the past? Training patients only.

    \b
    Example:
      ecg-nas bench representation --data synthetic --preset quick --seeds 3
    """
    from ecg_nas.measurements.representation_effects import measure, variants

    with trainings(file, flags, workers, (1 + len(variants())) * n_seeds) as bench:
        result = measure(
            bench.evaluator,
            n_seeds=n_seeds,
            seed=bench.config.seed,
            on_evaluation=bench.take,
        )
    result["seconds_per_training"] = bench.mean_seconds
    say("\n".join(_lines.effect(result, "gene", "option", bench.scored)), json_to)
    write_json(json_to, result)


@command.command()
@search_options
@click.option("--seeds", "n_seeds", default=3, show_default=True, help="Trainings of each.")
@click.option(
    "--part", "parts_asked", multiple=True, metavar="SETTING", help="Change these settings only."
)
@json_option
def recipe(
    n_seeds: int,
    parts_asked: tuple[str, ...],
    workers: int | None,
    file: Path | None,
    json_to: str | None,
    **flags: Any,
) -> None:
    """Train one fixed small network on every single change of the recipe.

    What does each part bring on these recordings: every augmentation, smoothing, decay, class
    weights, averaged weights, warm-up and the learning rate? Training patients only.

    \b
    Example:
      ecg-nas bench recipe --data synthetic --preset quick --seeds 3
    """
    from dataclasses import replace

    from ecg_nas.measurements.recipe_effects import measure, variants
    from ecg_nas.runs import evaluator_factory

    with trainings(file, flags, workers, 0) as bench:
        config = bench.config
        only = frozenset(parts_asked)
        bench.total = (1 + len(variants(config.training, only))) * n_seeds
        result = measure(
            lambda training: evaluator_factory.evaluator(
                replace(config, training=training), bench.data, bench.at_once
            ),
            config.training,
            n_seeds=n_seeds,
            seed=config.seed,
            only=only,
            on_evaluation=bench.take,
        )
    result["seconds_per_training"] = bench.mean_seconds
    say("\n".join(_lines.effect(result, "setting", "value", bench.scored)), json_to)
    write_json(json_to, result)


@command.command()
@search_options
@click.option("--architectures", default=8, show_default=True, help="Random ones to train.")
@json_option
def train(
    architectures: int, workers: int | None, file: Path | None, json_to: str | None, **flags: Any
) -> None:
    """Time full trainings beside the plainest loop, in the same process.

    The networks have 2 to 60 thousand parameters. The plain loop builds them of ordinary 1-D
    layers in float32 and trains one at a time on all cores. Same recipe, order and noise: the
    scores must agree within their spread over seeds. Training patients only.

    \b
    Example:
      ecg-nas bench train --data synthetic --preset quick --architectures 2
    """
    from dataclasses import replace

    from ecg_nas.measurements.random_networks import random_design
    from ecg_nas.measurements.training_speed import measure, plain_trainer
    from ecg_nas.memory import peak_mib
    from ecg_nas.runs import evaluator_factory
    from search_spaces import load

    with trainings(file, flags, workers, 3 * architectures) as bench:
        _require_early(bench.config, ("off",), "bench train times whole trainings")
        space = load(bench.config.space)
        most = min(bench.config.max_params or _MOST_PARAMS, _MOST_PARAMS)
        allowed = evaluator_factory.limits(
            replace(bench.config, max_params=most), space, bench.data, min_params=_LEAST_PARAMS
        )
        result = measure(
            bench.evaluator,
            evaluator_factory.training_evaluator(bench.config, bench.data, trainer=plain_trainer()),
            random_design(
                space, architectures, at_least=1, seed=bench.config.seed, allowed=allowed
            ),
            at_once=bench.at_once,
            on_evaluation=bench.take,
        )
    result["path"] = evaluator_factory.path_taken(bench.config)
    device_mib = evaluator_factory.device_peak_mib(bench.config.device)
    # Of workers, too, now that they have ended.
    result["peak_mib"] = peak_mib(workers=True) if device_mib is None else device_mib
    say("\n".join(_lines.train(result)), json_to)
    write_json(json_to, result)


@command.command()
@search_options
@click.option("--architectures", default=100, show_default=True, help="Random ones to train.")
@click.option(
    "--out",
    required=True,
    callback=check_target,
    metavar="FILE.json",
    help="The table; what it holds is not trained again.",
)
def table(
    architectures: int, workers: int | None, file: Path | None, out: str, **flags: Any
) -> None:
    """Train random architectures once each, into a table for `ecg-nas benchmark`.

    FILE.json is written anew after every training: the same command goes on after an
    interruption, and a larger number adds to what is there. Training patients only.

    \b
    Example:
      ecg-nas bench table --data synthetic --architectures 50 --out table.json
    """
    from ecg_nas.measurements import table_training
    from ecg_nas.runs import evaluator_factory, provenance
    from ecg_nas.tables.trained_table import TrainedTable
    from search_spaces import load

    target = Path(out)
    begun = table_training.read_begun(target)
    settings = None if begun is None else begun.settings
    with trainings(file, flags, workers, architectures, settings) as bench:
        space = load(bench.config.space)
        made = table_training.fill(
            target,
            bench.evaluator,
            space,
            TrainedTable(
                settings=provenance.of_trainings(bench.config),
                data=provenance.of_data(bench.data),
                versions=(provenance.of_versions(),),
            ),
            n_architectures=architectures,
            seed=bench.config.seed,
            allowed=evaluator_factory.limits(bench.config, space, bench.data),
            on_start=bench.start,
            on_evaluation=bench.take,
        )
    say("\n".join(_lines.table(target, made)))


@command.command()
@search_options
@click.option(
    "--table",
    "file_of_table",
    required=True,
    type=click.Path(path_type=Path),
    help="What `bench table` wrote, watched, with these settings.",
)
@click.option("--again", is_flag=True, help="Train all in full once more, with other seeds.")
@json_option
def cheaper(
    file_of_table: Path,
    again: bool,
    workers: int | None,
    file: Path | None,
    json_to: str | None,
    **flags: Any,
) -> None:
    """Tell how well cheaper scores order candidates as full trainings do.

    Early termination is judged on the curves of the table's trainings (made with early.mode =
    "watch"); weight inheritance by training the table's architectures anew, as a search with it
    would. With --again, also how well full trainings agree with each other: no cheaper score can
    be expected to do better. Training patients only.

    \b
    Example:
      ecg-nas bench cheaper --data synthetic --table table.json
    """
    import tempfile
    from dataclasses import replace

    from ecg_nas.measurements import cheaper_scores as measured
    from ecg_nas.measurements.table_training import refuse_other
    from ecg_nas.runs import evaluator_factory, provenance
    from ecg_nas.tables.trained_table import TrainedTable
    from search_spaces import load

    table = TrainedTable.read(file_of_table)
    with trainings(file, flags, workers, len(table.rows) * (1 + again), table.settings) as bench:
        config, data = bench.config, bench.data
        _require_early(config, ("off", "watch"), "bench cheaper trains in full")
        # How the table's trainings were looked at is of no account.
        asked = provenance.of_trainings(config) | {"early": table.settings.get("early")}
        refuse_other(file_of_table, table, asked, provenance.of_data(data))
        result: dict[str, Any] = {"early": measured.of_curves(table, config.early)}
        inheriting = replace(config.inherit, enabled=True)
        with tempfile.TemporaryDirectory() as folder:
            cheap = replace(config, inherit=inheriting, early=replace(config.early, mode="off"))
            with closing(
                evaluator_factory.evaluator(cheap, data, bench.at_once, weights=Path(folder))
            ) as evaluator:
                result["heirs"] = measured.of_heirs(
                    table,
                    evaluator,
                    load(config.space),
                    seed=config.seed,
                    on_evaluation=bench.take,
                )
        result["heirs"]["share"] = inheriting.share
        result["again"] = (
            measured.of_other_seeds(
                table, bench.evaluator, seed=config.seed, on_evaluation=bench.take
            )
            if again
            else None
        )
    say("\n".join(_lines.cheaper(result)), json_to)
    write_json(json_to, result)


@command.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--hours",
    type=click.FloatRange(min=0.2, max=240),
    default=24.0,
    show_default=True,
    help="Length of the simulated recording.",
)
@json_option
def classify(bundle: Path, hours: float, json_to: str | None) -> None:
    """Time a bundle on a simulated recording, on one beat and on batches.

    Two leads at 250 Hz are read, their beats found and classified; then the same with the beats
    given. Beside it, onnxruntime alone on the same inputs.

    \b
    Example:
      ecg-nas bench classify runs/first/bundle --hours 1
    """
    from ecg_nas.bundle.manifest import load
    from ecg_nas.measurements.classification_speed import measure

    result = measure(load(bundle), hours=hours)
    say("\n".join(_lines.speed(result)), json_to)
    write_json(json_to, result)


def _require_early(config: RunConfig, modes: Sequence[str], why: str) -> None:
    from ecg_nas.errors import ConfigError

    if config.early.mode not in modes:
        raise ConfigError(
            f"{why}: early.mode must be {' or '.join(modes)}; got {config.early.mode}"
        )
