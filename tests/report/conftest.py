import pytest
from stored_runs import stored_run


@pytest.fixture
def run(tmp_path):
    return stored_run(tmp_path / "my <b>run")
