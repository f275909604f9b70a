"""The image networks that the cells of NAS-Bench-101 and NAS-Bench-201 stand for.

Layers and sizes are the benchmarks'; weights start as torch's layers do.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from search_spaces._ops2d import AvgPool3, MaxPool3, conv, conv_bn_relu, relu_conv_bn
from search_spaces._plan2d import STAGES, Edge, vertex_channels


class Cell101(nn.Module):
    """A NAS-Bench-101 cell.

    Edges from the input are projected by a 1 x 1 convolution to the channels of where they lead;
    a vertex sums what enters it and applies its operation. The output concatenates what enters
    it from other vertices, and adds the projected input if that enters it too.
    """

    def __init__(self, ops: Sequence[str], edges: Sequence[Edge], c_in: int, c_out: int) -> None:
        super().__init__()
        last = len(ops) + 1
        self.channels = vertex_channels(last + 1, edges, c_in, c_out)
        self.sources = [[a for a, b in edges if b == node and a] for node in range(last + 1)]
        self.projections = nn.ModuleDict(
            {str(b): conv_bn_relu(c_in, self.channels[b], 1) for a, b in edges if a == 0}
        )
        self.ops = nn.ModuleList(
            MaxPool3() if op == "maxpool3x3" else conv_bn_relu(width, width, int(op[-1]))
            for op, width in zip(ops, self.channels[1:-1], strict=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(images, c_in, side, side)`` to ``c_out`` channels of the same side."""
        values = [x]
        for node, op in enumerate(self.ops, start=1):
            width = self.channels[node]
            terms = [values[a][:, :width] for a in self.sources[node]]
            values.append(op(_sum(terms + self._projected(x, node))))
        last = len(values)
        joined = [values[a] for a in self.sources[last]]
        out = [torch.cat(joined, dim=1)] if joined else []
        return _sum(out + self._projected(x, last))

    def _projected(self, x: Tensor, node: int) -> list[Tensor]:
        key = str(node)
        return [self.projections[key](x)] if key in self.projections else []


class Network101(nn.Module):
    """A stem, three stacks of cells with max pools between them, and a linear layer.

    References:
        Ying et al. 2019, arXiv:1902.09635, section 2.3.
    """

    def __init__(
        self,
        ops: Sequence[str],
        edges: Sequence[Edge],
        *,
        channels: int,
        cells: int,
        image_channels: int,
        classes: int,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [conv_bn_relu(image_channels, channels, 3)]
        width = channels
        for stack in range(STAGES):
            if stack:
                layers.append(nn.MaxPool2d(2))
            for _ in range(cells):
                c_out = channels * 2**stack
                layers.append(Cell101(ops, edges, width, c_out))
                width = c_out
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map images ``(images, image_channels, side, side)`` to logits ``(images, classes)``."""
        logits: Tensor = self.head(self.body(x).mean((2, 3)))
        return logits


class Cell201(nn.Module):
    """A NAS-Bench-201 cell: a node is the sum of its edges, each an operation on a node."""

    def __init__(self, ops: Sequence[str], edges: Sequence[Edge], width: int) -> None:
        super().__init__()
        self.edges = [edge for edge, op in zip(edges, ops, strict=True) if op != "none"]
        self.ops = nn.ModuleList(_op_201(op, width) for op in ops if op != "none")
        self.n_nodes = edges[-1][1] + 1

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(images, width, side, side)`` to the same shape."""
        values = [x]
        for node in range(1, self.n_nodes):
            terms = [
                op(values[a]) for (a, b), op in zip(self.edges, self.ops, strict=True) if b == node
            ]
            values.append(_sum(terms) if terms else torch.zeros_like(x))
        return values[-1]


class Reduction201(nn.Module):
    """A residual block that halves the side of the image."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            relu_conv_bn(c_in, c_out, 3, stride=2), relu_conv_bn(c_out, c_out, 3)
        )
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), conv(c_in, c_out, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(images, c_in, side, side)`` to ``(images, c_out, side / 2, side / 2)``."""
        out: Tensor = self.shortcut(x) + self.block(x)
        return out


class Network201(nn.Module):
    """A stem, three stages of cells with residual blocks between them, and a linear layer.

    References:
        Dong & Yang 2020, arXiv:2001.00326, section 2.1.
    """

    def __init__(
        self,
        ops: Sequence[str],
        edges: Sequence[Edge],
        *,
        channels: int,
        cells: int,
        image_channels: int,
        classes: int,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [conv(image_channels, channels, 3), nn.BatchNorm2d(channels)]
        width = channels
        for stage in range(STAGES):
            if stage:
                layers.append(Reduction201(width, 2 * width))
                width *= 2
            layers += [Cell201(ops, edges, width) for _ in range(cells)]
        self.body = nn.Sequential(*layers, nn.BatchNorm2d(width), nn.ReLU())
        self.head = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map images ``(images, image_channels, side, side)`` to logits ``(images, classes)``."""
        logits: Tensor = self.head(self.body(x).mean((2, 3)))
        return logits


def _op_201(name: str, width: int) -> nn.Module:
    if name == "skip_connect":
        return nn.Identity()
    if name == "avg_pool_3x3":
        return AvgPool3()
    return relu_conv_bn(width, width, int(name[-1]))


def _sum(terms: Sequence[Tensor]) -> Tensor:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total
