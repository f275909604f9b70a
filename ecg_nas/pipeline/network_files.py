"""Weights of trained networks on disk: tensors, never pickled classes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ecg_nas.errors import RunError
from ecg_nas.files import write_bytes

if TYPE_CHECKING:
    from torch import Tensor, nn


def weights_of(module: nn.Module) -> dict[str, Tensor]:
    """Return the state of ``module`` as safetensors can write it."""
    # Channels-last weights are no plain memory, which is all the format knows.
    return {name: t.detach().cpu().contiguous() for name, t in module.state_dict().items()}


def write_tensors(file: Path, tensors: Mapping[str, Tensor], *, seed: int | None = None) -> None:
    """Write what came of a training, whole or not at all.

    Args:
        file: Where to.
        tensors: What to write.
        seed: Seed of the training, to know its file by; ``None`` for none.

    Raises:
        RunError: If it cannot be written.
    """
    from safetensors.torch import save  # with torch: only where networks are trained

    write_bytes(file, save(dict(tensors), metadata=None if seed is None else {"seed": str(seed)}))


def read_tensors(file: Path, *, seed: int) -> dict[str, Tensor] | None:
    """Return what was written of the training with ``seed``; ``None`` if that is not there."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="pt") as opened:
            if (opened.metadata() or {}).get("seed") != str(seed):
                return None  # of another candidate
            return {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    except (OSError, SafetensorError):  # none yet, or damaged: trained anew
        return None


def take_weights(module: nn.Module, tensors: Mapping[str, Tensor], file: Path) -> None:
    """Give ``module`` the weights ``tensors``, which were read from ``file``.

    Raises:
        RunError: If they are those of another network.
    """
    try:
        module.load_state_dict(tensors)
    except RuntimeError as error:
        raise RunError(
            f"{file} must hold the weights of the network that it is of; it holds others: remove "
            "it and run the same command again to train it anew"
        ) from error
