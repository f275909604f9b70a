"""The records that are asked for, opened: their headers are read here, and nowhere after."""

from __future__ import annotations

from dataclasses import dataclass

from data_prep.events import OnEvent, ignore
from data_prep.io import formats
from data_prep.io.recording import Recording
from data_prep.sources import RecordRef
from data_prep.store.request import DataRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRecord:
    """One record that was found.

    Attributes:
        ref: Where it lies and whose it is, as its source says.
        recording: The record, opened, with all its leads.
    """

    ref: RecordRef
    recording: Recording


def find_records(request: DataRequest, on_event: OnEvent = ignore) -> tuple[FoundRecord, ...]:
    """Return the records of the data set that is asked for, in the order of its source.

    Args:
        request: What data: one data set, of recordings.
        on_event: Called with what the source does to find them.

    Raises:
        DataError: If there are none, a header is malformed, or several data sets are asked for.
    """
    asked = request.one_set()
    return tuple(
        FoundRecord(ref=ref, recording=formats.open_file(ref.path))
        for ref in asked.origin().records(asked.records, on_event)
    )
