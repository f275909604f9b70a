"""Which data a bundle is evaluated on: what is not said is as in the search that it is from.

Another split of the same recordings, or other patients to its records, would have patients among
the test patients that the bundle was trained on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_prep import sources
from data_prep.errors import DataError
from ecg_nas.runs.config import RunConfig
from ecg_nas.runs.data import source_of
from ecg_nas.runs.folder import RunFolder, read_json

if TYPE_CHECKING:
    from ecg_nas.bundle.manifest import Bundle

_OF_THE_SEARCH = ("split", "labels", "patients", "annotators")


def evaluation_data(bundle: Bundle, given: Mapping[str, Any]) -> RunConfig:
    """Return the settings of the data to evaluate ``bundle`` on.

    Args:
        bundle: The model. If it lies in its run, and the recordings are the run's, so are the
            split, labels, patients and annotators that are not given; if it does not, the split
            is the one that the bundle names.
        given: Fields of ``RunConfig`` as the user gave them, ``None`` where not.

    Raises:
        DataError: If there are no such data, or the split of the bundle is in a file that is not
            known here.
        RunError: If the settings of the run cannot be read.
    """
    asked = {name: value for name, value in given.items() if value is not None}
    config = RunConfig(**asked)
    source, records = source_of(config)
    if source is None:
        if "split" in asked:
            raise DataError(
                "a split must be given where recordings are prepared; "
                f"{config.data} is a prepared store, which has its own: leave --data-split out"
            )
        return config
    settled = _of_its_run(bundle.folder, source, records) | asked
    if "split" not in settled and bundle.manifest.training.get("source") == source:
        settled["split"] = _split_of(bundle, source)
    return replace(config, **settled)


def run_of(bundle: Path) -> RunFolder | None:
    """Return the run that the folder ``bundle`` lies in, if it does."""
    run = RunFolder(bundle.resolve().parent)
    return run if run.config.is_file() and run.store.is_file() else None


def _of_its_run(bundle: Path, source: str, records: Path | None) -> dict[str, Any]:
    """Return how the run of the bundle had these recordings prepared; nothing if not by it."""
    run = run_of(bundle)
    if run is None:
        return {}
    saved = read_json(run.config)
    settings = saved["settings"]
    data = settings.get("data")
    there = settings.get("records") if data in sources.available() else data
    if saved["data"]["source"] != source or not _same(there, records):
        return {}
    return {name: settings[name] for name in _OF_THE_SEARCH if settings.get(name) is not None}


def _same(there: str | None, here: Path | None) -> bool:
    # Where no folder is named, the source finds its own recordings: always the same ones.
    return there is None or here is None or Path(there).resolve() == here.resolve()


def _split_of(bundle: Bundle, source: str) -> str:
    split = str(bundle.manifest.training.get("split"))
    if split not in sources.load(source).splits:
        raise DataError(
            f"the bundle {bundle.folder} was trained on a split from a file, which it does not "
            "hold: name that file with --data-split, or evaluate on the store that was prepared "
            "with it (other recordings than the bundle's: --data-split standard)"
        )
    return split
