import numpy as np
import pytest
from bundles import ectopic_signal, tiny_bundle

from data_prep.prepare import prepare
from data_prep.record import write_annotations, write_record


@pytest.fixture(scope="session")
def bundle_folder(tmp_path_factory):
    """A bundle to read; copy it to alter it."""
    return tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")


@pytest.fixture(scope="session")
def recordings(tmp_path_factory):
    """Six made-up patients as WFDB files."""
    folder = tmp_path_factory.mktemp("recordings")
    rng = np.random.default_rng(5)
    for name in ("p1", "p2", "p3", "p4", "p5", "232"):
        signal, beats, symbols = ectopic_signal(rng)
        write_record(folder / name, signal=signal, fs_hz=125.0, leads=("MLII", "V1"))
        write_annotations(folder / name, "atr", samples=beats, symbols=symbols, fs_hz=125.0)
    return folder


@pytest.fixture
def store(recordings, tmp_path):
    """A signal store of those patients; a fresh one a test, as evaluations leave traces in it."""
    prepare("wfdb", tmp_path / "store", records=recordings)
    return tmp_path / "store"
