"""Any folder of WFDB records: the user's own recordings.

Each record counts as a patient of its own unless a table of patients says otherwise. The
``standard`` split halves the patients with a fixed seed so that both halves carry every class.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from data_prep.dsp.signal_spec import SignalSpec
from data_prep.errors import DataError
from data_prep.events import OnEvent, ignore
from data_prep.io.header import segment_names
from data_prep.sources.base import RecordRef, Source, refuse_missing
from data_prep.splits import Assignment, stratified_halves

_SPLIT_SEED = 0


class Wfdb(Source):
    """A folder of WFDB records."""

    name = "wfdb"
    description = "any folder of annotated WFDB records (give it with --records)"
    signal = SignalSpec(leads=("MLII/II/#0", "V1/V5/V2/V4/#1/#0"))
    complete = False

    def records(self, folder: Path | None, on_event: OnEvent = ignore) -> list[RecordRef]:
        """Return the records of ``folder`` and its folders, by path."""
        del on_event  # nothing is fetched
        if folder is None:
            raise DataError("source wfdb must be told where the records lie: --records DIR")
        refuse_missing(folder)
        paths = sorted(file.with_suffix("") for file in folder.rglob("*.hea"))
        # The parts of a record in several parts are no records of their own.
        parts = {path.with_name(name) for path in paths for name in segment_names(path)}
        paths = [path for path in paths if path not in parts]
        if not paths:
            raise DataError(
                f"the folder {folder} must hold WFDB records (.hea, .dat, .atr); it holds none"
            )
        names = [path.relative_to(folder).as_posix() for path in paths]
        return [
            RecordRef(path=path, name=name, patient=name)
            for path, name in zip(paths, names, strict=True)
        ]

    def assign(self, split: str, patients: Mapping[str, Mapping[str, int]]) -> Assignment:
        """Halve the patients."""
        self.refuse_split(split)
        return Assignment(side=stratified_halves(patients, _SPLIT_SEED))


SOURCE = Wfdb()
