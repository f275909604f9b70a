"""Networks of an ensemble that run in the same batched products."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn


class MemberLinear(nn.Module):
    """A linear layer with its own weights for each member: ``(members, rows, n_in)`` to n_out."""

    def __init__(self, members: int, n_in: int, n_out: int) -> None:
        super().__init__()
        bound = max(n_in, 1) ** -0.5
        self.weight = nn.Parameter(torch.empty(members, n_in, n_out).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(members, 1, n_out).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        """Apply each member's weights to its rows."""
        return torch.baddbmm(self.bias, x, self.weight)


class MemberMlp(nn.Module):
    """Multi-layer perceptrons with ReLU, one a member, that start from Glorot's weights.

    That start, without bias, is what the libraries of the rivals that are built here have.

    References:
        Glorot and Bengio, *Understanding the difficulty of training deep feedforward neural
        networks*, AISTATS 2010.
    """

    def __init__(self, members: int, n_in: int, *, layers: int, width: int) -> None:
        super().__init__()
        sizes = [n_in, *[width] * layers, 1]
        self.layers = nn.ModuleList(MemberLinear(members, a, b) for a, b in pairwise(sizes))
        for layer in self.layers:
            assert isinstance(layer, MemberLinear)
            nn.init.zeros_(layer.bias)
            for weight in layer.weight.detach():
                nn.init.xavier_uniform_(weight)

    def forward(self, x: Tensor) -> Tensor:
        """Return one number a member and row, ``(members, rows)``, of ``(members, rows, n_in)``."""
        *hidden, last = self.layers
        for layer in hidden:
            x = torch.relu(layer(x))
        scores: Tensor = last(x)[:, :, 0]
        return scores
