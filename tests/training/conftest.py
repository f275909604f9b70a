import numpy as np
import pytest
import torch
from torch import nn

from data_prep import tasks
from ecg_nas.training.device_data import DeviceData


class SmallNet(nn.Module):
    """Convolution, normalisation, dropout, rhythm: all that is random or has state."""

    def __init__(self, channels: int = 2, context: int = 3, classes: int = 5) -> None:
        super().__init__()
        self.signal = nn.Sequential(nn.Conv1d(channels, 8, 7), nn.BatchNorm1d(8), nn.ReLU())
        self.drop = nn.Dropout(0.1)
        self.head = nn.Sequential(nn.Linear(8 + context, 16), nn.ReLU(), nn.Linear(16, classes))

    def forward(self, x, context):
        pooled = self.signal(x).amax(dim=2)
        return self.head(self.drop(torch.cat([pooled, context], dim=1)))


@pytest.fixture
def small_net():
    return SmallNet


def make_beats(seed=0, n=(600, 60, 90, 12, 3), samples=40):
    """S beats come early, V beats are wide: what a real beat's class rests on, in its simplest."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(5), n)).astype(np.int64)
    t = np.arange(samples) - samples / 2
    width = np.choose(labels, [1.5, 1.5, 5.0, 3.0, 1.5])[:, None]
    shape = np.exp(-0.5 * (t / width) ** 2)
    x = shape[:, None, :] + rng.normal(0, 0.1, (len(labels), 2, samples))
    early = np.choose(labels, [0.0, -0.4, -0.3, -0.1, 0.0])[:, None]
    context = early + rng.normal(0, 0.08, (len(labels), 3))
    return DeviceData(
        x=torch.tensor(x, dtype=torch.float32),
        context=torch.tensor(context, dtype=torch.float32),
        y=torch.from_numpy(labels),
        labels=labels,
        patients=np.arange(len(labels)) % 6,
        task=tasks.load("aami"),
    )


@pytest.fixture(scope="session")
def beats():
    return make_beats()
