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
from data_prep.store.request import DataRequest
from ecg_nas.runs.data_settings import migrated
from ecg_nas.runs.folder import RunFolder, read_json

if TYPE_CHECKING:
    from ecg_nas.bundle.manifest import Bundle


def evaluation_data(bundle: Bundle, request: DataRequest) -> DataRequest:
    """Return the data to evaluate ``bundle`` on.

    Args:
        bundle: The model. If it lies in its run, and the recordings are the run's, so are the
            split, labels, patients and annotators that are not given; if it does not, the split
            is the one that the bundle names. Signals are made as the bundle needs them.
        request: What the user asks for.

    Raises:
        DataError: If there are no such data, or the split of the bundle is in a file that is not
            known here.
        RunError: If the settings of the run cannot be read.
    """
    asked = request.one_set()
    if (store := asked.prepared_store()) is not None:
        if request.split is not None:
            raise DataError(
                "a split must be given where recordings are prepared; "
                f"{store} is a prepared store, which has its own: leave --split out"
            )
        return request
    source, split = asked.origin().name, request.split
    searched = _of_its_run(bundle.folder, source, asked.records)
    if searched is not None:
        theirs = searched.one_set()
        asked = replace(
            asked,
            labels=asked.labels or theirs.labels,
            patients=asked.patients or theirs.patients,
            annotators=asked.annotators or theirs.annotators,
        )
        split = split or searched.split
    if split is None and bundle.manifest.training.get("source") == source:
        split = _split_of(bundle, source)
    return replace(request, sets=(asked,), split=split, signal=bundle.spec.signal)


def given_otherwise(options: Mapping[str, Any]) -> list[str]:
    """Return what of the signals may be other than in the bundle's data, as the user asks for it.

    Args:
        options: Those about data, ``None`` where not given.
    """
    asked = {"leads": options.get("leads"), "mapping": options.get("labels")}
    return [name for name, value in asked.items() if value is not None]


def run_of(bundle: Path) -> RunFolder | None:
    """Return the run that the folder ``bundle`` lies in, if it does."""
    run = RunFolder(bundle.resolve().parent)
    return run if run.config.is_file() and run.store.is_file() else None


def _of_its_run(bundle: Path, source: str, records: Path | None) -> DataRequest | None:
    """Return how the run of the bundle had these recordings prepared; nothing if not by it."""
    run = run_of(bundle)
    if run is None:
        return None
    saved = read_json(run.config)
    if saved["data"]["source"] != source:
        return None
    searched = DataRequest.from_json(migrated(saved["settings"])["data"])
    return searched if _same(searched.one_set().records, records) else None


def _same(there: Path | None, here: Path | None) -> bool:
    # Where no folder is named, the source finds its own recordings: always the same ones.
    return there is None or here is None or there.resolve() == here.resolve()


def _split_of(bundle: Bundle, source: str) -> str:
    split = str(bundle.manifest.training.get("split"))
    if split not in sources.load(source).splits:
        raise DataError(
            f"the bundle {bundle.folder} was trained on a split from a file, which it does not "
            "hold: name that file with --split, or evaluate on the store that was prepared "
            "with it (other recordings than the bundle's: --split standard)"
        )
    return split
