"""``ecg-nas evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from ecg_nas.cli.output import check_target, json_option, say, write_json
from ecg_nas.cli.progress import counted

if TYPE_CHECKING:
    from ecg_nas.deploy.bundle import Bundle

_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.argument("bundle", type=_FOLDER)
@click.option(
    "--data",
    required=True,
    metavar="NAME|DIR",
    help="A source (see ecg-nas sources), or a folder that ecg-nas prepare made.",
)
@click.option("--records", type=_FOLDER, help="Folder of the source's recordings.")
@click.option(
    "--split",
    type=click.Choice(["test", "train"]),
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
@click.option("--leads", metavar="A,B", help="Leads in place of the bundle's, in its order.")
@click.option(
    "--labels",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="TOML file that gives each beat symbol its class.",
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
    data: str,
    records: Path | None,
    split: Literal["test", "train"],
    beats: Literal["reference", "detected"],
    leads: str | None,
    labels: Path | None,
    report_to: str | None,
    json_to: str | None,
) -> None:
    """Say what a classifier is worth on the test patients of a data set.

    BUNDLE is a folder that a search or `ecg-nas export` wrote. Test patients are to be looked at
    once, when everything is chosen; each look is counted in the result. The bundle of a run
    (RUN/bundle) adds what was found to the run's report.

    \b
    Example:
      ecg-nas evaluate runs/first/bundle --data synthetic
    """
    from ecg_nas.cli._evaluation import text
    from ecg_nas.deploy.bundle import load
    from ecg_nas.deploy.evaluate import assess

    loaded = load(bundle)
    folder = _store(loaded, data, records, leads, labels)
    asked = {"leads": leads, "mapping": labels}
    assessment = assess(
        loaded,
        folder,
        split=split,
        beats=beats,
        other=[name for name, value in asked.items() if value is not None],
    )
    result = assessment.result
    say(text(result), json_to)
    for warning in result["warnings"]:
        click.echo(f"Warning: {warning}", err=True)
    write_json(json_to, result)
    if report_to is not None:
        from ecg_nas.report.evaluation import write

        write(assessment, Path(report_to))
        say(f"report: {report_to}", json_to)
    _add_to_run(bundle, assessment, json_to)


def _store(
    bundle: Bundle, data: str, records: Path | None, leads: str | None, labels: Path | None
) -> Path:
    """Return the signal store to evaluate on, a source's prepared as the bundle needs it."""
    from dataclasses import replace

    from data_prep import sources
    from ecg_nas.runs.config import RunConfig
    from ecg_nas.runs.data import store_folder

    training = bundle.manifest.training
    # Another split of the same source would have its test patients among those trained on.
    same = training.get("source") == data and isinstance(training.get("split"), str)
    config = RunConfig(
        data=data,
        records=None if records is None else str(records),
        split=training["split"] if same else "standard",
    )
    signal = bundle.spec.signal
    if leads is not None:
        signal = replace(signal, leads=tuple(name.strip() for name in leads.split(",")))
    with counted("preparing") as on_event:
        folder = store_folder(config, on_event, signal=signal, labels=labels)
    if data not in sources.available():
        _refuse_other(folder, signal.leads if leads is not None else None, labels)
    return folder


def _refuse_other(folder: Path, leads: tuple[str, ...] | None, labels: Path | None) -> None:
    """Refuse leads or labels that a prepared store was not made with."""
    from data_prep.dataset import read_manifest
    from data_prep.errors import DataError
    from data_prep.labels import read_mapping

    manifest = read_manifest(folder)
    made = {"leads": manifest["signal"]["leads"], "labels": manifest["symbols"]}
    asked = {
        "leads": None if leads is None else list(leads),
        "labels": None if labels is None else read_mapping(labels),
    }
    for name, value in asked.items():
        if value is not None and value != made[name]:
            raise DataError(
                f"the store {folder} must be prepared with the {name} asked for; it was with "
                f"others ({_short(made[name])}): prepare the recordings with --{name}, or leave "
                "the option out"
            )


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{symbol} = {name}" for symbol, name in value.items())
    return ",".join(value)


def _add_to_run(bundle: Path, assessment: Any, json_to: str | None) -> None:
    """Add the evaluation to the report of the run that the bundle lies in, if it does."""
    run = bundle.resolve().parent
    if not ((run / "config.json").is_file() and (run / "run.sqlite").is_file()):
        return
    from ecg_nas.errors import RunError
    from ecg_nas.report import evaluation, page

    try:
        evaluation.add_to_run(assessment, run)
        page.write(run, run / "report.html")
    except RunError as error:  # the result has been printed; the run may lie on a read-only disk
        click.echo(f"Warning: the run's report was left as it is: {error}", err=True)
    else:
        say(f"report of the run: {run / 'report.html'}", json_to)
