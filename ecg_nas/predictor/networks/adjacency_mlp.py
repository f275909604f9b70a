"""WeakNAS's predictor: one wide multi-layer perceptron on the one-hot adjacency encoding.

References:
    Wu, Dai, Chen, Chen, Liu, Yu, Wang, Liu, Chen, Yuan, *Stronger NAS with Weaker Predictors*,
    NeurIPS 2021 (arXiv 2102.10490).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from ecg_nas import seeds
from ecg_nas.predictor.base import Predictor, check_labels, unfitted
from ecg_nas.predictor.encodings.codes import adjacency_code
from ecg_nas.predictor.networks._chunks import predicted
from ecg_nas.predictor.networks._isolation import isolated
from ecg_nas.predictor.networks._members import MemberMlp
from search_spaces import Architecture, SearchSpace

if TYPE_CHECKING:
    from ecg_nas.predictor.weaknas_mlp import WeakMlpConfig

_CHUNK = 2048  # architectures a forward pass


class WeakMlpPredictor(Predictor):
    """Network and training are the paper's, with these differences.

    Training is that of scikit-learn's ``MLPRegressor``, which the authors' code uses, less its
    slight weight decay. Labels are standardised by those known, not by the whole table. Choices
    outside the cell, of which the paper has none, are put behind the edges.
    """

    def __init__(self, space: SearchSpace, config: WeakMlpConfig, *, seed: int) -> None:
        self._space = space
        self._config = config
        self._seed = seed
        self._network: MemberMlp | None = None

    @override
    def fit(self, archs: Sequence[Architecture], scores: Sequence[float]) -> None:
        check_labels(archs, scores)
        config, y = self._config, np.array(scores)
        x = torch.from_numpy(adjacency_code(self._space, archs))
        with isolated(seeds.derive(self._seed, "weak mlp", len(archs))):
            network = MemberMlp(1, x.shape[1], layers=config.layers, width=config.width)
            targets = torch.from_numpy((y - y.mean()) / y.std()).float()
            _train(network, x, targets, config)
        self._network = network

    @override
    def predict(self, archs: Sequence[Architecture]) -> NDArray[np.float64]:
        if self._network is None:
            raise unfitted()
        network, space = self._network, self._space

        def score(part: Sequence[Architecture]) -> Tensor:
            members: Tensor = network(torch.from_numpy(adjacency_code(space, part))[None])
            return members[0]

        return predicted(score, archs, size=_CHUNK)


def _train(network: MemberMlp, x: Tensor, targets: Tensor, config: WeakMlpConfig) -> None:
    optimizer = torch.optim.Adam(network.parameters(), lr=config.rate, fused=True)
    best, waited = float("inf"), 0
    for _ in range(config.epochs):
        order = torch.randperm(len(targets))
        total = 0.0
        for start in range(0, len(order), config.batch):
            rows = order[start : start + config.batch]
            loss = (network(x[rows][None])[0] - targets[rows]).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        mean = total / len(targets)
        waited = 0 if mean < best - config.tolerance else waited + 1
        best = min(best, mean)
        if waited > config.patience:
            break
