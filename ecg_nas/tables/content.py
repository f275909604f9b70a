"""What was read of a benchmark's table, whatever its file looks like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search_spaces import Architecture, SearchSpace


@dataclass(frozen=True, slots=True, kw_only=True)
class TableContent:
    """What a table holds, in the order of its cells.

    Attributes:
        space: Where to search: all cells are in the table, and moves lead to no others.
        cells: Returns all architectures.
        place: Returns where an architecture of the space is; raises ``KeyError`` if nowhere.
        rows: Place of each row of the file.
        metric: What the scores are, in words.
        note: What a result must say of the table; ``None`` for a whole one.
        scores: The searched metric, in %.
        test: Test accuracy in %; ``None`` if the table has none.
        params: Trainable parameters.
        train_s: Seconds of the training.
    """

    space: SearchSpace
    cells: Callable[[], list[Architecture]]
    place: Callable[[Architecture], int]
    rows: NDArray[np.int64]
    metric: str
    note: str | None = None
    scores: NDArray[np.float64]
    test: NDArray[np.float64] | None
    params: NDArray[np.int64]
    train_s: NDArray[np.float64]
