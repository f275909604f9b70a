import pytest
from bundles import ectopic_recordings, tiny_bundle

from data_prep.store.prepare import prepare


@pytest.fixture(scope="session")
def bundle_folder(tmp_path_factory):
    """A bundle to read; copy it to alter it."""
    return tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")


@pytest.fixture(scope="session")
def recordings(tmp_path_factory):
    """Six made-up patients as WFDB files."""
    return ectopic_recordings(tmp_path_factory.mktemp("recordings"))


@pytest.fixture
def store(recordings, tmp_path):
    """A signal store of those patients; a fresh one a test, as evaluations leave traces in it."""
    prepare("wfdb", tmp_path / "store", records=recordings)
    return tmp_path / "store"
