"""``ecg-nas evaluate``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from ecg_nas.cli.output import json_option, say, write_json
from ecg_nas.cli.progress import counted

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
@json_option
def command(bundle: Path, data: str, records: Path | None, split: str, json_to: str | None) -> None:
    """Say what a classifier is worth on the test patients of a data set.

    BUNDLE is a folder that a search or `ecg-nas export` wrote. Test patients are to be looked at
    once, when everything is chosen; each look is counted in the result.

    \b
    Example:
      ecg-nas evaluate runs/first/bundle --data synthetic
    """
    from ecg_nas.deploy.bundle import load
    from ecg_nas.deploy.evaluate import evaluate
    from ecg_nas.runs.config import RunConfig
    from ecg_nas.runs.data import store_folder

    loaded = load(bundle)
    training = loaded.manifest.training
    # Another split of the same source would have its test patients among those trained on.
    same = training.get("source") == data and isinstance(training.get("split"), str)
    config = RunConfig(
        data=data,
        records=None if records is None else str(records),
        split=training["split"] if same else "standard",
    )
    with counted("preparing") as on_event:
        folder = store_folder(config, on_event)
    result = evaluate(loaded, folder, split="test" if split == "test" else "train")
    for line in _lines(result):
        say(line, json_to)
    for warning in result["warnings"]:
        click.echo(f"Warning: {warning}", err=True)
    write_json(json_to, result)


def _lines(result: Mapping[str, Any]) -> Iterator[str]:
    classes, width = result["classes"], 8
    yield "reference  " + "".join(f"{'as ' + name:>{width}}" for name in classes)
    for name, row in zip(classes, result["confusion"], strict=True):
        yield f"{name:<11}" + "".join(f"{count:>{width}}" for count in row)
    yield ""
    yield f"{'class':<11}{'Se':>{width}}{'+P':>{width}}{'F1':>{width}}   F1, 95 % over patients"
    for name, figures in result["per_class"].items():
        shown = "".join(f"{_figure(figures[kind]):>{width}}" for kind in ("se", "ppv", "f1"))
        yield f"{name:<11}{shown}   {_interval(result, f'{name}_f1')}"
    yield ""
    yield f"macro F1 over N, S, V  {_figure(result['macro_f1_nsv'])}  " + _interval(
        result, "macro_f1_nsv"
    )
    yield f"accuracy               {_figure(result['accuracy'])}  {_interval(result, 'accuracy')}"
    yield f"fold score             {_figure(result['fold_score'])}  (training patients, held out)"
    for record, rest in result["without_record"].items():
        score = _figure(rest["macro_f1_nsv"])
        yield f"without record {record:<8}{score}  macro F1; S F1 {_figure(_f1(rest, 'S'))}"
    yield ""
    yield _ec57_line(result["ec57"])
    yield _protocol_line(result["protocol"])
    yield f"{result['params']:,} parameters, {result['macs']:,} multiply-accumulates a beat, " + (
        f"{result['bytes']['fp32']:,} bytes. Research use only, not a medical device."
    )


def _ec57_line(ec57: Mapping[str, Any]) -> str:
    gross = ec57["gross"]
    return (
        f"EC57 gross, bxb's mapping, from {ec57['start_s']:g} s: "
        f"V Se {_figure(gross['v_se'])} +P {_figure(gross['v_ppv'])}, "
        f"S Se {_figure(gross['s_se'])} +P {_figure(gross['s_ppv'])}"
    )


def _protocol_line(protocol: Mapping[str, Any]) -> str:
    looks = protocol["test_openings"]
    opened = f"; test patients looked at {looks} time{'s' if looks != 1 else ''}" if looks else ""
    return (
        f"Protocol: {protocol['split']} patients of {protocol['data']} ({protocol['data_split']} "
        f"split), mapping {protocol['mapping']}, from {protocol['start_s']:g} s, "
        f"{protocol['beats']} beats, {'causal' if protocol['causal'] else 'not causal'}{opened}"
    )


def _f1(figures: Mapping[str, Any], name: str) -> float | None:
    value: float | None = figures["per_class"].get(name, {}).get("f1")
    return value


def _interval(result: Mapping[str, Any], name: str) -> str:
    bounds = result["interval"].get(name)
    return "–" if bounds is None else f"{bounds[0]:.3f} to {bounds[1]:.3f}"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
