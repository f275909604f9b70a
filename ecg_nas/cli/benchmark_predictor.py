"""``ecg-nas benchmark-predictor``: predictors compared on a table of trained networks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ecg_nas.cli._kept import Count, notes_on_code, study_options
from ecg_nas.cli._output import say, write_json
from ecg_nas.files import write_text

if TYPE_CHECKING:
    from ecg_nas.benchmark.ranking import Ranking

HEADING = "research"


@click.command()
@click.option(
    "--labels",
    multiple=True,
    type=int,
    metavar="N",
    help="Scores that a predictor knows; may be given several times. "
    "[as published of others for the table's space; 16 and 32 where there are none]",
)
@click.option(
    "--predictor",
    "predictors",
    multiple=True,
    metavar="NAME",
    help="A predictor to compare; may be given several times. [all]",
)
@click.option("--seeds", "n_seeds", default=10, show_default=True, help="Draws of labels.")
@study_options
def command(
    name: str,
    table: Path | None,
    metric: str | None,
    labels: tuple[int, ...],
    predictors: tuple[str, ...],
    n_seeds: int,
    workers: int,
    out: Path | None,
    figure: str | None,
    json_to: str | None,
) -> None:
    """Compare how predictors rank all cells of a table from a few labels, of any search space.

    TABLE is a file that import-table or bench table wrote; NAME, with --table, what the comparison
    on it is called, such as nb201-cifar10. Kendall's tau-b between predictions and the score that
    a search would see; labels are drawn at random, the same for all predictors. --json also tells
    the tau-b over the cells whose score a predictor did not know.

    \b
    Example:
      ecg-nas benchmark-predictor nb201-cifar10 --table nb201.parquet --labels 100 --seeds 5
    """
    from ecg_nas.benchmark.drawings import of_rankings
    from ecg_nas.benchmark.opening import TableRequest
    from ecg_nas.benchmark.ranking import code_of, compare, summarise
    from ecg_nas.benchmark.study import Execution
    from ecg_nas.predictor import with_variants

    count = Count(out)

    def on_ranking(ranking: Ranking) -> None:
        tau = "undefined" if ranking.kendall_tau is None else f"{ranking.kendall_tau:.3f}"
        count.one_more(
            f"{ranking.predictor}  {ranking.labels} labels  seed {ranking.seed}  tau {tau}  "
            f"{ranking.seconds:.1f} s"
        )

    opened, rankings = compare(
        TableRequest(name=name, file=table, metric=metric),
        predictors=predictors or with_variants(),
        labels=labels,
        n_seeds=n_seeds,
        execution=Execution(workers=workers, out=out, on_start=count.start, on_run=on_ranking),
    )
    evaluator = opened.evaluator
    result = summarise(rankings, name=opened.name, metric=evaluator.metric, cells=len(evaluator))
    codes = {
        name: {ranking.code for ranking in rankings if ranking.predictor == name}
        for name in dict.fromkeys(ranking.predictor for ranking in rankings)
    }
    space = evaluator.space.name
    notes_on_code({name: (made, code_of(space, name)) for name, made in codes.items()}, out)
    say("\n".join(_lines(result)), json_to)
    write_json(json_to, result)
    if figure is not None:
        write_text(Path(figure), of_rankings(result) + "\n")


def _lines(result: Mapping[str, Any]) -> Iterator[str]:
    labels = result["labels"]
    predictors = list(next(iter(labels.values())))
    width = max(len("predictor"), *map(len, predictors))
    yield (
        f"{result['metric']}; Kendall's tau-b over {result['cells']} cells, mean ± standard "
        f"deviation of {result['seeds']} draws"
    )
    yield f"{'predictor':<{width}}" + "".join(f"{f'{n} labels':>16}{'s':>7}" for n in labels)
    for predictor in predictors:
        cells = (by_predictor[predictor] for by_predictor in labels.values())
        yield f"{predictor:<{width}}" + "".join(
            f"{_shown(cell['kendall_tau']):>16}{cell['seconds']:>7.1f}" for cell in cells
        )


def _shown(tau: Mapping[str, float | None]) -> str:
    if tau["mean"] is None:
        return "undefined"
    return f"{tau['mean']:.3f}" + ("" if tau["std"] is None else f" ± {tau['std']:.3f}")
