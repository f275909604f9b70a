"""Any folder of recordings: the user's own, of every format of ``data_prep.io.formats``.

The beats of ``rec.hea``, ``rec.csv`` or ``rec.edf`` lie beside it: ``rec.atr`` (WFDB annotations)
or ``rec.atr.csv`` (a table, see ``data_prep.io.annotation_table``), else those of the annotator
``beats``, as in ``rec.beats.csv``. A CSV file counts as a recording if its first lines name a
column of times and the unit of a lead, or if its beats lie beside it; other tables do not.

Each record counts as a patient of its own unless a table of patients says otherwise. The
``standard`` split halves the patients with a fixed seed so that both halves carry every class.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from data_prep.dsp.signal_spec import SignalSpec
from data_prep.errors import DataError
from data_prep.events import OnEvent, ignore
from data_prep.io import formats
from data_prep.io.annotations import annotation_file
from data_prep.sources.base import RecordRef, Source, refuse_missing
from data_prep.splits import Assignment, stratified_halves
from data_prep.tasks import Task

_SPLIT_SEED = 0
_ANNOTATORS = ("atr", "beats")


class Wfdb(Source):
    """A folder of recordings."""

    name = "wfdb"
    description = "any folder of annotated recordings, of any format (give it with --records)"
    signal = SignalSpec(leads=("MLII/II/#0", "V1/V5/V2/V4/#1/#0"))
    complete = False

    def records(self, folder: Path | None, on_event: OnEvent = ignore) -> list[RecordRef]:
        """Return the records of ``folder`` and its folders, by path."""
        del on_event  # nothing is fetched
        if folder is None:
            raise DataError("source wfdb must be told where the records lie: --records DIR")
        refuse_missing(folder)
        refs = [_ref(folder, path) for path in formats.find(folder, annotators=_ANNOTATORS)]
        if not refs:
            raise DataError(
                f"the folder {folder} must hold records ({', '.join(formats.available())}) with "
                "their beats beside them (.atr, .beats.csv); it holds none"
            )
        return refs

    def assign(
        self, split: str, patients: Mapping[str, Mapping[str, int]], task: Task
    ) -> Assignment:
        """Halve the patients."""
        self.refuse_split(split)
        return Assignment(side=stratified_halves(patients, _SPLIT_SEED, task))


def _ref(folder: Path, path: Path) -> RecordRef:
    stem = formats.format_of(path).stem(path)
    name = stem.relative_to(folder).as_posix()
    there = (own for own in _ANNOTATORS if annotation_file(stem, own) is not None)
    return RecordRef(path=path, name=name, patient=name, annotator=next(there, _ANNOTATORS[0]))


SOURCE = Wfdb()
