"""What all tests share: where the real data lie, and small generated recordings."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from data_requests import asked

from data_prep.io.record import write_annotations, write_record
from data_prep.store.prepare import prepare

ROOT = Path(__file__).resolve().parents[1]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # What a shell starts in the background ignores Ctrl-C, and so would what tests interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real recordings and tables."""
    folder = Path(os.environ.get("ECG_NAS_TEST_DATA") or ROOT.parent / "shared" / "data")
    if not (folder / "mitdb" / "100.hea").is_file():
        pytest.skip(f"no real data in {folder}: set ECG_NAS_TEST_DATA to their folder")
    return folder


@pytest.fixture(scope="session")
def mitdb_dir(data_dir: Path) -> Path:
    """The 48 records of the MIT-BIH Arrhythmia Database."""
    return data_dir / "mitdb"


@pytest.fixture(scope="session")
def mitdb_store(mitdb_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A signal store of mitdb with the standard split; only to be read."""
    out = tmp_path_factory.mktemp("mitdb") / "store"
    prepare(asked("mitdb", mitdb_dir), out)
    return out


WriteRecord = Callable[..., Path]


@pytest.fixture(scope="session")
def write_patient() -> WriteRecord:
    """A function that writes one small recording with .atr annotations; returns its path."""
    return _write_patient


@pytest.fixture
def small_folder(tmp_path: Path, _small_folder: Path) -> Path:
    """A folder of its own with six patients of about 50 s, all with N, S and V; two with F."""
    return shutil.copytree(_small_folder, tmp_path / "recordings")


@pytest.fixture(scope="session")
def _small_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recordings")
    for index in range(6):
        rare = ("F",) if index % 3 == 0 else ()
        _write_patient(folder, f"p{index}", seed=index, symbols=("A", "V", *rare))
    return folder


@pytest.fixture
def small_store(tmp_path: Path, _small_store: Path) -> Path:
    """A signal store of its own, prepared from ``small_folder``'s recordings."""
    return shutil.copytree(_small_store, tmp_path / "store")


@pytest.fixture(scope="session")
def _small_store(tmp_path_factory: pytest.TempPathFactory, _small_folder: Path) -> Path:
    out = tmp_path_factory.mktemp("prepared") / "store"
    prepare(asked("wfdb", _small_folder), out)
    return out


def _write_patient(
    folder: Path,
    name: str,
    *,
    seed: int = 0,
    n_beats: int = 60,
    fs_hz: float = 250.0,
    leads: Sequence[str] = ("II", "V1"),
    symbols: Sequence[str] = ("A", "V"),
) -> Path:
    """Write bumps for beats: every fifth is one of ``symbols``, early, and wide unless it is A."""
    rng = np.random.default_rng(seed)
    kinds = ["N"] * n_beats
    for order, beat in enumerate(range(3, n_beats, 5)):
        kinds[beat] = symbols[order % len(symbols)]
    intervals = np.where(np.array(kinds) == "N", 0.8, 0.55) + rng.normal(0, 0.01, n_beats)
    times = 0.5 + np.cumsum(intervals)
    grid = np.arange(int((times[-1] + 1) * fs_hz)) / fs_hz
    signal = rng.normal(0, 0.01, (len(grid), len(leads)))
    for time, kind in zip(times, kinds, strict=True):
        width = 0.01 if kind in "NA" else 0.04
        bump = np.exp(-(((grid - time) / width) ** 2) / 2)
        for lead in range(len(leads)):
            signal[:, lead] += (1.0 - 0.4 * lead) * bump
    path = folder / name
    write_record(path, signal=signal, fs_hz=fs_hz, leads=leads)
    write_annotations(
        path, "atr", samples=np.rint(times * fs_hz).astype(int), symbols=kinds, fs_hz=fs_hz
    )
    return path


@pytest.fixture(scope="session")
def bundle_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle to read; copy it to alter it."""
    from bundles import tiny_bundle  # torch and onnx, which most tests do without

    return tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six made-up patients as WFDB files."""
    from bundles import ectopic_recordings

    return ectopic_recordings(tmp_path_factory.mktemp("recordings"))


@pytest.fixture
def store(recordings: Path, tmp_path: Path) -> Path:
    """A signal store of those patients; a fresh one a test, as evaluations leave traces in it."""
    prepare(asked("wfdb", recordings), tmp_path / "store")
    return tmp_path / "store"
