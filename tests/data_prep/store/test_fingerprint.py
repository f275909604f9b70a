"""Same input, same fingerprint; anything else, another one."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from data_requests import asked

from data_prep.dsp.signal_spec import SignalSpec
from data_prep.io.formats import read_record
from data_prep.io.record import read_annotations, write_annotations, write_record
from data_prep.store.cache_key import cache_key
from data_prep.store.prepare import prepare

SIGNAL = SignalSpec(leads=("II", "V1"))
SPLIT = 'train = ["p0", "p1", "p2"]\ntest = ["p3", "p4", "p5"]\n'


@pytest.fixture
def split(tmp_path):
    file = tmp_path / "split.toml"
    file.write_text(SPLIT)
    return file


def _fingerprint(folder, tmp_path, split, **settings):
    out = tmp_path / "store"
    settings = {"signal": SIGNAL, "split": str(split), **settings}
    found = prepare(asked("wfdb", folder, **settings), out)["fingerprint"]
    shutil.rmtree(out)
    return found


def test_place_time_process_and_order_do_not_matter(small_folder, tmp_path, split):
    first = _fingerprint(small_folder, tmp_path, split)
    elsewhere = shutil.copytree(small_folder, tmp_path / "elsewhere")
    for file in sorted(elsewhere.iterdir(), reverse=True):
        os.utime(file, (0, 0))
    assert _fingerprint(elsewhere, tmp_path, split) == first
    code = (
        "import json, sys; from pathlib import Path; from data_prep.store.prepare import prepare\n"
        "from data_prep.store.request import DataRequest\n"
        "request = DataRequest.from_json(json.loads(sys.argv[1]))\n"
        "print(prepare(request, Path(sys.argv[2]))['fingerprint'])"
    )
    asked_for = asked("wfdb", elsewhere, signal=SIGNAL, split=str(split))
    request = json.dumps(asked_for.to_json())
    for seed in ("1", "2"):
        result = subprocess.run(
            [sys.executable, "-c", code, request, tmp_path / f"s{seed}"],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        assert result.stdout.strip() == first


@pytest.mark.parametrize(
    "change",
    [
        {"fs_hz": 128.0},
        {"leads": ("V1", "II")},
        {"leads": ("II",)},
        {"baseline": "none"},
        {"band_hz": (0.0, 35.0)},
        {"band_hz": (0.5, 40.0)},
        {"mapping": "bxb"},
    ],
    ids=str,
)
def test_a_changed_setting_changes_it(small_folder, tmp_path, split, change):
    changed = _fingerprint(small_folder, tmp_path, split, signal=replace(SIGNAL, **change))
    assert changed != _fingerprint(small_folder, tmp_path, split)


def _flip_sample(folder):
    """Change one sample by one step, and nothing else."""
    data = np.fromfile(folder / "p4.dat", dtype="<i2")
    data[2 * 3000] += 1
    data.tofile(folder / "p4.dat")


def _change_gain(folder):
    header = folder / "p2.hea"
    header.write_text(header.read_text().replace("200.0(0)", "201.0(0)", 1))


def _lose_a_sample(folder):
    record = read_record(folder / "p1")
    signal = record.signal.copy()
    signal[77, 1] = np.nan
    write_record(folder / "p1", signal=signal, fs_hz=250, leads=record.leads)


def _rewrite_notes(folder, *, shift=0, symbol=None, noise=False):
    notes = read_annotations(folder / "p3", "atr")
    samples, symbols = notes.samples.copy(), notes.symbols.copy()
    samples[10] += shift
    if symbol is not None:
        symbols[10] = symbol
    if noise:
        samples, symbols = np.insert(samples, 11, samples[10] + 5), np.insert(symbols, 11, "~")
    write_annotations(folder / "p3", "atr", samples=samples, symbols=symbols, fs_hz=250)


def _rename(folder):
    for extension in ("hea", "dat", "atr"):
        (folder / f"p5.{extension}").rename(folder / f"p6.{extension}")
    header = folder / "p6.hea"
    header.write_text(header.read_text().replace("p5", "p6"))
    (folder.parent / "split.toml").write_text(SPLIT.replace("p5", "p6"))


def _patients(folder):
    table = folder.parent / "patients.csv"
    rows = "".join(f"p{i},{'p0' if i == 1 else f'p{i}'}\n" for i in range(6))
    table.write_text(f"record,patient\n{rows}")
    (folder.parent / "split.toml").write_text(SPLIT.replace('"p1", ', ""))
    return {"patients": table}


def _labels(folder):
    labels = folder.parent / "aami.toml"  # the same name as the default mapping
    labels.write_text('"N" = "N"\n"A" = "S"\n"V" = "V"\n"F" = "V"\n')
    return {"labels": labels}


def _annotator(folder):
    record = read_record(folder / "p0")
    write_annotations(
        folder / "p0", "man", samples=record.beats + 1, symbols=record.symbols, fs_hz=250
    )
    return {"annotators": ("man", "atr")}


def _turn_split(folder):
    turned = SPLIT.replace('"p2"]', "]").replace("test = [", 'test = ["p2", ')
    (folder.parent / "split.toml").write_text(turned.replace(", ]", "]"))


CHANGES = {
    "one sample by one step": _flip_sample,
    "a gain": _change_gain,
    "one sample that is none": _lose_a_sample,
    "one beat by one sample": lambda f: _rewrite_notes(f, shift=1),
    "the class of one beat": lambda f: _rewrite_notes(f, symbol="V"),
    "the symbol of one beat": lambda f: _rewrite_notes(f, symbol="L"),
    "a mark of noise": lambda f: _rewrite_notes(f, noise=True),
    "the name of a record": _rename,
    "whose record it is": _patients,
    "the class of a symbol": _labels,
    "who annotated": _annotator,
    "the side of a patient": _turn_split,
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_record_changes_it(small_folder, tmp_path, split, change):
    before = _fingerprint(small_folder, tmp_path, split)
    settings = CHANGES[change](small_folder)
    settings = settings if isinstance(settings, dict) else {}
    assert _fingerprint(small_folder, tmp_path, split, **settings) != before


@pytest.mark.parametrize("change", [None, *CHANGES])
def test_a_stamp_changes_with_the_files_and_settings(small_folder, tmp_path, split, change):
    def stamped(**settings):
        return cache_key(asked("wfdb", small_folder, signal=SIGNAL, split=str(split), **settings))

    for file in small_folder.iterdir():
        os.utime(file, (0, 0))  # so that what is written below has another time
    before = stamped()
    settings = CHANGES[change](small_folder) if change else None
    after = stamped(**(settings if isinstance(settings, dict) else {}))
    assert (after == before) == (change is None)


def test_a_stamp_knows_the_files_of_a_record_in_parts(small_folder, split):
    for name in ("p0", "p1"):
        (small_folder / f"{name}.atr").rename(small_folder / f"{name}_1.atr")
        for extension in ("hea", "dat"):
            (small_folder / f"{name}.{extension}").rename(small_folder / f"{name}_1.{extension}")
        header = small_folder / f"{name}_1.hea"
        header.write_text(header.read_text().replace(name, f"{name}_1"))
        length = header.read_text().split()[3]
        (small_folder / f"{name}.hea").write_text(f"{name}/1 2 250 {length}\n{name}_1 {length}\n")
        (small_folder / f"{name}_1.atr").rename(small_folder / f"{name}.atr")
    before = cache_key(asked("wfdb", small_folder))
    os.utime(small_folder / "p1_1.dat", (0, 0))
    assert cache_key(asked("wfdb", small_folder)) != before
    assert cache_key(asked("wfdb", small_folder, signal=SIGNAL)) != before
