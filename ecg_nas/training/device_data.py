"""A whole split on the device, and the order in which a training visits it.

All beats of MIT-BIH are some hundred megabytes, so they lie on the device once and a batch is an
index into them: no DataLoader, no copy a step.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from data_prep.tasks import Task
from ecg_nas.training.config import TrainConfig

if TYPE_CHECKING:
    from data_prep.store.dataset import BeatDataset


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceData:
    """The beats of a split as a network takes them, on one device.

    Attributes:
        x: ``(beats, channels, samples)`` float32.
        context: ``(beats, features)`` float32.
        y: ``(beats,)`` int64, on the device.
        labels: ``y`` on the host.
        patients: ``(beats,)`` index of the patient, on the host.
        task: What the beats are told to be; its common class may be thinned.
        leads: Leads of a recording; channel *c* shows lead *c* modulo ``leads``.
    """

    x: Tensor
    context: Tensor
    y: Tensor
    labels: NDArray[np.int64]
    patients: NDArray[np.int64]
    task: Task
    leads: int = 1

    @property
    def classes(self) -> tuple[str, ...]:
        """Name of each class."""
        return self.task.classes

    @property
    def common(self) -> int:
        """Index of the class that may be thinned."""
        return self.task.index(self.task.common)

    @property
    def device(self) -> torch.device:
        """Where the beats are."""
        return self.x.device

    @property
    def n_bytes(self) -> int:
        """Memory that the beats take on the device."""
        return self.x.nbytes + self.context.nbytes + self.y.nbytes


def to_device(dataset: BeatDataset, device: str | torch.device = "cpu") -> DeviceData:
    """Return all beats of ``dataset`` on ``device``."""
    return DeviceData(
        x=torch.from_numpy(dataset.network_input()).to(device),
        context=torch.from_numpy(np.asarray(dataset.context, dtype=np.float32)).to(device),
        y=torch.from_numpy(dataset.y).to(device),
        labels=dataset.y,
        patients=dataset.patient,
        task=dataset.spec.signal.task,
        leads=len(dataset.spec.signal.leads),
    )


def thin(data: DeviceData, rows: NDArray[np.int64], keep_every: int) -> NDArray[np.int64]:
    """Return ``rows`` with every ``keep_every``-th beat of the common class, and all others.

    Counted along ``rows``, so the result depends on nothing else. Neighbouring normal beats of a
    patient are nearly the same beat: most of the cost of an epoch, little of what it teaches.
    """
    common = data.labels[rows] == data.common
    rank = np.cumsum(common) - 1
    kept: NDArray[np.int64] = rows[~common | (rank % keep_every == 0)]
    return kept


def beat_weights(
    data: DeviceData,
    rows: NDArray[np.int64],
    kept: NDArray[np.int64],
    config: TrainConfig,
) -> Tensor:
    """Return the weight in the loss of every beat of ``data``: ``(beats,)`` float32 on the device.

    Beats that are not in ``kept`` weigh nothing. The mean weight over ``kept`` is 1 before the cap
    of ``config.max_weight``. See ``TrainConfig.class_mass`` and ``TrainConfig.patient_mass``.

    Args:
        data: A split.
        rows: ``(n,)`` beats of the training side, before thinning.
        kept: Those of them that are trained on.
        config: The recipe.
    """
    n_patients = int(data.patients.max()) + 1
    cells = data.labels * n_patients + data.patients  # a cell: a class of a patient
    shape = (len(data.classes), n_patients)
    full, seen = (
        np.bincount(cells[part], minlength=shape[0] * shape[1]).reshape(shape).astype(np.float64)
        for part in (rows, kept)
    )
    mass = _powers(full.sum(axis=1), config.class_mass) * (seen.sum(axis=1) > 0)
    share = _powers(full, config.patient_mass) * (seen > 0)
    share /= np.maximum(share.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    total = (mass / mass.sum())[:, None] * share * len(kept)
    weights = np.minimum(total / np.maximum(seen, 1), config.max_weight)
    found = np.zeros(len(data.labels), dtype=np.float32)
    found[kept] = weights.reshape(-1)[cells[kept]]
    return torch.from_numpy(found).to(data.device)


def _powers(counts: NDArray[np.float64], exponent: float) -> NDArray[np.float64]:
    """Return counts to a power, and nothing for nothing (also to the power of 0)."""
    powers: NDArray[np.float64] = np.where(counts > 0, counts**exponent, 0.0)
    return powers


def epoch_steps(sides: Sequence[NDArray[np.int64]], batch: int) -> int:
    """Return the steps of an epoch: the same for all folds, enough for the largest side."""
    return max(math.ceil(len(side) / batch) for side in sides)


def epochs(
    rows: NDArray[np.int64], config: TrainConfig, steps: int, generator: torch.Generator
) -> Iterator[Tensor]:
    """Yield for each epoch the rows of its steps: ``(steps, batch)`` int64 on the host.

    Shuffled passes follow each other without a gap and epochs are cut from that stream, so a beat
    is visited once a pass whatever the number of steps. ``generator`` is a host generator: the
    order does not depend on the device.
    """
    source = torch.from_numpy(rows)
    stream = source[:0]
    needed = steps * min(config.batch, len(rows))
    for _ in range(config.epochs):
        while len(stream) < needed:
            stream = torch.cat([stream, source[torch.randperm(len(source), generator=generator)]])
        yield stream[:needed].view(steps, -1)
        stream = stream[needed:]
