"""Predictions of many architectures, a part of them at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ecg_nas.predictor.networks._isolation import isolated
from search_spaces import Architecture


def predicted(
    score: Callable[[Sequence[Architecture]], Tensor],
    archs: Sequence[Architecture],
    *,
    size: int,
    leading: tuple[int, ...] = (),
) -> NDArray[np.float64]:
    """Return what ``score`` says of ``archs``, ``(*leading, n)``.

    Args:
        score: Returns ``(*leading, k)`` for ``k`` architectures.
        archs: Any number of architectures.
        size: Most architectures a call.
        leading: Axes before that of the architectures.
    """
    parts = [np.zeros((*leading, 0))]
    with isolated(0), torch.no_grad():
        for start in range(0, len(archs), size):
            parts.append(score(archs[start : start + size]).double().numpy())
    return np.concatenate(parts, axis=-1)
