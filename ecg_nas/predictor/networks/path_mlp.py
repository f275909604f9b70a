"""BANANAS's predictor: an ensemble of multi-layer perceptrons on the path encoding.

References:
    White, Neiswanger, Savani, *BANANAS: Bayesian Optimization with Neural Architectures for
    Neural Architecture Search*, AAAI 2021, doi:10.1609/aaai.v35i12.17233 (arXiv 1910.11858).
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
from ecg_nas.predictor.encodings.codes import path_presence
from ecg_nas.predictor.networks._chunks import predicted
from ecg_nas.predictor.networks._isolation import isolated
from ecg_nas.predictor.networks._members import MemberMlp
from search_spaces import Architecture, SearchSpace

if TYPE_CHECKING:
    from ecg_nas.predictor.bananas_mlp import PathMlpConfig

_CHUNK = 1024  # architectures a forward pass


class PathMlpPredictor(Predictor):
    """Networks, encoding and training are the paper's, with these differences.

    The loss is the mean absolute error, as in the authors' code: the paper divides each error by
    the label's distance to a known bound of all scores, and here none is known. Labels are
    standardised, since a score may have any scale. Choices outside the cell, of which the paper
    has none, are put behind the paths.
    """

    def __init__(self, space: SearchSpace, config: PathMlpConfig, *, seed: int) -> None:
        self._space = space
        self._config = config
        self._seed = seed
        self._network: MemberMlp | None = None

    @override
    def fit(self, archs: Sequence[Architecture], scores: Sequence[float]) -> None:
        check_labels(archs, scores)
        config, x, y = self._config, self._encoded(archs), np.array(scores)
        with isolated(seeds.derive(self._seed, "path mlp", len(archs))):
            network = MemberMlp(
                config.members, x.shape[1], layers=config.layers, width=config.width
            )
            targets = torch.from_numpy((y - y.mean()) / y.std()).float()
            _train(network, x, targets, config)
        self._network = network

    @override
    def predict(self, archs: Sequence[Architecture]) -> NDArray[np.float64]:
        mean: NDArray[np.float64] = self.predict_members(archs).mean(axis=0)
        return mean

    def predict_members(self, archs: Sequence[Architecture]) -> NDArray[np.float64]:
        """Return each member's scores, ``(members, n)``.

        Raises:
            ValueError: If the predictor has not been fitted.
        """
        if self._network is None:
            raise unfitted()
        network, members = self._network, self._config.members

        def score(part: Sequence[Architecture]) -> Tensor:
            scores: Tensor = network(self._encoded(part).expand(members, -1, -1))
            return scores

        return predicted(score, archs, size=_CHUNK, leading=(members,))

    def _encoded(self, archs: Sequence[Architecture]) -> Tensor:
        return torch.from_numpy(path_presence(self._space, archs, limit=self._config.max_codes))


def _train(network: MemberMlp, x: Tensor, targets: Tensor, config: PathMlpConfig) -> None:
    optimizer = torch.optim.Adam(
        network.parameters(), lr=config.rate, betas=(0.9, 0.99), fused=True
    )
    for _ in range(config.epochs):
        order = torch.stack([torch.randperm(len(targets)) for _ in range(config.members)])
        for start in range(0, len(targets), config.batch):
            rows = order[:, start : start + config.batch]
            loss = (network(x[rows]) - targets[rows]).abs().mean(dim=1).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
