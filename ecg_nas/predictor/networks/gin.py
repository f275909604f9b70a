"""NPENAS's predictor: a graph isomorphism network that regresses the score.

References:
    Wei, Niu, Tang, Wang, Hu, Liang, *NPENAS: Neural Predictor Guided Evolution for Neural
    Architecture Search*, IEEE Transactions on Neural Networks and Learning Systems 2022,
    doi:10.1109/TNNLS.2022.3151160 (arXiv 2003.12857): NPENAS-NP.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from typing_extensions import override

from ecg_nas import seeds
from ecg_nas.predictor.base import Predictor, check_labels, unfitted
from ecg_nas.predictor.encodings.paths import Encoded, HardEncoder
from ecg_nas.predictor.networks._chunks import predicted
from ecg_nas.predictor.networks._encoder import graph_layer
from ecg_nas.predictor.networks._isolation import isolated
from search_spaces import Architecture, SearchSpace

if TYPE_CHECKING:
    from ecg_nas.predictor.npenas_gin import GinConfig

_RANGE = (0.1, 0.9)  # of the sigmoid, onto which the labels are laid
_CHUNK = 256  # architectures a forward pass
_Cells = tuple[Tensor, Tensor, Tensor]  # nodes, adjacency, settings


class GinPredictor(Predictor):
    """Layers, loss and training are the paper's and its authors' code's, with these differences.

    That code predicts a validation error in per cent as 100 times a sigmoid; here the labels are
    laid onto a part of the sigmoid's range, since a score may have any scale. Choices outside the
    cell, of which the paper has none, go in behind the graph layers. The graph is the space's,
    without dead nodes. The cosine ends where training does (that code's may turn and rise again).
    """

    def __init__(
        self,
        space: SearchSpace,
        config: GinConfig,
        *,
        seed: int,
        encoder: HardEncoder | None = None,
    ) -> None:
        """Start without any knowledge.

        Args:
            space: Of the architectures.
            config: The settings.
            seed: Of everything random.
            encoder: One of ``space`` to share with other predictors; ``None`` for its own.
        """
        self._config = config
        self._seed = seed
        self._encoder = HardEncoder(space) if encoder is None else encoder
        self._network: _Gin | None = None

    @override
    def fit(self, archs: Sequence[Architecture], scores: Sequence[float]) -> None:
        check_labels(archs, scores)
        cells = _tensors(self._encoder.encode(archs))
        with isolated(seeds.derive(self._seed, "gin", len(archs))):
            network = _Gin(cells[0].shape[2], cells[2].shape[1], self._config)
            _train(network, cells, torch.tensor(scores, dtype=torch.float64), self._config)
        self._network = network.eval()

    @override
    def predict(self, archs: Sequence[Architecture]) -> NDArray[np.float64]:
        if self._network is None:
            raise unfitted()
        network, encode = self._network, self._encoder.encode
        return predicted(lambda part: network(_tensors(encode(part))), archs, size=_CHUNK)


class _GinLayer(nn.Module):
    """A graph layer, ReLU, and normalisation over the nodes that are there."""

    def __init__(self, n_in: int, width: int) -> None:
        super().__init__()
        inner = nn.Sequential(nn.Linear(n_in, width), nn.ReLU(), nn.Linear(width, width))
        self.graph = graph_layer(inner)
        self.norm = nn.BatchNorm1d(width)

    def forward(self, x: Tensor, adjacency: Tensor, present: Tensor) -> Tensor:
        new = torch.relu(self.graph(x, adjacency))
        out = torch.zeros_like(new)
        out[present] = self.norm(new[present])
        return out


class _Gin(nn.Module):
    def __init__(self, kinds: int, n_settings: int, config: GinConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            _GinLayer(kinds if depth == 0 else config.width, config.width)
            for depth in range(config.layers)
        )
        self.hidden = nn.Linear(config.width + n_settings, config.head_width)
        self.dropout = nn.Dropout(config.dropout)
        self.last = nn.Linear(config.head_width, 1)
        for layer in (self.hidden, self.last):
            nn.init.kaiming_uniform_(layer.weight, a=1)
            nn.init.zeros_(layer.bias)

    def forward(self, cells: _Cells) -> Tensor:
        """Return ``(cells,)`` in 0..1."""
        x, adjacency, settings = cells
        present = x.sum(dim=2) > 0
        into = adjacency.transpose(1, 2)  # a node hears of those with an edge to it
        for layer in self.layers:
            x = layer(x, into, present)
        mean = x.sum(dim=1) / present.sum(dim=1, keepdim=True)
        hidden = torch.relu(self.hidden(torch.cat([mean, settings], dim=1)))
        return torch.sigmoid(self.last(self.dropout(hidden)))[:, 0]


def _train(network: _Gin, cells: _Cells, scores: Tensor, config: GinConfig) -> None:
    nodes, adjacency, settings = cells
    low, high = _RANGE
    share = (scores - scores.min()) / (scores.max() - scores.min())
    targets = (low + (high - low) * share).float()
    named = list(network.named_parameters())
    optimizer = torch.optim.Adam(
        [
            {"params": [p for name, p in named if "bias" in name], "lr": 2 * config.rate},
            {
                "params": [p for name, p in named if "bias" not in name],
                "lr": config.rate,
                "weight_decay": config.weight_decay,
            },
        ],
        betas=(0.0, 0.9),
        fused=True,
    )
    n_batches = -(-len(targets) // config.batch)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.epochs * n_batches)
    for _ in range(config.epochs):
        order = torch.randperm(len(targets))
        for start in range(0, len(order), config.batch):
            rows = order[start : start + config.batch]
            predicted = network((nodes[rows], adjacency[rows], settings[rows]))
            loss = nn.functional.mse_loss(predicted, targets[rows])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()


def _tensors(encoded: Encoded) -> _Cells:
    return (
        torch.from_numpy(encoded.nodes),
        torch.from_numpy(encoded.adjacency),
        torch.from_numpy(encoded.settings),
    )
