"""Open a recording of any format that we read: WFDB, CSV, EDF."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from data_prep.errors import DataError
from data_prep.recording import Recording, WfdbRecording

# Outside of these it is no ECG, but a damaged header; some filters would take for ever.
_RATES_HZ: Final = (50.0, 10_000.0)
_SHORTEST_S, _LONGEST_S = 1.0, 62 * 86400.0


def open_recording(
    given: str | Path,
    *,
    leads: Sequence[str] | None = None,
    fs_hz: float | None = None,
    units: str | None = None,
) -> Recording:
    """Open the recording ``given``: a ``.csv`` or ``.edf`` file, else a WFDB record.

    Args:
        given: A file, or a WFDB record with or without ``.hea``.
        leads: Leads to read, as for ``leads.choose_leads``; all of them by default.
        fs_hz: Sampling rate of a CSV file without a column of times.
        units: ``mV``, ``uV`` or ``V``: the unit of all leads of a CSV or EDF file.

    Raises:
        DataError: If there is no such recording, or it cannot be used.
    """
    path = Path(given)
    wanted = None if leads is None else tuple(leads)
    kind = path.suffix.casefold()
    if kind in (".csv", ".edf") and not path.is_file():
        raise DataError(f"the recording {path} must be a file; there is none")
    if fs_hz is not None and kind != ".csv":
        raise DataError(f"--fs is for CSV files; {path} says its sampling rate itself")
    if units is not None and kind not in (".csv", ".edf"):
        raise DataError(f"--units is for CSV and EDF files; the header of {path} has a gain")
    recording: Recording
    if kind == ".csv":
        from data_prep._csv import CsvRecording

        recording = CsvRecording(path, wanted, fs_hz, units)
    elif kind == ".edf":
        from data_prep._edf import EdfRecording

        recording = EdfRecording(path, wanted, units)
    else:
        recording = WfdbRecording(path.with_suffix("") if kind == ".hea" else path, wanted)
    if not _RATES_HZ[0] <= recording.fs_hz <= _RATES_HZ[1]:
        raise DataError(
            f"the recording {path} must have from {_RATES_HZ[0]:g} to {_RATES_HZ[1]:g} samples a "
            f"second; it has {recording.fs_hz:g}"
        )
    if not _SHORTEST_S <= recording.duration_s <= _LONGEST_S:
        raise DataError(
            f"the recording {path} must last from a second to two months; it lasts "
            f"{recording.duration_s:.4g} s"
        )
    return recording
