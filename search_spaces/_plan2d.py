"""The image networks of the NAS benchmarks as plain numbers: sizes of their parts, and cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, NoReturn

from search_spaces.base import ArchitectureError, Cost

STAGES = 3
"""Of both benchmarks; between two of them the side is halved and the channels are doubled."""

Edge = tuple[int, int]


class Conv(NamedTuple):
    """A convolution without bias that keeps, or at stride 2 halves, the side of the image.

    Attributes:
        c_in: Channels that enter.
        c_out: Channels that leave.
        kernel: Its width and height.
        side: Width and height of what leaves.
        norm: Whether a batch norm follows.
    """

    c_in: int
    c_out: int
    kernel: int
    side: int
    norm: bool = True


def refuse(space: str) -> NoReturn:
    """Say that ``space`` has no networks for beats.

    Raises:
        ArchitectureError: Always.
    """
    raise ArchitectureError(
        f"the networks of {space} classify images, not ECG beats; search ecg1d for networks to "
        "train, or use build_image_network and image_cost"
    )


def stages(channels: int, side: int) -> list[tuple[int, int]]:
    """Return channels and side of the image in each stage.

    Raises:
        ArchitectureError: If the image cannot be halved often enough.
    """
    halved = 2 ** (STAGES - 1)
    if side < halved or side % halved:
        raise ArchitectureError(
            f"the side of an image must be a multiple of {halved} pixels; got {side}"
        )
    return [(channels * 2**stage, side // 2**stage) for stage in range(STAGES)]


def vertex_channels(n_nodes: int, edges: Sequence[Edge], c_in: int, c_out: int) -> list[int]:
    """Return the channels of each vertex of a NAS-Bench-101 cell.

    What enters the output is concatenated there, so its channels are shared out among those
    vertices, the first ones getting one more if they do not divide. Any other vertex has as many
    as the widest that it leads to; an edge to a narrower one drops the last channel.

    Args:
        n_nodes: Vertices, input and output included.
        edges: ``(from, to)`` pairs of a cell without dead vertices.
        c_in: Channels that enter the cell.
        c_out: Channels that leave it.

    References:
        Ying et al. 2019, NAS-Bench-101, appendix on vertex channels.
    """
    last = n_nodes - 1
    channels = [c_in, *(0 for _ in range(1, last)), c_out]
    joined = [a for a, b in edges if b == last and a]
    for place, vertex in enumerate(joined):
        channels[vertex] = c_out // len(joined) + (place < c_out % len(joined))
    for vertex in range(last - 1, 0, -1):
        if vertex not in joined:
            channels[vertex] = max(channels[b] for a, b in edges if a == vertex)
    return channels


def cost_101(
    ops: Sequence[str],
    edges: Sequence[Edge],
    *,
    channels: int,
    cells: int,
    image_channels: int,
    side: int,
    classes: int,
) -> Cost:
    """Return the cost of a NAS-Bench-101 network by arithmetic; see ``_net2d.Network101``."""
    sizes = stages(channels, side)
    convs = [Conv(image_channels, channels, 3, side)]
    width = channels
    for c_out, stage_side in sizes:
        for _ in range(cells):
            convs += _cell_101(ops, edges, width, c_out, stage_side)
            width = c_out
    return _cost(convs, width, classes)


def _cell_101(
    ops: Sequence[str], edges: Sequence[Edge], c_in: int, c_out: int, side: int
) -> Iterator[Conv]:
    channels = vertex_channels(len(ops) + 2, edges, c_in, c_out)
    for start, end in edges:
        if start == 0:  # projected to the channels of where it leads
            yield Conv(c_in, channels[end], 1, side)
    for vertex, op in enumerate(ops, start=1):
        if op.startswith("conv"):
            yield Conv(channels[vertex], channels[vertex], int(op[-1]), side)


def cost_201(
    ops: Sequence[str],
    *,
    channels: int,
    cells: int,
    image_channels: int,
    side: int,
    classes: int,
) -> Cost:
    """Return the cost of a NAS-Bench-201 network by arithmetic; see ``_net2d.Network201``."""
    sizes = stages(channels, side)
    convs = [Conv(image_channels, channels, 3, side)]
    width = channels
    for stage, (c_out, stage_side) in enumerate(sizes):
        if stage:
            convs += [Conv(width, c_out, 3, stage_side), Conv(c_out, c_out, 3, stage_side)]
            convs.append(Conv(width, c_out, 1, stage_side, norm=False))
        kernels = [int(op[-1]) for op in ops if op.startswith("nor_conv")]
        convs += [Conv(c_out, c_out, kernel, stage_side) for kernel in kernels] * cells
        width = c_out
    head = _cost(convs, width, classes)
    return Cost(params=head.params + 2 * width, macs=head.macs)  # the last batch norm


def _cost(convs: Sequence[Conv], width: int, classes: int) -> Cost:
    """Return the cost of convolutions and a linear layer behind them."""
    weights = [conv.c_in * conv.c_out * conv.kernel**2 for conv in convs]
    norms = sum(2 * conv.c_out for conv in convs if conv.norm)
    macs = sum(n * conv.side**2 for n, conv in zip(weights, convs, strict=True))
    return Cost(params=sum(weights) + norms + (width + 1) * classes, macs=macs + width * classes)
