"""``ecg-nas page``."""

from __future__ import annotations

from pathlib import Path

import click

from ecg_nas.cli._output import check_target, json_option, say, write_json

HEADING = "model"

_NOTICE = "Research use only, not a medical device."


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--out", required=True, callback=check_target, metavar="FILE.html", help="The page to write."
)
@click.option(
    "--runtime",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE.tgz",
    help="The package onnxruntime-web as npm packs it.  [default: fetched once by npm]",
)
@json_option
def command(bundle: Path, out: str, runtime: Path | None, json_to: str | None) -> None:
    """Write a page that labels the beats of a recording, in the browser alone.

    One HTML file with the model in it: open it by a double-click and drop a CSV file or a WFDB
    record. It has no access to the network; a recording does not leave the computer it is on.

    The first page needs npm, which fetches onnxruntime-web into the cache.

    Research use only, not a medical device.

    \b
    Example:
      ecg-nas page exports/mitdb --out mitdb.html
    """
    from ecg_nas.bundle.manifest import load
    from ecg_nas.webpage import bundle_page

    if out == "-":
        raise click.BadParameter("must be a file; got -", param_hint="--out")
    file = Path(out)
    bundle_page.write(load(bundle), file, runtime=runtime)
    n_bytes = file.stat().st_size
    say(f"{file} ({n_bytes / 1e6:.1f} MB)", json_to)
    say(_NOTICE, json_to)
    write_json(json_to, {"bundle": str(bundle), "page": str(file), "bytes": n_bytes})
