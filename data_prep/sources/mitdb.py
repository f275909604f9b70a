"""The MIT-BIH Arrhythmia Database: 48 records of 30 minutes, two leads, 360 Hz.

Every record counts as a patient of its own. 201 and 202 are one person: the ``standard`` split
has 201 in training and 202 in test, as all published results on it; ``strict`` leaves 201 out.

References:
    Moody & Mark, IEEE Eng. Med. Biol. 20:45, 2001, doi:10.13026/C2F305.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from data_prep.errors import DataError
from data_prep.sources.base import (
    Assignment,
    RecordRef,
    Side,
    Source,
    cache_folder,
    refuse_missing,
)
from data_prep.split import DS1, DS2, PACED


class Mitdb(Source):
    """The MIT-BIH Arrhythmia Database."""

    name = "mitdb"
    description = "MIT-BIH Arrhythmia Database: 44 patients, 30 minutes each, standard split"
    splits = ("standard", "strict")

    def records(self, folder: Path | None) -> list[RecordRef]:
        """Return all 48 records, the paced ones among them."""
        folder = _find() if folder is None else folder
        refuse_missing(folder)
        names = sorted((*DS1, *DS2, *PACED))
        missing = [name for name in names if not (folder / f"{name}.hea").is_file()]
        if missing:
            raise DataError(
                f"the folder {folder} must hold the {len(names)} records of mitdb (100.hea … "
                f"234.hea); {len(missing)} are missing: {', '.join(missing[:5])}"
                f"{' …' if len(missing) > 5 else ''}"
            )
        return [RecordRef(path=folder / name, name=name, patient=name) for name in names]

    def assign(self, split: str, patients: Mapping[str, Mapping[str, int]]) -> Assignment:
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


def _find() -> Path:
    places = []
    if chosen := os.environ.get("ECG_NAS_DATA"):
        places += [Path(chosen), Path(chosen) / "mitdb"]
    places.append(cache_folder() / "mitdb")
    for place in places:
        if (place / "100.hea").is_file():
            return place
    raise DataError(
        "the records of mitdb must be on this machine; none in "
        f"{', '.join(str(place) for place in places)}: download "
        "https://physionet.org/content/mitdb/1.0.0/ and name the folder with --records"
    )


SOURCE = Mitdb()
