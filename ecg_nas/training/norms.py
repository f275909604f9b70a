"""Batch normalisation of the folds of a batched model in one operation.

Under ``vmap`` torch normalises with weights of 1 and then multiplies and adds, in operations of
their own and in float32 whatever the precision. That is two to three times the kernels, and on
CUDA its backward pass refuses bfloat16 that does not lie in channels-last memory: the weights of
1 are bfloat16 then, the running statistics are not. Yet channels do not know of each other, so the
channels of all folds side by side are those of one ordinary layer.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override


def side_by_side(module: nn.Module) -> None:
    """Make the normalisations of ``module`` such that ``vmap`` over networks keeps them whole."""
    for part in module.modules():
        if (
            isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d)
            and part.affine
            and part.track_running_stats
            and part.momentum is not None
        ):
            part.forward = partial(_normalised, part)  # type: ignore[method-assign]


def _normalised(part: nn.BatchNorm1d | nn.BatchNorm2d, x: Tensor) -> Tensor:
    assert part.num_batches_tracked is not None
    part.num_batches_tracked.add_(1)
    normalised: Tensor = _SideBySide.apply(  # type: ignore[no-untyped-call]
        x,
        part.weight,
        part.bias,
        part.running_mean,
        part.running_var,
        part.momentum,
        part.eps,
    )
    return normalised


class _SideBySide(torch.autograd.Function):
    """Normalises a batch by its own statistics, and updates the running ones in place."""

    @staticmethod
    @override
    def forward(*_: Any) -> Any:
        raise NotImplementedError("only under vmap: over networks")

    @staticmethod
    @override
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        pass

    @staticmethod
    @override
    def vmap(
        _: Any,
        in_dims: tuple[int | None, ...],
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        mean: Tensor,
        variance: Tensor,
        momentum: float,
        eps: float,
    ) -> tuple[Tensor, int]:
        """Take ``(folds, channels)`` parameters and statistics, and ``x`` with its folds anywhere.

        Returns:
            ``(beats, folds, channels, …)`` and the place of its folds.
        """
        folds = in_dims[0]
        assert folds is not None
        assert in_dims[1:5] == (0, 0, 0, 0)
        x = x.movedim(folds, 1)
        normalised = functional.batch_norm(
            x.flatten(1, 2),
            mean.view(-1),
            variance.view(-1),
            weight.reshape(-1),
            bias.reshape(-1),
            training=True,
            momentum=momentum,
            eps=eps,
        )
        return normalised.view(x.shape), 1
