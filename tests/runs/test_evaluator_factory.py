import pytest

from ecg_nas.errors import ConfigError
from ecg_nas.runs import evaluator_factory


@pytest.mark.parametrize(("workers", "device"), [(0, "cpu"), (0, "cuda"), (17, "cuda")])
def test_workers_that_cannot_be_are_refused(workers, device):
    with pytest.raises(ConfigError, match=rf"--workers must be .* got {workers}"):
        evaluator_factory.n_workers(workers, device)


def test_processes_are_as_many_as_asked_for():
    assert evaluator_factory.n_workers(17, "cpu") == 17
    assert evaluator_factory.n_workers(16, "cuda") == 16
    assert evaluator_factory.n_workers(None, "cpu") >= 1
