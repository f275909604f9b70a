"""Start a candidate from the weights of the trained one that is most like it.

References:
    Peng, Song, Ciesielski, *PRE-NAS: Predictor-assisted Evolutionary Neural Architecture Search*,
    GECCO 2022 (arXiv 2204.12726): children inherit their parent's weights and train for less. Here
    the parent is the trained candidate that shares the most weights, since the ancestors of a
    proposal are mostly predicted, not trained.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from data_prep.io.npz import read_npz
from data_prep.writing import not_written
from ecg_nas.errors import RunError
from ecg_nas.files import whole
from search_spaces import Architecture, SearchSpace

_SIZES = {"leads": 2, "samples": 128, "context": 8, "classes": 5}  # the same for all: to compare


def parent_of(
    architecture: Architecture, trained: Mapping[int, Architecture], space: SearchSpace
) -> int | None:
    """Return the slot of the trained architecture that shares the most weights, if any.

    Shared is what has the same name and shape in both networks; of equals, the first slot counts.
    """
    own = _shapes(architecture, space)

    def shared(slot: int) -> int:
        other = _shapes(trained[slot], space)
        return sum(size.numel() for name, size in own.items() if other.get(name) == size)

    best = max(sorted(trained), key=shared, default=None)
    return best if best is not None and shared(best) > 0 else None


@lru_cache(maxsize=4096)
def _shapes(architecture: Architecture, space: SearchSpace) -> dict[str, torch.Size]:
    with torch.device("meta"):
        network = space.build(architecture, **_SIZES)
    return {name: value.shape for name, value in network.named_parameters()}


class Weights:
    """The weights of trained candidates, a file each.

    Args:
        folder: Where they are kept; made when needed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, slot: int, networks: Sequence[nn.Module]) -> None:
        """Keep the networks of a candidate's folds.

        Raises:
            RunError: If they cannot be written.
        """
        arrays = {
            f"{fold}/{name}": value.detach().cpu().numpy()
            for fold, network in enumerate(networks)
            for name, value in network.state_dict().items()
        }
        file = self._file(slot)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(not_written(file, error)) from error
        with whole(file) as part, part.open("wb") as opened:
            np.savez(opened, allow_pickle=False, **arrays)

    def load(self, slot: int, folds: int) -> list[dict[str, Tensor]]:
        """Return the state of each fold's network.

        Raises:
            RunError: If they are not there or damaged.
        """
        states: list[dict[str, Tensor]] = [{} for _ in range(folds)]
        try:
            for key, array in read_npz(self._file(slot)).items():
                fold, name = key.split("/", 1)
                states[int(fold)][name] = torch.from_numpy(array)
        except (ValueError, TypeError, IndexError) as error:
            raise RunError(
                f"the weights of candidate {slot} must be in {self._file(slot)} for others to "
                f"start from; they cannot be read ({error}): begin a new run"
            ) from error
        return states

    def _file(self, slot: int) -> Path:
        return self._folder / f"{slot}.npz"


def take_over(network: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Give ``network`` what of ``state`` has the same name and shape as its own."""
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if name in state and state[name].shape == value.shape:
                value.copy_(state[name])
