"""The network around an ``ecg1d`` cell as plain numbers: one source for building and for cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from search_spaces.base import Architecture, ArchitectureError, Cost

CONTEXT_HIDDEN = 16
"""Width of the small network that prepares the rhythm context (``context_join`` mlp and film)."""

SHRINK = 4
"""A squeeze-excitation gate is this much narrower than what it gates (but at least 4 wide)."""

KERNELS: Mapping[str, tuple[int, int]] = {
    "sep_conv_3": (3, 1),
    "sep_conv_7": (7, 1),
    "sep_conv_13": (13, 1),
    "dil_conv_7x2": (7, 2),
    "dil_conv_7x4": (7, 4),
    "conv_1": (1, 1),
    "conv_3": (3, 1),
    "conv_5": (5, 1),
}
"""``(kernel, dilation)`` of the convolutions; ``sep`` and ``dil`` are depthwise + pointwise.

13 is the longest depthwise kernel whose backward pass is fast on CPUs: 15 takes 2 to 6 times as
long.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Sizes of every part of a network.

    Attributes:
        widths: Channels of each stage.
        lengths: Samples in each stage.
        head_in: Features that enter the head.
    """

    widths: tuple[int, ...]
    lengths: tuple[int, ...]
    head_in: int


def plan(arch: Architecture, *, samples: int, context: int) -> Plan:
    """Return the sizes of ``arch`` for windows of ``samples`` and ``context`` rhythm features.

    Raises:
        ArchitectureError: If the windows are too short for the stages.
    """
    macro = dict(arch.macro)
    growth = int(macro["growth_pct"]) / 100
    widths = [4 * round(int(macro["width"]) * growth**i / 4) for i in range(int(macro["stages"]))]
    lengths = [-(-samples // int(macro["stem_stride"]))]
    for _ in widths[1:]:
        lengths.append(lengths[-1] // 2)
    if lengths[-1] < 1:
        raise ArchitectureError(
            f"a window must have at least {int(macro['stem_stride']) * 2 ** (len(widths) - 1)} "
            f"samples for {len(widths)} stages behind a stem of stride {macro['stem_stride']}; "
            f"got {samples}"
        )
    pooled = widths[-1] * (2 if macro["head_pool"] == "avg+max" else 1)
    joined = {"concat": context, "mlp": CONTEXT_HIDDEN if context else 0, "film": 0}
    return Plan(
        widths=tuple(widths),
        lengths=tuple(lengths),
        head_in=pooled + joined[str(macro["context_join"])],
    )


def live_taps(kernel: int, dilation: int, length: int) -> int:
    """Return how many taps of a kernel ever meet the signal, which is ``length`` samples long.

    The outer taps of a long kernel on a short signal only see padding. Leaving them out changes
    nothing but cost (and CPU kernels are slow where the padding is as long as the signal).
    """
    return min(kernel, 2 * ((length - 1) // dilation) + 1)


def gate_width(width: int) -> int:
    """Return the channels inside a squeeze-excitation gate on ``width`` channels."""
    return max(4, width // SHRINK)


def _conv(c_in: int, c_out: int, taps: int, length: int) -> tuple[int, int]:
    """Return parameters and MACs of a convolution without bias and its batch norm."""
    return c_in * c_out * taps + 2 * c_out, c_in * c_out * taps * length


def _linear(n_in: int, n_out: int) -> tuple[int, int]:
    return n_in * n_out + n_out, n_in * n_out


def _op(name: str, width: int, length: int) -> tuple[int, int]:
    if name == "squeeze_excite":
        down, up = _linear(width, gate_width(width)), _linear(gate_width(width), width)
        return down[0] + up[0], down[1] + up[1]
    if name not in KERNELS:
        return 0, 0
    taps = live_taps(*KERNELS[name], length)
    if name.startswith("conv"):
        return _conv(width, width, taps, length)
    params, macs = _conv(width, width, 1, length)
    return params + taps * width, macs + taps * width * length


def cost(arch: Architecture, *, leads: int, samples: int, context: int, classes: int) -> Cost:
    """Return the cost of the network by arithmetic: equal to counting, thousands of times faster.

    Raises:
        ArchitectureError: If the windows are too short for the stages.
    """
    macro = dict(arch.macro)
    sizes = plan(arch, samples=samples, context=context)
    last = len(arch.ops) + 1
    parts = [_conv(leads, sizes.widths[0], int(macro["stem_kernel"]), sizes.lengths[0])]
    for i, (width, length) in enumerate(zip(sizes.widths, sizes.lengths, strict=True)):
        if i:
            parts.append(_conv(sizes.widths[i - 1], width, 1, length))
        cell = [_op(op, width, length) for op in arch.ops]
        if sum(end == last for _, end in arch.edges) > 1:
            cell.append((2 * width, 0))  # the batch norm after a sum
        parts += cell * int(macro["cells"])
    if context:
        parts.append((2 * context, 0))
        if macro["context_join"] == "mlp":
            parts += [_linear(context, CONTEXT_HIDDEN), _linear(CONTEXT_HIDDEN, CONTEXT_HIDDEN)]
        elif macro["context_join"] == "film":
            parts += [_linear(context, CONTEXT_HIDDEN)]
            parts += [_linear(CONTEXT_HIDDEN, 2 * sizes.widths[-2])]
    hidden = int(macro["head_hidden"])
    if hidden:
        parts += [_linear(sizes.head_in, hidden), _linear(hidden, classes)]
    else:
        parts.append(_linear(sizes.head_in, classes))
    return Cost(params=sum(p for p, _ in parts), macs=sum(m for _, m in parts))
