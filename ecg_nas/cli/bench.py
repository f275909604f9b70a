"""``ecg-nas bench``: what can be expected of this machine and of these data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ecg_nas.cli._settings import search_options
from ecg_nas.cli._trainings import trainings
from ecg_nas.cli.output import check_target, json_option, say, write_json

if TYPE_CHECKING:
    from ecg_nas.evaluation.trained_table import TrainedTable

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
    from ecg_nas.benchmark.reliability import measure
    from ecg_nas.runs import parts
    from search_spaces import load

    with trainings(file, flags, workers, architectures * n_seeds) as bench:
        space = load(bench.config.space)
        result = measure(
            bench.evaluator,
            space,
            n_architectures=architectures,
            n_seeds=n_seeds,
            seed=bench.config.seed,
            allowed=parts.limits(bench.config, space, bench.data),
            on_evaluation=bench.take,
        )
    result["seconds_per_training"] = bench.mean_seconds
    say("\n".join(_reliability_lines(result)), json_to)
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
    from ecg_nas.benchmark.representation import measure, variants

    with trainings(file, flags, workers, (1 + len(variants())) * n_seeds) as bench:
        result = measure(
            bench.evaluator,
            n_seeds=n_seeds,
            seed=bench.config.seed,
            on_evaluation=bench.take,
        )
    result["seconds_per_training"] = bench.mean_seconds
    say("\n".join(_effect_lines(result, "gene", "option")), json_to)
    write_json(json_to, result)


@command.command()
@search_options
@click.option("--seeds", "n_seeds", default=3, show_default=True, help="Trainings of each.")
@json_option
def recipe(
    n_seeds: int, workers: int | None, file: Path | None, json_to: str | None, **flags: Any
) -> None:
    """Train one fixed small network on every single change of the recipe.

    What does each part bring on these recordings: every augmentation, smoothing, decay, class
    weights, averaged weights, warm-up and the learning rate? Training patients only.

    \b
    Example:
      ecg-nas bench recipe --data synthetic --preset quick --seeds 3
    """
    from dataclasses import replace

    from ecg_nas.benchmark.recipe import measure, variants
    from ecg_nas.runs import parts

    with trainings(file, flags, workers, 0) as bench:
        config = bench.config
        bench.total = (1 + len(variants(config.training))) * n_seeds
        at_once = parts.n_workers(workers, config.device)
        result = measure(
            lambda training: parts.evaluator(
                replace(config, training=training), bench.data, at_once
            ),
            config.training,
            n_seeds=n_seeds,
            seed=config.seed,
            on_evaluation=bench.take,
        )
    result["seconds_per_training"] = bench.mean_seconds
    say("\n".join(_effect_lines(result, "setting", "value")), json_to)
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

    from ecg_nas.benchmark.design import random_design
    from ecg_nas.benchmark.training import measure, peak_mib, plain_trainer
    from ecg_nas.errors import ConfigError
    from ecg_nas.runs import parts
    from search_spaces import load

    with trainings(file, flags, workers, 3 * architectures) as bench:
        if (mode := bench.config.early.mode) != "off":
            raise ConfigError(f"bench train times whole trainings; got early.mode {mode}")
        space = load(bench.config.space)
        most = min(bench.config.max_params or _MOST_PARAMS, _MOST_PARAMS)
        allowed = parts.limits(
            replace(bench.config, max_params=most), space, bench.data, min_params=_LEAST_PARAMS
        )
        result = measure(
            bench.evaluator,
            parts.training_evaluator(bench.config, bench.data, trainer=plain_trainer()),
            random_design(
                space, architectures, at_least=1, seed=bench.config.seed, allowed=allowed
            ),
            at_once=parts.n_workers(workers, bench.config.device),
            on_evaluation=bench.take,
        )
    result["path"] = parts.path_taken(bench.config)
    result["peak_mib"] = peak_mib(bench.config.device)  # of workers, too, now that they have ended
    say("\n".join(_train_lines(result)), json_to)
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
    """Train random architectures once each, into a table for `ecg-nas benchmark ecg1d`.

    FILE.json is written anew after every training: the same command goes on after an
    interruption, and a larger number adds to what is there. Training patients only.

    \b
    Example:
      ecg-nas bench table --data synthetic --architectures 50 --out table.json
    """
    from ecg_nas.benchmark import trained
    from ecg_nas.evaluation.trained_table import TrainedTable
    from ecg_nas.runs import facts, parts
    from search_spaces import load

    target = Path(out)
    begun = trained.read_begun(target)
    settings = None if begun is None else begun.settings
    with trainings(file, flags, workers, architectures, settings) as bench:
        space = load(bench.config.space)
        made = trained.fill(
            target,
            bench.evaluator,
            space,
            TrainedTable(
                settings=facts.of_trainings(bench.config),
                data=facts.of_data(bench.data),
                versions=(facts.of_versions(),),
            ),
            n_architectures=architectures,
            seed=bench.config.seed,
            allowed=parts.limits(bench.config, space, bench.data),
            on_start=bench.start,
            on_evaluation=bench.take,
        )
    say("\n".join(_table_lines(target, made)))


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
    from ecg_nas.deploy.bundle import load
    from ecg_nas.deploy.speed import measure

    result = measure(load(bundle), hours=hours)
    say("\n".join(_speed_lines(result)), json_to)
    write_json(json_to, result)


def _reliability_lines(result: Mapping[str, Any]) -> Iterator[str]:
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


def _table_lines(file: Path, table: TrainedTable) -> Iterator[str]:
    scores = [row.score for row in table.rows if row.score is not None]
    yield (
        f"{file}: {len(scores)} architectures trained once each, "
        f"{len(table.rows) - len(scores)} trainings failed"
    )
    if scores:
        yield f"fold scores from {min(scores):.4f} to {max(scores):.4f}"
    yield (
        "they are partly luck: ecg-nas bench reliability tells how far, ecg-nas benchmark "
        f"{table.settings['space']} --table {file} compares methods on them"
    )


def _effect_lines(result: Mapping[str, Any], changed: str, to: str) -> Iterator[str]:
    base = result["base"]
    n_seeds = len(base["scores"])
    yield f"fold score of one fixed network, mean of {n_seeds} trainings, and F1 a class"
    for row in (base, *result["variants"]):
        name = f"{row[changed]} = {row[to]}" if row[changed] else "base"
        if row["mean"] is None:
            yield f"{name:<28}every training failed"
            continue
        effect = row.get("effect")
        change = "" if effect is None else f"{effect:+.4f}"
        spread = "" if row["sd"] is None else f"± {row['sd']:.4f}"
        f1 = "  ".join(f"{c} {row['f1'][c]:.3f}" for c in ("N", "S", "V"))
        yield f"{name:<28}{row['mean']:.4f} {spread:<9} {change:<9} {f1}"
    yield f"seconds a full training: {result['seconds_per_training']:.0f}"


def _train_lines(result: Mapping[str, Any]) -> Iterator[str]:
    yield f"path: {result['path']}"
    yield (
        f"{result['engine_beats_per_s']:,.0f} beats/s, {result['at_once']} candidates at once; "
        f"plain loop {result['reference_beats_per_s']:,.0f}: ratio {result['ratio']:.2f}"
    )
    yield (
        f"the first architecture alone: {result['dataloader_beats_per_s']:,.0f} beats/s with a "
        f"DataLoader, plain loop {result['dataloader_reference_beats_per_s']:,.0f}"
    )
    yield (
        f"{result['candidates_per_hour']:,.0f} candidates an hour, "
        f"{result['fold_trainings_per_hour']:,.0f} trainings; "
        f"{result['peak_mib']:,.0f} MiB at most"
    )
    yield (
        f"fold scores differ from the plain loop's by {result['difference']:.4f}, from those of "
        f"another seed by {result['spread']:.4f} (mean of {len(result['scores'])} architectures)"
    )


def _speed_lines(result: Mapping[str, Any]) -> Iterator[str]:
    peak = "" if result["peak_mib"] is None else f", {result['peak_mib']:.0f} MiB at most"
    yield (
        f"{result['duration_s'] / 3600:.1f} h, {result['beats']:,} beats: read, found and "
        f"classified in {result['seconds']:.1f} s ({result['times_real_time']:,.0f} times real "
        f"time){peak}"
    )
    yield f"with the beats given: {result['seconds_beats_given']:.1f} s"
    for form, found in (("float32", result), ("INT8", result["int8"])):
        if found is None:
            yield f"{form}: the bundle has no such model"
            continue
        one, many = found["latency_ms"], found["beats_per_s"]
        yield (
            f"{form}: {one['ours']:.3f} ms for one beat; onnxruntime alone {one['onnxruntime']:.3f}"
        )
        yield (
            f"{form}: {many['ours']:,.0f} beats/s in batches of 256; onnxruntime alone "
            f"{many['onnxruntime']:,.0f}; overhead {100 * found['overhead']:.1f} %"
        )
    if result["load"] is not None:
        yield f"load of the machine: {result['load']:.1f}"
