"""``ecg-nas prepare``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from ecg_nas.cli._display import counted
from ecg_nas.cli._output import json_option, say, write_json
from ecg_nas.cli._settings import data_options

HEADING = "data"

_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@data_options(argument=True)
@click.option("--out", type=_FOLDER, help="Folder to make; needed unless --dry-run.")
@click.option("--dry-run", is_flag=True, help="Say what would be taken, what not and why; no more.")
@json_option
def command(out: Path | None, dry_run: bool, json_to: str | None, **options: Any) -> None:
    """Filter the recordings of SOURCE into a signal store.

    SOURCE is one of `ecg-nas sources`, or a folder of recordings. The store keeps training
    and test patients in separate files; a search opens the training file only.

    \b
    Example:
      ecg-nas prepare mitdb --records mitdb --out data/mitdb
    """
    if out is None and not dry_run:
        raise click.UsageError("--out DIR must be given, or --dry-run", click.get_current_context())
    from ecg_nas.runs.data_settings import request_of

    request = request_of(options)
    if dry_run:
        from data_prep.store.plan import make_plan

        summary = make_plan(request).summary()
    else:
        from data_prep.store.prepare import prepare

        assert out is not None
        with counted("preparing") as on_event:
            summary = prepare(request, out, on_event=on_event)
    for line in _lines(summary):
        say(line, json_to)
    say("nothing written (--dry-run)" if dry_run else f"store: {out}", json_to)
    write_json(json_to, summary)


def _lines(summary: Mapping[str, Any]) -> list[str]:
    lines = [f"source {summary['source']}, split {summary['split']}"]
    for side, counts in summary["counts"].items():
        beats = "  ".join(f"{name} {n:,}" for name, n in counts.items())
        lines.append(
            f"{side:<5}  {len(summary['patients'][side])} patients, "
            f"{len(summary['records'][side])} records, beats: {beats}"
        )
    for entry in summary["left_out"]:
        lines.append(f"left out: {entry['record']} ({entry['beats']} beats): {entry['reason']}")
    for entry in summary["dropped_beats"]:
        lines.append(
            f"dropped: {entry['beats']} beats {entry['symbol']!r} of {entry['record']}: "
            f"{entry['reason']}"
        )
    for note, of_records in _by_note(summary["notes"]).items():
        lines.append(f"note: {', '.join(of_records)}: {note}")
    for entry in summary.get("gaps", ()):
        lines.append(
            f"gaps: {entry['record']}, lead {entry['lead']}: {entry['bridged_s']:g} s bridged, "
            f"{entry['zeroed_s']:g} s set to 0"
        )
    return lines


def _by_note(notes: Sequence[Mapping[str, str]]) -> dict[str, list[str]]:
    records: dict[str, list[str]] = {}
    for entry in notes:
        records.setdefault(entry["note"], []).append(entry["record"])
    return records
