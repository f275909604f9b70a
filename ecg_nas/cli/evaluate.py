"""``ecg-nas evaluate``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from ecg_nas.cli._display import counted
from ecg_nas.cli._output import check_target, json_option, remark, say, write_json
from ecg_nas.cli._settings import data_options

if TYPE_CHECKING:
    from ecg_nas.bundle.manifest import Bundle

HEADING = "model"

_FOLDER = click.Path(file_okay=False, path_type=Path)
_SIDES = ("test", "train")


def _refuse_old(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    if value is not None:
        raise click.UsageError(f"--data-split is now --split: write --split {value}", ctx)


@click.command()
@click.argument("bundle", type=_FOLDER)
@data_options(required=True, split="the bundle's")
@click.option(
    "--data-split",
    hidden=True,
    expose_value=False,
    callback=_refuse_old,
    help="What --split was called before.",
)
@click.option(
    "--side",
    type=click.Choice(_SIDES),
    default="test",
    show_default=True,
    help="Which patients; every look at the test patients is noted with the data.",
)
@click.option(
    "--beats",
    type=click.Choice(["reference", "detected"]),
    default="reference",
    show_default=True,
    help="Beats at the annotators' positions, or found in the signal; missed and false ones count.",
)
@click.option(
    "--report",
    "report_to",
    callback=check_target,
    metavar="FILE.html",
    help="Write a page with drawings, and strips of the worst mistakes.",
)
@json_option
def command(
    bundle: Path,
    side: Literal["test", "train"],
    beats: Literal["reference", "detected"],
    report_to: str | None,
    json_to: str | None,
    **options: Any,
) -> None:
    """Say what a classifier is worth on the test patients of a data set.

    BUNDLE is a folder that a search or `ecg-nas export` wrote. Test patients are to be looked at
    once, when everything is chosen; each look is counted in the result. The bundle of a run
    (RUN/bundle) adds what was found to the run's report. On the recordings of its search, split,
    labels, patients and annotators are those of the search unless given; leads are the bundle's,
    and --leads names others in their place, in its order.

    \b
    Example:
      ecg-nas evaluate runs/first/bundle --data synthetic
    """
    from ecg_nas.assessment.evaluate import assess
    from ecg_nas.bundle.manifest import load
    from ecg_nas.cli._evaluation import text
    from ecg_nas.pipeline.evaluation_data import given_otherwise

    if options["split"] in _SIDES:
        raise click.UsageError(
            "--split is how the patients are split, as for ecg-nas prepare; which of them are "
            f"evaluated is --side {options['split']}",
            click.get_current_context(),
        )
    loaded = load(bundle)
    assessment = assess(
        loaded,
        _store(loaded, options),
        split=side,
        beats=beats,
        other=given_otherwise(options),
    )
    result = assessment.result
    say(text(result, assessment.outcomes.task), json_to)
    for warning in result["warnings"]:
        remark(f"Warning: {warning}")
    write_json(json_to, result)
    if report_to is not None:
        from ecg_nas.report.evaluation_part import write

        write(assessment, Path(report_to))
        say(f"report: {report_to}", json_to)
    _add_to_run(bundle, assessment, json_to)


def _store(bundle: Bundle, options: Mapping[str, Any]) -> Path:
    """Return the signal store to evaluate on, a source's prepared as the bundle needs it."""
    from ecg_nas.pipeline.evaluation_data import evaluation_data
    from ecg_nas.runs.data import store_folder
    from ecg_nas.runs.data_settings import request_of

    with counted("preparing") as on_event:
        return store_folder(evaluation_data(bundle, request_of(options)), on_event)


def _add_to_run(bundle: Path, assessment: Any, json_to: str | None) -> None:
    """Add the evaluation to the report of the run that the bundle lies in, if it does."""
    from ecg_nas.pipeline.evaluation_data import run_of

    run = run_of(bundle)
    if run is None:
        return
    from ecg_nas.errors import RunError
    from ecg_nas.report import evaluation_part, run_page
    from ecg_nas.runs import checksums

    try:
        with checksums.rewriting(run.path, evaluation_part.place(assessment), run.report.name):
            evaluation_part.add_to_run(assessment, run.path)
            run_page.write(run.path, run.report)
    except RunError as error:  # the result has been printed; the run may lie on a read-only disk
        remark(f"Warning: the run's report was left as it is: {error}")
    else:
        say(f"report of the run: {run.report}", json_to)
