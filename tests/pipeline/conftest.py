import shutil

import pytest
from main_job import settings

from ecg_nas.pipeline.main_job import execute


@pytest.fixture(scope="session")
def store(_small_store, tmp_path_factory):
    """A prepared store whose test patients are out of reach."""
    copy = shutil.copytree(_small_store, tmp_path_factory.mktemp("train only") / "store")
    shutil.rmtree(copy / "test")
    return copy


@pytest.fixture(scope="session")
def whole(store, tmp_path_factory):
    """The folder of an uninterrupted run, its summary and its events."""
    out, events = tmp_path_factory.mktemp("whole") / "run", []
    summary = execute(settings(out.parent, store), out, workers=2, on_event=events.append)
    return out, summary, events


@pytest.fixture
def run(whole, tmp_path):
    """A copy of that folder."""
    return shutil.copytree(whole[0], tmp_path / "run")
