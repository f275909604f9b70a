import pytest
import torch

from ecg_nas.training import precision
from ecg_nas.training.config import EngineConfig
from ecg_nas.training.engine import reason, settled

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.fixture(autouse=True)
def with_matrix_units(monkeypatch):
    monkeypatch.setattr(precision, "has_matrix_units", lambda device: True)


@pytest.mark.parametrize(("device", "folds"), [(CPU, "alone"), (CUDA, "together")])
def test_auto_is_what_suits_the_device(device, folds):
    assert settled(EngineConfig(), device) == EngineConfig(folds=folds, precision="bfloat16")


def test_the_way_is_told_with_its_reason():
    asked = EngineConfig(folds="alone", precision="float32")
    told = [reason(engine, device) for engine in (EngineConfig(), asked) for device in (CPU, CUDA)]
    assert told == [
        "folds one after the other, one thread each, candidates in parallel processes; bfloat16, "
        "as cpu has matrix units for bfloat16",
        "folds together as one batched model, its steps recorded as a CUDA graph; bfloat16, as "
        "cuda has matrix units for bfloat16",
        "folds one after the other, one thread each, candidates in parallel processes; float32, "
        "as cpu has matrix units for bfloat16; precision as asked for",
        "folds one after the other, one thread each, and candidates too; float32, as cuda has "
        "matrix units for bfloat16; folds and precision as asked for",
    ]
