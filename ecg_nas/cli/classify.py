"""``ecg-nas classify``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ecg_nas.cli._display import counted
from ecg_nas.cli._errors import Failed, as_click_error, one_line
from ecg_nas.cli._output import json_option, names, remark, say, write_json
from ecg_nas.cli._recordings import RecordingCommand

if TYPE_CHECKING:
    from data_prep.events import OnEvent
    from ecg_nas.inference.classifier import Classifier

HEADING = "model"

_NOTICE = "Research use only, not a medical device."


@click.command(cls=RecordingCommand)
@click.argument("bundle", type=click.Path(path_type=Path))
@click.argument("records", nargs=-1, required=True, metavar="RECORD…")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Folder for the annotations; it is made.  [default: the current one]",
)
@click.option(
    "--write-as",
    "extension",
    default="ecgnas",
    show_default=True,
    metavar="EXT",
    help="Annotator's name: the files are RECORD.EXT, RECORD.EXT.csv, RECORD.EXT.json.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["wfdb", "csv", "json"]),
    default="wfdb",
    show_default=True,
    help="wfdb: annotations for viewers; csv and json: probabilities too.",
)
@click.option(
    "--beats",
    default="detected",
    show_default=True,
    metavar="detected|EXT",
    help="Find the beats, or take those of the annotation file RECORD.EXT.",
)
@click.option("--leads", callback=names, metavar="A,B", help="Leads to use, in the model's order.")
@click.option(
    "--gate/--no-gate",
    default=None,
    help="Leave out beats where the signal is unreadable.  [default: for detected beats]",
)
@click.option(
    "--fs",
    "fs_hz",
    type=click.FloatRange(min=1),
    metavar="HZ",
    help="Rate of a file that does not say it.",
)  # fmt: skip
@click.option(
    "--units",
    type=click.Choice(["mV", "uV", "V"], case_sensitive=False),
    help="Unit of the leads of a file that does not say it.",
)
@click.option("--int8", is_flag=True, help="Use the bundle's INT8 model.")
@click.option("--report", is_flag=True, help="Write a page for each recording: RECORD.EXT.html.")
@json_option
def command(
    bundle: Path,
    records: tuple[str, ...],
    out: Path,
    extension: str,
    form: Any,
    beats: str,
    leads: tuple[str, ...] | None,
    gate: bool | None,
    fs_hz: float | None,
    units: str | None,
    int8: bool,
    report: bool,
    json_to: str | None,
) -> None:
    """Classify the beats of whole recordings.

    RECORD is a recording of one of the formats below.
    Stretches that cannot be read are marked '~', and no beat is guessed there. One bad recording
    does not stop the others.

    Research use only, not a medical device.

    \b
    Example:
      ecg-nas classify exports/mitdb holter.edf --out annotations --format csv
    """
    from ecg_nas.bundle.manifest import load
    from ecg_nas.inference import output_writers
    from ecg_nas.inference.classifier import Classifier

    output_writers.check_extension(extension)
    classifier = Classifier(load(bundle), int8=int8)
    _make_folder(out)
    work = _Work(
        classifier=classifier, out=out, extension=extension, form=form, report=report,
        open={"leads": leads or classifier.bundle.spec.signal.leads, "fs_hz": fs_hz,
              "units": units},
        how={"beats": beats, "gate": gate},
    )  # fmt: skip
    found: list[dict[str, Any]] = []
    failed: list[str] = []
    for given in records:
        try:
            result = work.do(given)
        except Exception as error:
            if click.get_current_context().find_root().params.get("debug"):
                raise
            failed.append(given)
            remark(f"Error: {given}: {one_line(as_click_error(error))}")
            continue
        found.append(result)
        say("\n".join(_lines(result)), json_to)
        for warning in result["warnings"]:
            remark(f"Warning: {given}: {warning}")
    write_json(json_to, {"records": found, "failed": failed, "notice": _NOTICE})
    if failed:
        raise Failed(f"{len(failed)} of {len(records)} recordings could not be classified")
    say(_NOTICE, json_to)


@dataclass(kw_only=True)
class _Work:
    """What is done with each recording; ``taken`` are the files that were written."""

    classifier: Classifier
    out: Path
    extension: str
    form: Any
    report: bool
    open: Mapping[str, Any]
    how: Mapping[str, Any]
    taken: set[Path] = field(default_factory=set)

    def do(self, given: str) -> dict[str, Any]:
        """Classify one recording, write what was asked for, and return its summary."""
        from data_prep.errors import DataError
        from data_prep.io.formats import open_recording
        from ecg_nas.inference import output_writers
        from ecg_nas.inference.recording_beats import classify_recording
        from ecg_nas.inference.recording_summary import summary

        recording = open_recording(given, **self.open)
        where = recording.path, self.out, self.extension
        file = output_writers.target(*where, self.form)
        if file in self.taken:
            raise DataError(
                f"each recording must have a name of its own; {file} was written already: "
                "classify this one into another folder"
            )
        page = output_writers.target(*where, "html") if self.report else None
        with counted("classifying") as on_event:
            classified = classify_recording(
                self.classifier, recording, **self.how, on_progress=_told(on_event, recording.name)
            )
        output_writers.write(classified, self.classifier.bundle, file, self.form)
        self.taken.add(file)
        if page is not None:
            from ecg_nas.report.recording_page import write

            write(classified, self.classifier.bundle, page)
        return {**summary(classified), "files": [str(f) for f in (file, page) if f is not None]}


def _told(on_event: OnEvent, name: str) -> Callable[[float, float], None]:
    def on_progress(done_s: float, duration_s: float) -> None:
        on_event({"event": "recording", "name": name, "done": done_s, "total": duration_s})

    return on_progress


def _make_folder(out: Path) -> None:
    from ecg_nas.errors import RunError

    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(
            f"--out {out} must be a folder that can be made: {error.strerror}"
        ) from error


def _lines(result: Mapping[str, Any]) -> Iterator[str]:
    """Yield what there is to say of one recording."""
    from ecg_nas.figures.strip import clock

    counts = ", ".join(f"{name} {count:,}" for name, count in result["counts"].items())
    rest = f", not classified {result['unclassified']:,}" if result["unclassified"] else ""
    yield (
        f"{result['record']}: {clock(round(result['duration_s']))} in {result['seconds']:.1f} s, "
        f"{result['beats']:,} beats ({counts}{rest})"
    )
    rate, pause = result["heart_rate"], result["longest_pause"]
    if rate["mean"] is not None:
        yield (
            f"  heart rate {rate['mean']:.0f} a minute ({rate['min']:.0f} to {rate['max']:.0f} "
            f"over minutes), longest pause {pause['seconds']:.1f} s at {clock(pause['at_s'])}"
        )
    for kind, runs in result["runs"].items():
        if runs["couplets"] or runs["runs"]:
            yield (
                f"  {kind}: {runs['couplets']:,} couplets, {runs['runs']:,} runs, the longest of "
                f"{runs['longest']:,} beats at {clock(runs['longest_at_s'])}"
            )
    yield (
        f"  unreadable {result['unreadable_s']:.0f} s ({100 * result['unreadable_share']:.1f} %), "
        f"one lead of several {result['partly_unreadable_s']:.0f} s"
    )
    yield f"  {', '.join(result['files'])}"
