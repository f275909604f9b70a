"""What a network costs, measured on the network itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from search_spaces.base import Cost

if TYPE_CHECKING:
    from torch import nn


def measured_cost(module: nn.Module, *, leads: int, samples: int, context: int) -> Cost:
    """Return the cost of a network for one beat, see ``count_on``.

    Args:
        module: A network as ``SearchSpace.build`` returns it.
        leads: Input channels.
        samples: Samples a window.
        context: Rhythm features a beat.
    """
    return count_on(module, (leads, samples), (context,))


def count_on(module: nn.Module, *shapes: tuple[int, ...]) -> Cost:
    """Return the cost of ``module``, by running zeros through it.

    Only convolutions and linear layers count as multiply-accumulates: batch norms fold into them
    at export, and pooling, sums and activations multiply nothing.

    Args:
        module: Its mode is left as it was.
        shapes: Of each of its inputs, for one example.
    """
    import torch
    from torch import nn

    macs = 0

    def add(layer: Any, _: Any, output: torch.Tensor) -> None:
        nonlocal macs
        macs += (output[0].numel() * layer.weight.numel()) // layer.weight.shape[0]

    kinds = (nn.Conv1d, nn.Conv2d, nn.Linear)
    hooks = [m.register_forward_hook(add) for m in module.modules() if isinstance(m, kinds)]
    training = module.training
    try:
        module.eval()
        with torch.no_grad():
            parameter = next(module.parameters())
            module(*(parameter.new_zeros(1, *shape) for shape in shapes))
    finally:
        module.train(training)
        for hook in hooks:
            hook.remove()
    return Cost(params=sum(p.numel() for p in module.parameters()), macs=macs)
