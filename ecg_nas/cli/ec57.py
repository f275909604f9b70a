"""``ecg-nas ec57``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ecg_nas.cli._output import json_option, say, write_json
from ecg_nas.files import write_text

if TYPE_CHECKING:
    from data_prep.ec57.beat_by_beat import RecordComparison, Summary

HEADING = "data"

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.argument("records", nargs=-1, required=True, metavar="RECORD…")
@click.option(
    "--reference", default="atr", show_default=True, metavar="EXT", help="Annotator that is right."
)
@click.option("--test", required=True, metavar="EXT", help="Annotator to be judged.")
@click.option(
    "--test-dir", type=_FOLDER, help="Folder of the test annotations; else beside each record."
)
@click.option(
    "--start",
    "start_s",
    type=click.FloatRange(min=0),
    default=300.0,
    show_default=True,
    metavar="SECONDS",
    help="Where the comparison starts; EC57 leaves out the first five minutes.",
)
@click.option(
    "--lines",
    "lines_to",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write one line a record to this file, in the format of bxb -L.",
)
@json_option
def command(
    records: tuple[str, ...],
    reference: str,
    test: str,
    test_dir: Path | None,
    start_s: float,
    lines_to: Path | None,
    json_to: str | None,
) -> None:
    """Compare two annotators beat by beat, as ANSI/AAMI EC57 asks for.

    RECORD is a WFDB record without extension. The figures are those of PhysioNet's bxb, rxr and
    sumstats: beats match within 150 ms; e, j and n count as S. Runs of ectopic beats follow.

    \b
    Example:
      ecg-nas ec57 mitdb/100 mitdb/200 --reference atr --test qrs
    """
    from data_prep.ec57 import listings
    from data_prep.ec57.beat_by_beat import summarize

    compared = _compare(records, reference, test, test_dir, start_s)
    summary = summarize(compared.values())
    if lines_to is not None:
        write_text(lines_to, listings.lines(compared))
    say(listings.table(compared, summary), json_to)
    say("Ventricular runs\n" + listings.run_table(compared, summary, "V"), json_to)
    say(listings.run_table(compared, summary, "S"), json_to)
    say(f"Mapping bxb, from {start_s:g} s to the end of each record", json_to)
    write_json(json_to, _result(compared, summary, start_s))


def _compare(
    records: tuple[str, ...], reference: str, test: str, test_dir: Path | None, start_s: float
) -> dict[str, RecordComparison]:
    from data_prep.ec57.beat_by_beat import compare
    from data_prep.errors import DataError
    from data_prep.io.record import read_annotations, read_header

    compared: dict[str, RecordComparison] = {}
    for given in records:
        path = Path(given.removesuffix(".hea"))
        if path.name in compared:
            raise DataError(f"each record must be named once; {path.name} is there again: {given}")
        header = read_header(path)
        judged = path if test_dir is None else test_dir / path.name
        try:
            compared[path.name] = compare(
                read_annotations(path, reference, fs_hz=header.fs_hz),
                read_annotations(judged, test, fs_hz=header.fs_hz),
                fs_hz=header.fs_hz,
                n_samples=header.n_samples,
                start_s=start_s,
            )
        except DataError as error:
            message = str(error)
            raise DataError(
                message if path.name in message else f"record {path}: {message}"
            ) from error
    return compared


def _result(
    compared: Mapping[str, RecordComparison], summary: Summary, start_s: float
) -> dict[str, Any]:
    result = summary.to_json()
    result["runs"]["records"] = {name: record.runs_to_json() for name, record in compared.items()}
    return {
        "mapping": "bxb",
        "start_s": start_s,
        "records": {name: record.to_json() for name, record in compared.items()},
        **result,
    }
