"""The MIT-BIH Arrhythmia Database: 48 records of 30 minutes, two leads, 360 Hz.

Every record counts as a patient of its own. 201 and 202 are one person: the ``standard`` split
has 201 in training and 202 in test, as all published results on it; ``strict`` leaves 201 out.

References:
    Moody & Mark, IEEE Eng. Med. Biol. 20:45, 2001, doi:10.13026/C2F305.
    The split: de Chazal et al., IEEE Trans. Biomed. Eng. 51:1196, 2004,
    doi:10.1109/TBME.2004.827359.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from data_prep.errors import DataError
from data_prep.events import OnEvent, ignore
from data_prep.sources._download import SUMS, download, pinned_sums
from data_prep.sources.base import RecordRef, Source, cache_folder, refuse_missing
from data_prep.splits import Assignment, Side
from data_prep.tasks import Task

DS1 = (
    *("101", "106", "108", "109", "112", "114", "115", "116", "118", "119", "122"),
    *("124", "201", "203", "205", "207", "208", "209", "215", "220", "223", "230"),
)
DS2 = (
    *("100", "103", "105", "111", "113", "117", "121", "123", "200", "202", "210"),
    *("212", "213", "214", "219", "221", "222", "228", "231", "232", "233", "234"),
)
PACED = ("102", "104", "107", "217")

_PHYSIONET = "https://physionet.org/files"
_VERSION = "mitdb/1.0.0"
_EXTENSIONS = ("hea", "dat", "atr")


class Mitdb(Source):
    """The MIT-BIH Arrhythmia Database."""

    name = "mitdb"
    description = "MIT-BIH Arrhythmia Database: 44 patients, 30 minutes each, standard split"
    splits = ("standard", "strict")
    public = True
    always_without = ("232",)  # holds three quarters of the S beats of its test patients

    def records(self, folder: Path | None, on_event: OnEvent = ignore) -> list[RecordRef]:
        """Return all 48 records, the paced ones among them."""
        names = sorted((*DS1, *DS2, *PACED))
        folder = _find(names, on_event) if folder is None else folder
        refuse_missing(folder)
        missing = [name for name in names if not (folder / f"{name}.hea").is_file()]
        if missing:
            raise DataError(
                f"the folder {folder} must hold the {len(names)} records of mitdb (100.hea … "
                f"234.hea); {len(missing)} are missing: {', '.join(missing[:5])}"
                f"{' …' if len(missing) > 5 else ''}"
            )
        return [RecordRef(path=folder / name, name=name, patient=name) for name in names]

    def assign(
        self, split: str, patients: Mapping[str, Mapping[str, int]], task: Task
    ) -> Assignment:
        """Return DS1 and DS2; ``strict`` without 201."""
        self.refuse_split(split)
        train: Side = "train"
        test: Side = "test"
        side = dict.fromkeys(DS1, train) | dict.fromkeys(DS2, test)
        left_out = dict.fromkeys(PACED, "paced rhythm, outside of the AAMI evaluation")
        if split == "strict":
            del side["201"]
            left_out["201"] = "the same person as 202, which is in test"
        return Assignment(
            side={name: side[name] for name in patients if name in side}, left_out=left_out
        )


def _find(names: Sequence[str], on_event: OnEvent) -> Path:
    """Return the folder that ``ECG_NAS_DATA`` names, else the cached one, downloaded if need be."""
    if chosen := os.environ.get("ECG_NAS_DATA"):
        for place in (Path(chosen), Path(chosen) / "mitdb"):
            if (place / "100.hea").is_file():
                return place
    cached = cache_folder() / "mitdb"
    if not (cached / SUMS).is_file():  # written last: where it lies, all is there
        url = f"{os.environ.get('ECG_NAS_PHYSIONET', _PHYSIONET).rstrip('/')}/{_VERSION}/"
        files = [f"{name}.{extension}" for name in names for extension in _EXTENSIONS]
        text = f"downloading {len(files)} files of mitdb (about 100 MB) from {url} to {cached}"
        on_event({"event": "stage", "text": text})
        download(cached, files, url=url, pinned=pinned_sums("mitdb"), on_event=on_event)
    return cached


SOURCE = Mitdb()
