"""``ecg-nas show``."""

from __future__ import annotations

import re
from pathlib import Path

import click

from ecg_nas.cli._output import check_target, say
from ecg_nas.cli._recordings import RecordingCommand
from ecg_nas.files import write_text

HEADING = "data"

_TIME = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d+)?)")


def _seconds(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """Read seconds, or ``[h:]mm:ss``."""
    if value is None:
        return None
    match = _TIME.fullmatch(value.strip())
    if match is not None:
        hours, minutes, seconds = (float(part or 0) for part in match.groups())
        # 75 is a number of seconds, 0:75 is a slip.
        if (match[2] is None or seconds < 60) and (match[1] is None or minutes < 60):
            return hours * 3600 + minutes * 60 + seconds
    raise click.BadParameter(
        f"must be seconds or mm:ss, as in 75 or 1:15; got {value!r}", ctx, param
    )


@click.command(cls=RecordingCommand)
@click.argument("record")
@click.option(
    "--from", "from_s", callback=_seconds, default="0", metavar="T", help="Seconds or mm:ss."
)
@click.option(
    "--to",
    "to_s",
    callback=_seconds,
    metavar="T",
    help="Seconds or mm:ss; by default 10 s later. 30 s fill a page.",
)
@click.option(
    "--annotations",
    multiple=True,
    metavar="EXT",
    help="Annotator to show; again for more, the first is the reference.  [default: atr, if there]",
)
@click.option("--leads", metavar="A,B", help="Leads to draw, by name or position (#0); else all.")
@click.option(
    "--out",
    required=True,
    callback=check_target,
    metavar="FILE.svg",
    help="The drawing to write.",
)
def command(
    record: str,
    from_s: float,
    to_s: float | None,
    annotations: tuple[str, ...],
    leads: str | None,
    out: str,
) -> None:
    """Draw a piece of a recording on ECG paper, 25 mm/s and 10 mm/mV, 10 s a line.

    RECORD is a recording of one of the formats below. Beats are coloured by class; where a further
    annotator differs from the first is marked. Print it at 100 % on A4 landscape.

    \b
    Example:
      ecg-nas show mitdb/208 --from 1:10 --to 1:40 --out 208.svg
    """
    from ecg_nas.assessment.strips import of_record

    chosen = None
    if leads is not None:
        chosen = tuple(name.strip() for name in leads.split(","))
        if not all(chosen):
            raise click.BadParameter(
                f"must be names with commas between them; got {leads!r}", param_hint="--leads"
            )
    if len(set(annotations)) < len(annotations):
        raise click.BadParameter(
            f"must name each annotator once; got {', '.join(annotations)}",
            param_hint="--annotations",
        )
    drawing = of_record(
        Path(record.removesuffix(".hea")),
        from_s=from_s,
        to_s=to_s,
        annotators=annotations or None,
        leads=chosen,
    )
    write_text(Path(out), drawing + "\n")
    say(out)
