"""``ecg-nas benchmark``: search methods compared on a table of trained networks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ecg_nas.cli._kept import Count, notes_on_code, study_options
from ecg_nas.cli._output import say, write_json
from ecg_nas.files import write_text

if TYPE_CHECKING:
    from ecg_nas.benchmark.harness import SecondObjective
    from ecg_nas.benchmark.opening import OpenTable
    from ecg_nas.benchmark.trace import Trace

HEADING = "research"


@click.command()
@click.option(
    "--method",
    "methods",
    multiple=True,
    metavar="NAME",
    help="A method to compare; may be given several times; a name that is none is answered with "
    "all. [dcl-enas, regularized-evolution and random]",
)
@click.option("--budget", default=100, show_default=True, help="Trainings (look-ups) a search.")
@click.option("--seeds", "n_seeds", default=10, show_default=True, help="Searches a method.")
@click.option(
    "--against", metavar="NAME", help="The method that the others are held against. [the first]"
)
@click.option(
    "--cost",
    metavar="NAME|latency:DEVICE",
    help="A second objective to keep low, such as params; the figure is then the hypervolume.",
)
@click.option("--latency", type=click.Path(path_type=Path), help="File of measured latencies.")
@study_options
def command(
    name: str,
    table: Path | None,
    metric: str | None,
    methods: tuple[str, ...],
    budget: int,
    n_seeds: int,
    workers: int,
    against: str | None,
    cost: str | None,
    latency: Path | None,
    out: Path | None,
    figure: str | None,
    json_to: str | None,
) -> None:
    """Compare search methods on a table of trained networks, of any search space.

    TABLE is a file that import-table or bench table wrote; NAME, with --table, what the comparison
    on it is called, such as nb201-cifar10. Where a table holds a part of its space, searches are
    confined to that, and there is no hit rate.

    Regret is the best score of the table less the best one that a search has seen. A method is
    better or worse than the first one if it is so in trainings to the optimum (log-rank) or in
    the area under the regret curve to 100 trainings (Mann-Whitney), p < 0.01 after Holm.

    With --cost, a search looks for the front of score against cost, and is judged by the
    hypervolume of what it has seen, as a share of that of the table's true front.

    With --out, a benchmark that was interrupted goes on, and a later one with more methods or
    seeds adds to it.

    \b
    Example:
      ecg-nas benchmark nb201-cifar10 --table nb201.parquet --budget 50 --seeds 10 --out results
    """
    from ecg_nas.benchmark.harness import (
        DEFAULT,
        DEFAULT_WITH_COST,
        SecondObjective,
        code_of,
        compare,
    )
    from ecg_nas.benchmark.opening import TableRequest
    from ecg_nas.benchmark.study import Execution

    methods = methods or (DEFAULT if cost is None else DEFAULT_WITH_COST)
    second = None if cost is None else SecondObjective(cost=cost, latency=latency)
    against = against or methods[0]
    if against not in methods:  # said before hours of searches
        raise click.BadParameter(
            f"must be one of the methods compared, {', '.join(methods)}; got {against!r}",
            param_hint="--against",
        )
    count = Count(out)

    def on_trace(trace: Trace) -> None:
        count.one_more(f"{trace.method}  seed {trace.seed}  {trace.seconds:.1f} s")

    opened, traces = compare(
        TableRequest(name=name, file=table, metric=metric),
        methods=methods,
        budget=budget,
        n_seeds=n_seeds,
        second=second,
        execution=Execution(workers=workers, out=out, on_start=count.start, on_run=on_trace),
    )
    if second is None:
        result, drawing = _one_objective(opened, traces, budget, against)
        lines = _lines(result)
    else:
        result, drawing = _two_objectives(opened, traces, budget, against, second)
        lines = _front_lines(result)
    space = opened.evaluator.space.name
    notes_on_code(
        {m: (figures["code"], code_of(space, m)) for m, figures in result["methods"].items()}, out
    )
    say("\n".join(lines), json_to)
    write_json(json_to, result)
    if figure is not None:
        write_text(Path(figure), drawing() + "\n")


def _one_objective(
    opened: OpenTable, traces: Sequence[Trace], budget: int, against: str
) -> tuple[dict[str, Any], Callable[[], str]]:
    from ecg_nas.benchmark.drawings import of_searches
    from ecg_nas.benchmark.significance import verdicts
    from ecg_nas.benchmark.summary import summarise

    evaluator, searched = opened.evaluator, opened.evaluator.searched
    table: dict[str, Any] = {
        "metric": evaluator.metric,
        "optimum": evaluator.optimum,
        "note": evaluator.note,
    }
    result = summarise(
        traces, name=opened.name, budget=budget, direction=searched.direction, **table
    )
    result["comparison"] = verdicts(
        traces,
        optimum=evaluator.optimum,
        budget=budget,
        against=against,
        to_optimum=evaluator.note is None,
    )
    return result, lambda: of_searches(traces, unit=searched.unit, **table)


def _two_objectives(
    opened: OpenTable,
    traces: Sequence[Trace],
    budget: int,
    against: str,
    second: SecondObjective,
) -> tuple[dict[str, Any], Callable[[], str]]:
    from ecg_nas.benchmark.drawings import of_fronts
    from ecg_nas.benchmark.fronts import Yardstick, summarise_fronts
    from ecg_nas.benchmark.harness import cell_costs

    evaluator = opened.evaluator
    yardstick = Yardstick.of(evaluator.cells()[1], cell_costs(evaluator, second))
    titles: dict[str, Any] = {
        "metric": evaluator.metric,
        "cost": second.cost,
        "note": evaluator.note,
    }
    result = summarise_fronts(
        traces, yardstick, name=opened.name, budget=budget, against=against, **titles
    )
    return result, lambda: of_fronts(traces, yardstick, **titles)


def _lines(result: Mapping[str, Any]) -> Iterator[str]:
    methods, comparison = result["methods"], result["comparison"]
    points = list(next(iter(methods.values()))["regret"])
    width = max(len("method"), *map(len, methods))
    yield (
        f"{result['metric']}; optimum {result['optimum']:.3f}; mean of {result['seeds']} seeds, "
        "the last regret with its 95 % interval"
    )
    heads = "".join(f"{'regret@' + point:>12}" for point in points)
    yield (
        f"{'method':<{width}}{heads}{'':>14}{'hit rate':>10}{'test acc':>10}{'s/run':>8}"
        f"  vs {comparison['against']}"
    )
    for name, figures in methods.items():
        regrets = "".join(f"{figures['regret'][point]['mean']:>12.3f}" for point in points)
        low, high = figures["regret"][points[-1]]["interval"] or (None, None)
        between = "" if low is None else f" {low:.3f}-{high:.3f}"
        hits, test = figures["hit_rate"], figures["test_accuracy"]["mean"]
        verdict = comparison["rivals"].get(name, {}).get("verdict", "")
        yield (
            f"{name:<{width}}{regrets}{between:<14}{_figure(hits, '.0%'):>10}"
            f"{_figure(test, '.2f'):>10}{figures['seconds_per_run']:>8.1f}  {verdict}"
        ).rstrip()
    yield from _note(result)


def _front_lines(result: Mapping[str, Any]) -> Iterator[str]:
    methods = result["methods"]
    points = list(next(iter(methods.values()))["hypervolume"])
    width = max(len("method"), *map(len, methods))
    yield (
        f"{result['metric']} against {result['cost']}; share of the hypervolume of the true front "
        f"({result['front']} cells), mean of {result['seeds']} seeds, the last with its 95 % "
        "interval"
    )
    heads = "".join(f"{'share@' + point:>11}" for point in points)
    yield f"{'method':<{width}}{heads}{'':>14}{'s/run':>8}  vs {result['against']}"
    for name, figures in methods.items():
        shares = "".join(f"{figures['hypervolume'][p]['mean']:>11.4f}" for p in points)
        low, high = figures["hypervolume"][points[-1]]["interval"] or (None, None)
        between = "" if low is None else f" {low:.3f}-{high:.3f}"
        verdict = figures.get("verdict", "")
        line = f"{name:<{width}}{shares}{between:<14}{figures['seconds_per_run']:>8.1f}  {verdict}"
        yield line.rstrip()
    yield from _note(result)


def _note(result: Mapping[str, Any]) -> Iterator[str]:
    if result["note"] is not None:
        yield f"Note: {result['note']}"


def _figure(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
