"""Write the beats of a recording: WFDB annotations, CSV or JSON, whole or not at all."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from data_prep.errors import DataError
from data_prep.io.record import write_annotations
from ecg_nas.bundle.manifest import NOTICE, Bundle
from ecg_nas.files import whole, write_text
from ecg_nas.inference.recording_beats import ClassifiedRecording
from ecg_nas.inference.recording_summary import summary

Format = Literal["wfdb", "csv", "json"]
FORMATS: Final[tuple[Format, ...]] = ("wfdb", "csv", "json")
EXTENSION: Final = "ecgnas"

_NOT_CLASSIFIED: Final = "?"  # WFDB's symbol for a beat that was not classified
_NOISE, _COMMENT = "~", '"'
_TAKEN: Final = frozenset({"hea", "dat", "xws", "csv", "tsv", "txt", "edf", "json", "html"})
# What the beginning of a file of ours holds, by which it is told from others.
_OURS: Final = {
    "wfdb": b"ecg-nas", "json": b'"ecg-nas', "csv": b"sample,time_s,until_s,class",
    "html": b"ecg-nas",
}  # fmt: skip
_FEW: Final = 4  # WFDB has noise bits for so many signals


def check_extension(extension: str) -> None:
    """Refuse what cannot be the name of an annotator.

    Raises:
        DataError: If ``extension`` is no word of letters, or names another kind of file.
    """
    if re.fullmatch("[A-Za-z]{1,20}", extension) is None or extension.lower() in _TAKEN:
        raise DataError(
            "the annotator to write as must be a word of letters that is no other kind of file; "
            f"got {extension!r}: as in --write-as {EXTENSION}"
        )


def target(recording: Path, out: Path, extension: str, form: Format | Literal["html"]) -> Path:
    """Return the file to write, after a look at what is there.

    Args:
        recording: The recording, without extension.
        out: Folder to write into.
        extension: The annotator to write as.
        form: Format; ``html`` for the page.

    Raises:
        DataError: If that file, or an annotation file of that name beside the recording, is there
            and is not ours: it may be someone's reference.
    """
    suffix = extension if form == "wfdb" else f"{extension}.{form}"
    # WFDB allows few characters in the name of a record.
    name = recording.name
    if form == "wfdb":
        name = re.sub(r"[^-\w]", "_", name, flags=re.ASCII)
    file = out / f"{name}.{suffix}"
    beside = recording.with_name(file.name)
    for there in (file, beside):
        if there.exists() and not _is_ours(there, form):
            raise DataError(
                f"{there} must not be taken for another annotator's: it is there and was not "
                "written by ecg-nas: choose another name with --write-as"
            )
    return file


def write(classified: ClassifiedRecording, bundle: Bundle, file: Path, form: Format) -> None:
    """Write the beats of a recording to ``file``, as :func:`target` returned it.

    Raises:
        DataError: If they cannot be represented, or the file cannot be written.
        RunError: If it cannot be written.
    """
    if form == "wfdb":
        _write_wfdb(classified, bundle, file)
    elif form == "csv":
        with whole(file) as part, part.open("w", encoding="utf-8", newline="\n") as opened:
            opened.writelines(_csv_lines(classified))
    else:
        write_text(file, json.dumps(_to_json(classified, bundle), allow_nan=False) + "\n")


def _is_ours(file: Path, form: str) -> bool:
    try:
        with file.open("rb") as opened:
            return _OURS[form] in opened.read(400)
    except OSError:
        return False


def _write_wfdb(classified: ClassifiedRecording, bundle: Bundle, file: Path) -> None:
    fs_hz = classified.recording.fs_hz
    model = bundle.manifest.files[classified.model].sha256[:12]
    kinds = classified.task.kinds
    others = [
        f"{kind.symbol} stands for {kind.letter}" for kind in kinds if kind.symbol != kind.letter
    ]
    rows = [(0, -1, _COMMENT, 0, "; ".join([f"ecg-nas {model}: {NOTICE}", *others]))]
    rows += [
        (round(at_s * fs_hz), 0, _NOISE, flags, "") for at_s, flags in _noise_flags(classified)
    ]
    names = np.array([*(kind.symbol for kind in kinds), _NOT_CLASSIFIED])
    symbols = names[classified.called].tolist()  # -1, not classified, is the last
    rows += [
        (sample, 1, symbol, 0, "")
        for sample, symbol in zip(classified.samples.tolist(), symbols, strict=True)
    ]
    rows.sort(key=lambda row: row[:2])
    samples, _, marks, subtypes, aux = zip(*rows, strict=True)
    write_annotations(
        file.with_name(file.name.removesuffix(file.suffix)),
        file.suffix[1:],
        samples=samples,
        symbols=marks,
        fs_hz=fs_hz,
        subtypes=subtypes,
        aux=aux,
    )


def _noise_flags(classified: ClassifiedRecording) -> Iterator[tuple[float, int]]:
    """Yield when readability changes, and the subtype of ``~`` from then on.

    The lower four bits say which of the file's first four signals are noisy, the upper four which
    are unreadable. EC57's tools look at two of them (0x30): both are set where no lead is readable.

    References:
        https://physionet.org/physiotools/wag/annot-5.htm
    """
    if not classified.gated:
        return
    leads = range(len(classified.recording.leads))
    edges = sorted({time for one in classified.segments for time in (one.start_s, one.stop_s)})
    before = 0
    for at_s in edges:
        bad = {one.lead for one in classified.segments if one.start_s <= at_s < one.stop_s}
        bits = 0
        for signal in (classified.recording.signals[lead] for lead in bad):
            bits |= 0x11 << signal if signal < _FEW else 0
        bits |= 0x33 if bad == set(leads) else 0
        if bits != before and at_s < classified.recording.duration_s:
            yield at_s, bits - 256 if bits > 127 else bits
        before = bits


def _csv_lines(classified: ClassifiedRecording) -> Iterator[str]:
    """Yield a line a beat, and one (``~``) a time at which not all leads can be read."""
    yield ",".join([*_OURS["csv"].decode().split(","), *(f"p_{c}" for c in classified.classes)])
    yield "\n"
    fs_hz = classified.recording.fs_hz
    empty = "," * len(classified.classes)
    rows = [
        (start, f"{round(start * fs_hz)},{start:.4f},{stop:.4f},{_NOISE}{empty}\n")
        for start, stop in (classified.partly_unreadable if classified.gated else [])
    ]
    names = (*classified.classes, _NOT_CLASSIFIED)
    beats = zip(
        classified.samples.tolist(), classified.times_s.tolist(), classified.called.tolist(),
        classified.probabilities.tolist(), strict=True,
    )  # fmt: skip
    pending = iter([*rows, (np.inf, "")])
    at, line = next(pending)
    for sample, time_s, called, probabilities in beats:
        while at <= time_s:
            yield line
            at, line = next(pending)
        figures = empty if called < 0 else "".join(f",{p:.5f}" for p in probabilities)
        yield f"{sample},{time_s:.4f},,{names[called]}{figures}\n"
    yield line
    yield from (rest for _, rest in pending)


def _to_json(classified: ClassifiedRecording, bundle: Bundle) -> dict[str, Any]:
    names = (*classified.classes, _NOT_CLASSIFIED)
    rounded = np.round(classified.probabilities.astype(np.float64), 5).tolist()
    return {
        "tool": "ecg-nas",
        "notice": NOTICE,
        "model": bundle.manifest.files[classified.model].sha256,
        **summary(classified),
        "classes": list(classified.classes),
        "sample": classified.samples.tolist(),
        "time_s": np.round(classified.times_s, 4).tolist(),
        "class": [names[called] for called in classified.called.tolist()],
        "probabilities": [
            None if called < 0 else row
            for called, row in zip(classified.called.tolist(), rounded, strict=True)
        ],
    }
