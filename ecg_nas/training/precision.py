"""In which precision an operation runs, by what was measured.

One thread of a processor with AVX-512 bf16 but no matrix units (EPYC, batches of 128 beats, memory
of the allocator kept; forward and backward, float32 time over bfloat16 time): dense convolutions
of 16 to 48 channels 1.2 to 1.7, but depthwise ones 0.5 to 0.9, pooling 0.5 to 0.7, and whole
networks of ``ecg1d`` 0.8 to 1.2. So float32 there. With matrix units (AMX), dense convolutions in
bfloat16 have been measured elsewhere to make a network three times as fast; depthwise ones gain
nothing there either.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import partial

import torch
from torch import Tensor, nn


def has_matrix_units(device: torch.device) -> bool:
    """Return whether ``device`` multiplies bfloat16 matrices in hardware."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_amx_tile_supported())


def of_forward(device: torch.device, *, bfloat16: bool) -> AbstractContextManager[object]:
    """Return what a forward pass runs in: autocast, or nothing."""
    return torch.autocast(device.type, torch.bfloat16) if bfloat16 else nullcontext()


def prepare(module: nn.Module, device: torch.device, *, bfloat16: bool) -> None:
    """Keep in float32 what bfloat16 would slow down, under ``of_forward``, until ``restore``."""
    if bfloat16 and device.type == "cpu":
        for part in module.modules():
            if isinstance(part, nn.Conv2d) and part.groups > 1:
                part.forward = partial(_in_float32, part)  # type: ignore[method-assign]


def restore(module: nn.Module) -> None:
    """Undo ``prepare``."""
    for part in module.modules():
        part.__dict__.pop("forward", None)


def _in_float32(part: nn.Conv2d, x: Tensor) -> Tensor:
    with torch.autocast("cpu", enabled=False):
        return nn.Conv2d.forward(part, x.float())
