"""Open a recording of any format that we read: WFDB, CSV, EDF."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from data_prep.errors import DataError
from data_prep.io.recording import RATES_HZ, Recording, WfdbRecording

_TEXT: Final = (".csv", ".tsv", ".txt")
_SHORTEST_S, _LONGEST_S = 1.0, 62 * 86400.0


def open_recording(
    given: str | Path,
    *,
    leads: Sequence[str] | None = None,
    fs_hz: float | None = None,
    units: str | None = None,
) -> Recording:
    """Open the recording ``given``: a text file or an ``.edf`` file, else a WFDB record.

    Args:
        given: A file (``.csv``, ``.tsv``, ``.txt``, ``.edf``), or a WFDB record with or without
            ``.hea``.
        leads: Leads to read, as for ``leads.choose_leads``; all of them by default.
        fs_hz: Sampling rate of a text file without a column of times that tells it.
        units: ``mV``, ``uV`` or ``V``: the unit of all leads of a text or EDF file.

    Raises:
        DataError: If there is no such recording, or it cannot be used.
    """
    path = Path(given)
    if path.name in ("", ".."):
        raise DataError(f"a recording must be a file or a WFDB record; {str(given)!r} is a folder")
    wanted = None if leads is None else tuple(leads)
    kind = path.suffix.casefold()
    if kind in (*_TEXT, ".edf") and not path.is_file():
        raise DataError(f"the recording {path} must be a file; there is none")
    if fs_hz is not None and kind not in _TEXT:
        raise DataError(f"--fs is for CSV files; {path} says its sampling rate itself")
    if units is not None and kind not in (*_TEXT, ".edf"):
        raise DataError(f"--units is for CSV and EDF files; the header of {path} has a gain")
    recording: Recording
    if kind in _TEXT:
        from data_prep.io.formats.csv import CsvRecording

        recording = CsvRecording(path, wanted, fs_hz, units)
    elif kind == ".edf":
        from data_prep.io.formats.edf import EdfRecording

        recording = EdfRecording(path, wanted, units)
    else:
        recording = WfdbRecording(path.with_suffix("") if kind == ".hea" else path, wanted)
    if not RATES_HZ[0] <= recording.fs_hz <= RATES_HZ[1]:
        raise DataError(
            f"the recording {path} must have from {RATES_HZ[0]:g} to {RATES_HZ[1]:g} samples a "
            f"second; it has {recording.fs_hz:g}"
        )
    if not _SHORTEST_S <= recording.duration_s <= _LONGEST_S:
        raise DataError(
            f"the recording {path} must last from a second to two months; it lasts "
            f"{recording.duration_s:.4g} s"
        )
    return recording
