"""Small recordings in the formats that other tools write."""

import numpy as np

from data_prep.io.record import write_record


def write_csv(file, signal, *, fs_hz=250.0, leads=("II (mV)", "V1 (mV)"), times=True, sep=","):
    """Write a text file with a line a sample; NaN is an empty cell."""
    names = [*(["time"] if times else []), *leads]
    lines = [sep.join(names)]
    for place, row in enumerate(np.asarray(signal).tolist()):
        cells = ["" if np.isnan(value) else f"{value:.5f}" for value in row]
        lines.append(sep.join([*([f"{place / fs_hz:.4f}"] if times else []), *cells]))
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def write_edf(
    file, signals, *, per_frame, frame_s=1.0, labels=("ECG II", "ECG V1"), units=None, onsets=None
):
    """Write an EDF file of 1 uV a step; with ``onsets`` an interrupted one (EDF+D)."""
    units = units or ["uV"] * len(signals)
    n_frames = len(signals[0]) // per_frame[0]
    labels, units, sizes = list(labels), list(units), list(per_frame)
    digital = [
        np.clip(np.rint(np.asarray(values) * (1000 if unit == "uV" else 1e4)), -32768, 32767)
        for values, unit in zip(signals, units, strict=True)
    ]
    physical = [(-32768, 32767) if unit == "uV" else (-3.2768, 3.2767) for unit in units]
    if onsets is not None:
        labels, units, sizes = [*labels, "EDF Annotations"], [*units, ""], [*sizes, 15]
        physical = [*physical, (-1, 1)]
    n = len(labels)

    def text(value, width):
        return str(value).encode("latin-1").ljust(width)[:width]

    fields = [
        [text(label, 16) for label in labels],
        [text("", 80)] * n,
        [text(unit, 8) for unit in units],
        [text(low, 8) for low, _ in physical],
        [text(high, 8) for _, high in physical],
        [text(-32768, 8)] * n,
        [text(32767, 8)] * n,
        [text("", 80)] * n,
        [text(size, 8) for size in sizes],
        [text("", 32)] * n,
    ]
    head = text("0", 8) + text("X X X X", 80) + text("Startdate X", 80) + b"01.01.2600.00.00"
    head += text(256 * (n + 1), 8) + text("EDF+D" if onsets is not None else "", 44)
    head += text(n_frames, 8) + text(f"{frame_s:g}", 8) + text(n, 4)
    content = head + b"".join(b"".join(field) for field in fields)
    for frame in range(n_frames):
        for values, size in zip(digital, per_frame, strict=True):
            content += values[frame * size : (frame + 1) * size].astype("<i2").tobytes()
        if onsets is not None:
            content += text(f"+{onsets[frame]:g}\x14\x14", 30).replace(b" ", b"\0")
    file.write_bytes(content)
    return file


def example_of(form, folder, signal, *, fs_hz, leads, name="r"):
    """Write a recording in the format called ``form``; return what one gives to open it.

    A format joins by a function ``_NAME_example`` below. The signal, in mV, has rows without
    values in whole seconds only, for all leads: a pause.
    """
    return globals()[f"_{form}_example"](folder / name, np.asarray(signal), fs_hz, leads)


def _wfdb_example(path, signal, fs_hz, leads):
    write_record(path, signal=signal, fs_hz=fs_hz, leads=leads, gain=1000)
    return path


def _csv_example(path, signal, fs_hz, leads):
    named = [f"{lead} (mV)" for lead in leads]
    return write_csv(path.with_suffix(".csv"), signal, fs_hz=fs_hz, leads=named)


def _edf_example(path, signal, fs_hz, leads):
    frames = signal.reshape(-1, int(fs_hz), len(leads))
    there = np.flatnonzero(~np.isnan(frames).all(axis=(1, 2)))
    kept = frames[there].reshape(-1, len(leads)).T
    labels = [f"ECG {lead}" for lead in leads]
    per_frame = [int(fs_hz)] * len(leads)
    onsets = there.astype(float) if len(there) < len(frames) else None
    return write_edf(
        path.with_suffix(".edf"), kept, per_frame=per_frame, labels=labels, onsets=onsets
    )
