"""The main job at its smallest, shared with its own tests."""

import shutil
import sys
from pathlib import Path

import pytest

PIPELINE = Path(__file__).resolve().parents[1] / "pipeline"
if str(PIPELINE) not in sys.path:
    sys.path.append(str(PIPELINE))


@pytest.fixture(scope="session")
def train_store(_small_store, tmp_path_factory):
    """A prepared store whose test patients are out of reach."""
    copy = shutil.copytree(_small_store, tmp_path_factory.mktemp("train only") / "store")
    shutil.rmtree(copy / "test")
    return copy


@pytest.fixture(scope="session")
def undisturbed(train_store, tmp_path_factory):
    """The folder of a run that nobody disturbed."""
    from main_job import settings

    from ecg_nas.pipeline.main_job import execute

    out = tmp_path_factory.mktemp("undisturbed") / "run"
    execute(settings(out.parent, train_store), out, workers=2)
    return out
