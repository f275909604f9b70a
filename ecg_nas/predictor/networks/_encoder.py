"""The soft encoder: graph networks that turn a cell into a vector, several members at once.

Cells are tiny, so an ensemble costs little more than one network when its members run in the same
batched products: every layer holds ``members`` sets of weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch_geometric.nn import DenseGINConv

from ecg_nas.predictor.encodings.paths import Encoded
from ecg_nas.predictor.networks._members import MemberLinear

if TYPE_CHECKING:
    from ecg_nas.predictor.dcl import EncoderConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphBatch:
    """Cells as tensors, the same for all members.

    Attributes:
        nodes: ``(cells, nodes, kinds)`` one-hot operation of each node, zero for padding.
        adjacency: ``(cells, nodes, nodes)`` 1 where an edge leads from row to column.
        settings: ``(cells, settings)`` one-hot choices outside the cell.
        known: ``(cells, figures)`` hard code and standardised path summary.
    """

    nodes: Tensor
    adjacency: Tensor
    settings: Tensor
    known: Tensor

    def __len__(self) -> int:
        return len(self.nodes)

    def __getitem__(self, index: Tensor | slice) -> GraphBatch:
        return GraphBatch(
            nodes=self.nodes[index],
            adjacency=self.adjacency[index],
            settings=self.settings[index],
            known=self.known[index],
        )


def graph_layer(network: nn.Module) -> nn.Module:
    """Return a graph isomorphism layer: ``network`` on each node's sum with its neighbours.

    It takes ``x (cells, nodes, n_in)`` and ``adjacency (cells, nodes, nodes)``, of which a row
    says what its node sums over.
    """
    layer: nn.Module = DenseGINConv(network)
    return layer


class _NodeNetwork(nn.Module):
    """The network inside a graph layer; ``DenseGINConv`` sees members as more cells."""

    def __init__(self, members: int, n_in: int, width: int) -> None:
        super().__init__()
        self.members = members
        self.first = MemberLinear(members, n_in, width)
        self.second = MemberLinear(members, width, width)

    def forward(self, x: Tensor) -> Tensor:
        cells, nodes, n_in = x.shape
        rows = x.reshape(self.members, -1, n_in)
        new: Tensor = self.second(torch.relu(self.first(rows)))
        return new.reshape(cells, nodes, -1)


class GraphEncoder(nn.Module):
    """Graph isomorphism layers along the edges and against them, read out together.

    The two directions see different things (what leads to a node, what follows from it).

    References:
        Xu, Hu, Leskovec, Jegelka, *How Powerful are Graph Neural Networks?*, ICLR 2019
        (arXiv 1810.00826). Ji et al., FR-NAS, 2024 (arXiv 2404.15622), for the two directions.
    """

    def __init__(self, kinds: int, config: EncoderConfig) -> None:
        super().__init__()
        self.members = config.members
        self.n_out = 4 * config.width
        self.forwards, self.backwards = (
            nn.ModuleList(
                graph_layer(
                    _NodeNetwork(
                        config.members, kinds if depth == 0 else config.width, config.width
                    )
                )
                for depth in range(config.layers)
            )
            for _ in range(2)
        )

    def forward(self, batch: GraphBatch) -> Tensor:
        """Return ``(members, cells, n_out)``: sum over nodes, and the node where all ways end."""
        cells = len(batch)
        present = batch.nodes.sum(dim=2).repeat(self.members, 1)  # (members * cells, nodes)
        start = batch.nodes.repeat(self.members, 1, 1)
        adjacency = batch.adjacency.repeat(self.members, 1, 1)
        # A layer sums over the columns of a row: transposed, over what leads to a node.
        ways = (adjacency.transpose(1, 2).contiguous(), -1), (adjacency, 0)
        parts = []
        for layers, (ways_in, end) in zip((self.forwards, self.backwards), ways, strict=True):
            x = start
            for layer in layers:
                x = torch.relu(layer(x, ways_in, mask=present))
            parts += [x.sum(dim=1) / 4, x[:, end]]
        return torch.cat(parts, dim=1).reshape(self.members, cells, self.n_out)


class RankingNetwork(nn.Module):
    """Soft encoder, projection for pre-training, and a head that ranks.

    The head sees the soft code beside what is known without learning: hard code and path summary.
    """

    def __init__(self, *, kinds: int, n_settings: int, n_known: int, config: EncoderConfig) -> None:
        super().__init__()
        members, width = config.members, config.head_width
        self.members = members
        self.encoder = GraphEncoder(kinds, config)
        n_soft = self.encoder.n_out + n_settings
        self.projector = nn.ModuleList(
            [MemberLinear(members, n_soft, width), MemberLinear(members, width, config.projection)]
        )
        self.head = nn.ModuleList(
            [
                MemberLinear(members, n_soft + n_known, width),
                MemberLinear(members, width, width),
                MemberLinear(members, width, 1),
            ]
        )

    def _soft(self, batch: GraphBatch) -> Tensor:
        settings = batch.settings.expand(self.members, -1, -1)
        return torch.cat([self.encoder(batch), settings], dim=2)

    def project(self, batch: GraphBatch) -> Tensor:
        """Return unit vectors ``(members, cells, projection)`` for contrastive pre-training."""
        first, second = self.projector
        projected: Tensor = second(torch.relu(first(self._soft(batch))))
        return nn.functional.normalize(projected, dim=2)

    def forward(self, batch: GraphBatch) -> Tensor:
        """Return one score a member and cell, ``(members, cells)``; higher is better."""
        known = batch.known.expand(self.members, -1, -1)
        x = torch.cat([self._soft(batch), known], dim=2)
        *hidden, last = self.head
        for layer in hidden:
            x = torch.relu(layer(x))
        scores: Tensor = last(x)[:, :, 0]
        return scores


def graph_batch(encoded: Encoded, *, centre: Tensor, scale: Tensor) -> GraphBatch:
    """Return ``encoded`` as tensors, its path summary as ``(summary - centre) / scale``."""
    summary = (torch.from_numpy(encoded.summary) - centre) / scale
    return GraphBatch(
        nodes=torch.from_numpy(encoded.nodes),
        adjacency=torch.from_numpy(encoded.adjacency),
        settings=torch.from_numpy(encoded.settings),
        known=torch.cat([torch.from_numpy(encoded.hard), summary], dim=1),
    )
