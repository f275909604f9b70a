"""The network that an ``ecg1d`` architecture stands for."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from search_spaces._layer_sizes import CONTEXT_HIDDEN, Plan, plan
from search_spaces._ops1d import ACTIVATIONS, conv_block, make_op, to_channels_last
from search_spaces.base import Architecture


class Cell(nn.Module):
    """A cell: every node sums its inputs and applies its operation; the output node only sums.

    A sum of several is batch-normalised, so that deep stacks of wide cells stay in range.
    """

    def __init__(self, arch: Architecture, width: int, length: int, activation: str) -> None:
        super().__init__()
        self.ops = nn.ModuleList(make_op(op, width, length, activation) for op in arch.ops)
        last = len(arch.ops) + 1
        self.sources = [[a for a, b in arch.edges if b == node] for node in range(1, last + 1)]
        many = len(self.sources[-1]) > 1
        self.norm = nn.BatchNorm2d(width) if many else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(beats, width, 1, samples)`` to the same shape."""
        values = [x]
        for op, sources in zip(self.ops, self.sources, strict=False):
            values.append(op(_sum(values, sources)))
        out: Tensor = self.norm(_sum(values, self.sources[-1]))
        return out


def _sum(values: list[Tensor], sources: list[int]) -> Tensor:
    total = values[sources[0]]
    for source in sources[1:]:
        total = total + values[source]
    return total


class Network(nn.Module):
    """Stem, stages of cells, and a head where the rhythm context joins.

    The context is batch-normalised first, since its features come in seconds, ratios or both.
    """

    def __init__(
        self, arch: Architecture, *, leads: int, samples: int, context: int, classes: int
    ) -> None:
        super().__init__()
        macro = dict(arch.macro)
        sizes = plan(arch, samples=samples, context=context)
        activation = str(macro["activation"])
        self.stem = conv_block(
            leads,
            sizes.widths[0],
            int(macro["stem_kernel"]),
            activation,
            stride=int(macro["stem_stride"]),
        )
        self.stages = nn.ModuleList()
        for i, (width, length) in enumerate(zip(sizes.widths, sizes.lengths, strict=True)):
            parts: list[nn.Module] = []
            if i:
                halve = nn.MaxPool2d if macro["reduce"] == "max" else nn.AvgPool2d
                parts.append(halve((1, 2)))
                parts.append(conv_block(sizes.widths[i - 1], width, 1, activation))
            parts += [Cell(arch, width, length, activation) for _ in range(int(macro["cells"]))]
            self.stages.append(nn.Sequential(*parts))
        self.join = str(macro["context_join"]) if context else "none"
        self.max_too = macro["head_pool"] == "avg+max"
        self.norm_context = nn.BatchNorm1d(context) if context else nn.Identity()
        self.prepare = _prepare(self.join, context, sizes, activation)
        self.head = _head(sizes.head_in, int(macro["head_hidden"]), classes, activation)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """Map beats to logits.

        Args:
            x: ``(beats, leads, samples)`` float32.
            context: ``(beats, context)`` float32 rhythm features.

        Returns:
            ``(beats, classes)`` float32.
        """
        # From here on in channels_last memory, as the stem's weights are.
        signal = self.stem(x.unsqueeze(2))
        side = self.prepare(self.norm_context(context)) if self.join != "none" else context
        for i, stage in enumerate(self.stages):
            if self.join == "film" and i == len(self.stages) - 1:
                scale, shift = side[:, :, None, None].chunk(2, dim=1)
                signal = signal * (1 + scale) + shift
            signal = stage(signal)
        features = [signal.mean((2, 3))]
        if self.max_too:
            features.append(signal.amax((2, 3)))
        if self.join in ("concat", "mlp"):
            features.append(side)
        logits: Tensor = self.head(torch.cat(features, dim=1))
        return logits


def _prepare(join: str, context: int, sizes: Plan, activation: str) -> nn.Module:
    """Return what the context passes before it joins."""
    act = ACTIVATIONS[activation]
    if join == "mlp":
        inner = nn.Linear(CONTEXT_HIDDEN, CONTEXT_HIDDEN)
        return nn.Sequential(nn.Linear(context, CONTEXT_HIDDEN), act(), inner, act())
    if join == "film":
        # On the stage before the last, so that the last stage can use what was modulated.
        last = nn.Linear(CONTEXT_HIDDEN, 2 * sizes.widths[-2])
        nn.init.zeros_(last.weight)  # starts as if there were no context
        nn.init.zeros_(last.bias)
        return nn.Sequential(nn.Linear(context, CONTEXT_HIDDEN), act(), last)
    return nn.Identity()


def _head(n_in: int, hidden: int, classes: int, activation: str) -> nn.Module:
    if not hidden:
        return nn.Sequential(nn.Linear(n_in, classes))
    return nn.Sequential(
        nn.Linear(n_in, hidden), ACTIVATIONS[activation](), nn.Linear(hidden, classes)
    )


def build(arch: Architecture, *, leads: int, samples: int, context: int, classes: int) -> nn.Module:
    """Return the untrained network of ``arch``; see ``SearchSpace.build``."""
    network = Network(arch, leads=leads, samples=samples, context=context, classes=classes)
    return to_channels_last(network)
