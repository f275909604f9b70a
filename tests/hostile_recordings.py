"""Recordings that lie about themselves: small files, each with something that must be refused."""

import os
import shutil

import numpy as np
from recordings import write_edf

FS_HZ = 250
SECONDS = 30

MANY = "7" * 5000


def _trace(n_leads=2, seconds=SECONDS):
    at = np.arange(seconds * FS_HZ) % FS_HZ
    beat = np.exp(-(((at - 125) / 4) ** 2)) + 0.15 * np.exp(-(((at - 190) / 12) ** 2))
    return np.stack([beat * scale for scale in (1.0, -0.6)[:n_leads]], axis=1)


def good_record(folder, name="r"):
    """Write a good record with beats of three classes in ``folder``; return it."""
    from data_prep.io.record import write_annotations, write_record

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    write_record(path, signal=_trace(), fs_hz=FS_HZ, leads=("MLII", "V1"))
    peaks = np.arange(125, SECONDS * FS_HZ, FS_HZ)
    symbols = [{3: "A", 4: "V"}.get(k % 5, "N") for k in range(len(peaks))]
    write_annotations(path, "atr", samples=peaks, symbols=symbols, fs_hz=FS_HZ)
    return path


def _header(old, new, *, every=False):
    """Return what writes a record whose header has ``new`` for the (first) ``old``."""

    def make(folder):
        path = good_record(folder)
        file = path.with_suffix(".hea")
        text = file.read_text()
        assert old in text, text
        file.write_text(text.replace(old, new, -1 if every else 1))
        return path

    return make


def _header_text(text):
    def make(folder):
        path = good_record(folder)
        path.with_suffix(".hea").write_text(text)
        return path

    return make


def _parts(lines, n_frames):
    """Return what writes a record of two good parts, ``p`` and ``q``, and of these lines."""

    def make(folder):
        good_record(folder, "p")
        good_record(folder, "q")
        own = lines() if callable(lines) else lines
        (folder / "r.hea").write_text(f"r/{len(own)} 2 {FS_HZ} {n_frames}\n" + "\n".join(own))
        shutil.copy(folder / "p.atr", folder / "r.atr")
        return folder / "r"

    return make


def _flac(n_samples, n_said):
    def make(folder):
        import soundfile

        path = good_record(folder)
        silence = np.zeros(n_samples, dtype=np.int16)
        soundfile.write(str(folder / "r.dat"), silence, FS_HZ, format="FLAC", subtype="PCM_16")
        line = "r.dat 516 200/mV 16 0 0 0 0 MLII"
        path.with_suffix(".hea").write_text(f"r 1 {FS_HZ} {n_said}\n{line}\n")
        return path

    return make


# Annotation files, by their words of two bytes.
_END = b"\0\0"
_BEAT = (1 << 10).to_bytes(2, "little")


def _word(code, value=0):
    return ((code << 10) | value).to_bytes(2, "little")


def _note(text, ahead=0):
    text += b"\0" * (len(text) % 2)
    return _word(22, ahead) + _word(63, len(text)) + text


def _skip(frames):
    raw = frames & 0xFFFFFFFF
    return _word(59) + (raw >> 16).to_bytes(2, "little") + (raw & 0xFFFF).to_bytes(2, "little")


def _notes(content):
    def make(folder):
        path = good_record(folder)
        path.with_suffix(".atr").write_bytes(content() if callable(content) else content)
        return path

    return make


def _table(content):
    def make(folder):
        path = good_record(folder)
        path.with_suffix(".atr").unlink()
        path.with_name("r.atr.csv").write_text(content() if callable(content) else content)
        return path

    return make


def _long_table(folder):
    path = _table("sample,symbol\n125,N\n")(folder)
    os.truncate(path.with_name("r.atr.csv"), 300_000_000)
    return path


def _long_notes(folder):
    path = good_record(folder)
    os.truncate(path.with_suffix(".atr"), 60_000_000)
    return path


# Text files with a line a sample.


def _csv(change, head="time,MLII (mV),V1 (mV)"):
    """Return what writes a CSV file; ``change`` takes its lines of samples, and changes them."""

    def make(folder):
        folder.mkdir(parents=True, exist_ok=True)
        rows = [f"{k / FS_HZ:.4f},{a:.4f},{b:.4f}" for k, (a, b) in enumerate(_trace().tolist())]
        rows = change(rows) or rows
        file = folder / "r.csv"
        file.write_text("\n".join([head, *rows]) + "\n")
        _beside(folder)
        return file

    return make


def _beside(folder):
    """Write a table of beats for the recording r of any format."""
    lines = [f"{k + 0.5},{'V' if k % 5 == 4 else 'N'}" for k in range(SECONDS)]
    (folder / "r.atr.csv").write_text("time,symbol\n" + "\n".join(lines) + "\n")


def _set(place, text):
    def change(rows):
        rows[place] = text(rows[place]) if callable(text) else text

    return change


def _endless_line(folder):
    file = _csv(lambda rows: rows)(folder)
    os.truncate(file, 6 << 30)
    return file


# EDF.


def _edf(*, onsets=None, **changed):
    """Return what writes an EDF file with some fields of its header changed, by name."""
    fixed = {"n_frames": (236, 8), "frame_s": (244, 8), "n_signals": (252, 4), "bytes": (184, 8)}
    # Of three signals (the third holds the notes): where the first one's own begins.
    own = {"low": 312, "high": 336, "digital_low": 360, "samples": 648}
    own |= {"label": 0}

    def make(folder):
        folder.mkdir(parents=True, exist_ok=True)
        signals = list(_trace().T)
        times = [float(k) for k in range(SECONDS)] if onsets is None else onsets(SECONDS)
        file = write_edf(
            folder / "r.edf", signals, per_frame=(FS_HZ, FS_HZ), labels=("MLII", "V1"), onsets=times
        )
        content = bytearray(file.read_bytes())
        for name, text in changed.items():
            if name == "size":
                continue
            at, width = fixed.get(name) or (256 + own[name], 16 if name == "label" else 8)
            content[at : at + width] = str(text).encode().ljust(width)[:width]
        file.write_bytes(content)
        if "size" in changed:
            os.truncate(file, changed["size"])
        _beside(folder)
        return file

    return make


def _thin_edf(n_frames, onset_of=None, size=None):
    """Return what writes an EDF file of records of one sample each."""

    def make(folder):
        folder.mkdir(parents=True, exist_ok=True)
        labels = [b"MLII"] + ([b"EDF Annotations"] if onset_of else [])
        n = len(labels)
        note = 10

        def fields(values, width):
            return b"".join(str(v).encode().ljust(width) for v in values[:n])

        head = b"0       " + b" " * 160 + b"01.01.2600.00.00"
        head += str(256 * (n + 1)).encode().ljust(8)
        head += (b"EDF+D" if onset_of else b"").ljust(44)
        head += str(n_frames).encode().ljust(8) + b"0.004   " + str(n).encode().ljust(4)
        head += b"".join(label.ljust(16) for label in labels) + b" " * 80 * n
        head += fields(["uV", ""], 8) + fields([-1000, -1], 8) + fields([1000, 1], 8)
        head += fields([-32768, -32768], 8) + fields([32767, 32767], 8) + b" " * 80 * n
        head += fields([1, note], 8) + b" " * 32 * n
        content = bytearray(head)
        for k in range(n_frames if onset_of else 0):
            content += b"\0\0" + f"+{onset_of(k):.3f}\x14\x14".encode().ljust(2 * note, b"\0")
        (folder / "r.edf").write_bytes(content)
        if size is not None:
            os.truncate(folder / "r.edf", size)
        _beside(folder)
        return folder / "r.edf"

    return make


_FORM = "r.dat 16 "
_GAIN = "200.0(0)/mV"

CASES = {
    # Headers of WFDB: numbers.
    "skew 1e9": _header(_FORM, "r.dat 16:1000000000 ", every=True),
    "skew 1e17": _header(_FORM, f"r.dat 16:{10**17} "),
    "skew digits": _header(_FORM, f"r.dat 16:{MANY} "),
    "gain 9e99": _header(_GAIN, "9e99(0)/mV"),
    "gain 1e-300": _header(_GAIN, "1e-300(0)/mV"),
    "gain digits": _header(_GAIN, f"{MANY}(0)/mV"),
    "gain nearly digits": _header(_GAIN, f"{'1' * 15000}x/mV"),
    "gain nan": _header(_GAIN, "nan/mV"),
    "baseline 1e17": _header(_GAIN, f"200.0({10**17})/mV"),
    "baseline digits": _header(_GAIN, f"200.0({MANY})/mV"),
    "offset 1e17": _header(_FORM, f"r.dat 16+{10**17} "),
    "offset digits": _header(_FORM, f"r.dat 16+{MANY} "),
    "offset of one lead": _header(_FORM, "r.dat 16+9000000000 "),
    "samples 1e17": _header(" 250 7500", f" 250 {10**17}"),
    "samples digits": _header(" 250 7500", f" 250 {MANY}"),
    "samples below 0": _header(" 250 7500", " 250 -7500"),
    "leads digits": _header("r 2 ", f"r {MANY} "),
    "leads 1e9": _header("r 2 ", "r 1000000000 "),
    "leads 50000": _header_text("r 50000 250 10\n" + "r.dat 16\n" * 50_000),
    "leads below 0": _header("r 2 ", "r -2 "),
    "rate 9e99": _header(" 250 ", " 9e99 "),
    "rate 1e9": _header(" 250 ", " 1000000000 "),
    "rate 0.001": _header(" 250 ", " 0.001 "),
    "rate digits": _header(" 250 ", f" {MANY} "),
    "rate nan": _header(" 250 ", " nan "),
    "rate below 0": _header(" 250 ", " -250 "),
    "counter digits": _header(" 250 ", f" 250/{MANY}({MANY}) "),
    "frame 1e9": _header(_FORM, "r.dat 16x1000000000 "),
    "frame digits": _header(_FORM, f"r.dat 16x{MANY} "),
    "frame 0": _header(_FORM, "r.dat 16x0 "),
    "fast compressed lead": _header(_FORM, "r.dat 516x1000000 "),
    "checksum digits": _header("16 0 0 ", f"16 0 {MANY} "),
    # Headers of WFDB: text.
    "header of 5 MB": _header("\n", "\n" + "# nothing\n" * 500_000),
    "header line of 1 MB": _header("\n", f"\n# {'x' * 1_000_000}\n"),
    "name of a lead": _header("MLII", "M" * 10_000),
    "name of a file": _header(_FORM, f"{'r' * 9000}.dat 16 "),
    # Parts.
    "200,000 parts": _parts(lambda: ["p 7500"] + ["~ 1"] * 199_999, 207_499),
    "gap 1e9": _parts(["p 7500", "~ 1000000000", "q 7500"], 1_000_015_000),
    "gap 1e17": _parts(["p 7500", f"~ {10**17}", "q 7500"], 10**17),
    "gaps in sum": _parts(lambda: ["p 7500", *["~ 10000000"] * 90, "q 7500"], 900_015_000),
    "gap digits": _parts(["p 7500", f"~ {MANY}", "q 7500"], 15_000),
    "one part 19,000 times": _parts(lambda: ["p 7500"] * 19_000, 7500 * 19_000),
    "a part of itself": _parts(["r 7500"], 7500),
    # Compressed files.
    "compressed, 1e10 samples said": _flac(7500, 10**10),
    "compressed silence": _flac(90_000_000, 90_000_000),
    "no signal at all": _header_text("r 1 250 10000000000\nr.dat 0 200/mV 16 0 0 0 0 MLII\n"),
    # Annotations.
    "1e6 notes at one time": _notes(lambda: _note(b"x") * 1_000_000 + _END),
    "1e6 beats at one time": _notes(lambda: _BEAT * 1_000_000 + _END),
    "notes there and back": _notes(
        lambda: (_BEAT + _skip(9) + _BEAT + _skip(-9)) * 100_000 + _END
    ),
    "7e6 annotations": _notes(lambda: _word(1, 1) * 7_000_000 + _END),
    "annotations of 60 MB": _long_notes,
    "long symbol": _notes(
        lambda: _note(b"## annotation type definitions") + _note(b"42 " + b"s" * 900 + b" it")
        + _note(b"## end of definitions") + _word(42, 9) * 500 + _END
    ),
    "annotation rate digits": _notes(
        _note(b"## time resolution: " + b"9" * 900) + _word(1, 9) + _END
    ),
    "annotation rate 1e-99": _notes(
        _note(b"## time resolution: 0." + b"0" * 40 + b"1") + _word(1, 9) + _END
    ),
    "far annotation": _notes(_skip(2**31 - 1) * 9 + _word(1, 9) + _END),
    "annotation before 0": _notes(_skip(-(2**31)) * 9 + _word(1, 9) + _END),
    "no end mark": _notes(_word(1, 9) * 9),
    "text past the end": _notes(_word(1, 9) + _word(63, 1023) + b"abc"),
    # Tables of beats.
    "beat at 9e99": _table("sample,symbol\n9e99,N\n"),
    "beat at digits": _table(f"sample,symbol\n{MANY},N\n"),
    "beat at nan": _table("time,symbol\nnan,N\n"),
    "beat below 0": _table("sample,symbol\n-5,N\n"),
    "table with a line of 1 MB": _table("sample,symbol\n" + "9" * 1_000_000 + ",N\n"),
    "1e6 beats of a table at one time": _table(lambda: "sample,symbol\n" + "9,N\n" * 1_000_000),
    "table of 300 MB": _long_table,
    # Text files.
    "line of 6 GB": _endless_line,
    "line of 100 kB": _csv(_set(5000, "1," + "2" * 100_000 + ",3")),
    "30,000 columns": _csv(lambda rows: rows, head="time" + ",a" * 30_000),
    "name of a column": _csv(lambda rows: rows, head=f"time,MLII{' ' * 30_000}((mV),V1 (mV)"),
    "times 9e99": _csv(_set(-1, "9e99,0,0")),
    "times nan": _csv(_set(-1, "nan,0,0")),
    "times digits": _csv(_set(-1, f"{MANY},0,0")),
    "times down": _csv(lambda rows: rows[::-1]),
    "gap of 1e6 s": _csv(lambda rows: [*rows[:5000], *(f"1{row}" for row in rows[5000:])]),
    "rate of 1e12": _csv(lambda rows: [f"{k}e-12,0,0" for k in range(len(rows))]),
    "cells too many": _csv(_set(5000, "1" + ",2" * 8000)),
    "no numbers": _csv(_set(5000, "20.0,x,y")),
    "bytes": _csv(_set(5, "\0\0\0")),
    # EDF.
    "9e99 signals": _edf(n_signals="9e99"),
    "9999 signals": _edf(n_signals="9999", bytes="2560000"),
    "-1 signals": _edf(n_signals="-1"),
    "nan signals": _edf(n_signals="nan"),
    "9e99 data records": _edf(n_frames="9e99"),
    "data records below 0": _edf(n_frames="-9"),
    "20,000,000 data records": _thin_edf(20_000_000, size=40_000_512),
    "unknown many data records": _thin_edf(-1, size=60_000_512),
    "9e99 samples": _edf(samples="9e99"),
    "9e307 samples": _edf(samples="9e307"),
    "samples of a record below 0": _edf(samples="-9e300"),
    "data record of 2 GB": _edf(samples="999999999", n_frames="1", size=2_100_000_000),
    "range 9e307": _edf(low="-9e307", high="9e307"),
    "range nan": _edf(low="nan"),
    "range of nothing": _edf(low="1e-300", high="2e-300"),
    "duration 1e-99": _edf(frame_s="1e-99"),
    "duration nan": _edf(frame_s="nan"),
    "duration 9e99": _edf(frame_s="9e99"),
    "pause of 1e6 s": _edf(onsets=lambda n: [k + 1e6 * (k >= n // 2) for k in range(n)]),
    "onsets 9e99": _edf(onsets=lambda n: [k if k < n // 2 else 9e99 for k in range(n)]),
    "onsets down": _edf(onsets=lambda n: [float(n - k) for k in range(n)]),
    "onsets nan": _edf(onsets=lambda n: [k if k < n // 2 else float("nan") for k in range(n)]),
    "100,000 pauses": _thin_edf(100_000, onset_of=lambda k: 0.02 * k),
}  # fmt: skip

LONG = (
    "1e6 notes at one time",
    "1e6 beats at one time",
    "7e6 annotations",
    "1e6 beats of a table at one time",
)
"""Those that take seconds to refuse, and to write."""
