"""How well cheaper scores of candidates order them as full trainings do.

The full trainings are those of a table (``trained.fill``). A cheaper score is worth having where
its rank correlation with them is near that of full trainings with other seeds: luck bounds both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ecg_nas import seeds
from ecg_nas.errors import TableError
from ecg_nas.evaluation.base import Candidate, Evaluation, Evaluator
from ecg_nas.evaluation.config import EarlyConfig
from ecg_nas.evaluation.curve_extrapolation import predicted_score
from ecg_nas.evaluation.weight_inheritance import parent_of
from ecg_nas.tables.trained_table import TrainedRow, TrainedTable
from search_spaces import SearchSpace

_RESAMPLES = 2000
_FIRST, _BATCH = 8, 4  # candidates that have no parents, and those asked for at once then


def of_curves(table: TrainedTable, config: EarlyConfig) -> dict[str, Any]:
    """Return what early termination would have made of the trainings of ``table``.

    Args:
        table: Its trainings were watched (``early.mode = "watch"``).
        config: When to end a training.

    Returns:
        ``epochs`` of a whole training; ``foretold``: agreement of the scores with those of whole
        trainings, with ``stopped`` (how many ended early), ``saved`` (share of all epochs) and
        ``error`` (mean absolute, of those that ended early); ``by_epoch``: agreement of the score
        after each epoch, on the thinned held-out beats that are looked at.

    Raises:
        TableError: If fewer than three trainings have a curve.
    """
    rows = [row for row in _good(table) if row.figures.get("curve")]
    if len(rows) < 3:
        raise TableError(
            "early termination can be judged on three or more watched trainings; the table has "
            f'{len(rows)}: make it with early.mode = "watch"'
        )
    curves = [row.figures["curve"] for row in rows]
    epochs, full = len(curves[0]), [row.score for row in rows]
    scores, ends = zip(
        *(_ended(row, curve, config) for row, curve in zip(rows, curves, strict=True)), strict=True
    )
    errors = [abs(a - b) for a, b, end in zip(scores, full, ends, strict=True) if end < epochs]
    return {
        "epochs": epochs,
        "foretold": agreement(scores, full)
        | {
            "stopped": len(errors),
            "saved": 1 - sum(ends) / (epochs * len(ends)),
            "error": float(np.mean(errors)) if errors else None,
        },
        "by_epoch": [agreement([curve[at] for curve in curves], full) for at in range(epochs)],
    }


def of_heirs(
    table: TrainedTable,
    evaluator: Evaluator,
    space: SearchSpace,
    *,
    seed: int,
    on_evaluation: Callable[[Evaluation], None] = lambda _: None,
) -> dict[str, Any]:
    """Train the architectures of ``table`` as a search with weight inheritance would.

    The first 8 start from untrained weights; then 4 at a time from the one before that shares the
    most weights.

    Args:
        table: Full trainings.
        evaluator: One with weight inheritance.
        space: The table's.
        seed: Seed of the table.
        on_evaluation: Called with each evaluation as it comes.

    Returns:
        ``agreement`` of the heirs' scores with those of full trainings; ``seconds`` of an heir's
        training by those of the same one in full (mean).
    """
    rows = _good(table)
    trained = {row.slot: row.architecture for row in rows[:_FIRST]}
    _scores(evaluator, [_candidate(row, "table", seed) for row in rows[:_FIRST]], on_evaluation)
    heirs: dict[int, Evaluation] = {}
    for start in range(_FIRST, len(rows), _BATCH):
        batch = rows[start : start + _BATCH]
        parents = [parent_of(row.architecture, trained, space) for row in batch]
        asked = [
            _candidate(row, "heir", seed, parent)
            for row, parent in zip(batch, parents, strict=True)
        ]
        heirs |= _scores(evaluator, asked, on_evaluation)
        trained |= {row.slot: row.architecture for row in batch if row.slot in heirs}
    return _beside(rows, heirs)


def of_other_seeds(
    table: TrainedTable,
    evaluator: Evaluator,
    *,
    seed: int,
    on_evaluation: Callable[[Evaluation], None] = lambda _: None,
) -> dict[str, Any]:
    """Train the architectures of ``table`` in full once more, with other seeds; as ``of_heirs``.

    No cheaper score can be expected to agree better than this.
    """
    rows = _good(table)
    asked = [_candidate(row, "again", seed) for row in rows]
    return _beside(rows, _scores(evaluator, asked, on_evaluation))


def agreement(cheap: Sequence[float | None], full: Sequence[float | None]) -> dict[str, Any]:
    """Return how two lists of scores of the same architectures, three or more, agree.

    Returns:
        ``spearman`` with its 95 % ``interval`` (bootstrap over architectures), ``kendall``
        (tau-b), ``n``; ``None`` where one list does not vary.
    """
    pairs = np.array([cheap, full], dtype=np.float64)
    rng = np.random.default_rng(0)
    drawn = _spearman(pairs[:, rng.integers(pairs.shape[1], size=(_RESAMPLES, pairs.shape[1]))])
    defined = drawn[np.isfinite(drawn)]
    spearman = float(_spearman(pairs))
    kendall = float(stats.kendalltau(pairs[0], pairs[1], variant="b").statistic)
    return {
        "n": pairs.shape[1],
        "spearman": spearman if np.isfinite(spearman) else None,
        "interval": np.quantile(defined, (0.025, 0.975)).tolist() if len(defined) else None,
        "kendall": kendall if np.isfinite(kendall) else None,
    }


def _spearman(pairs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Spearman's rho of ``pairs (2, …, n)`` along the last axis, NaN where undefined."""
    ranks = np.asarray(stats.rankdata(pairs, axis=-1))
    ranks -= ranks.mean(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore"):
        rho: NDArray[np.float64] = (ranks[0] * ranks[1]).sum(axis=-1) / np.sqrt(
            (ranks**2).sum(axis=-1).prod(axis=0)
        )
    return rho


def _good(table: TrainedTable) -> list[TrainedRow]:
    return [row for row in table.rows if row.score is not None]


def _ended(
    row: TrainedRow, curve: Sequence[float], config: EarlyConfig
) -> tuple[float | None, int]:
    """Return the score that early termination gives, and after how many epochs."""
    for done in range(config.first, len(curve)):
        score = predicted_score(curve[:done], len(curve), config)
        if score is not None:
            return score, done
    return row.score, len(curve)


def _candidate(row: TrainedRow, turn: str, seed: int, parent: int | None = None) -> Candidate:
    return Candidate(
        slot=row.slot,
        architecture=row.architecture,
        seed=seeds.derive(seed, turn, row.slot),
        parent=parent,
    )


def _scores(
    evaluator: Evaluator,
    candidates: Sequence[Candidate],
    on_evaluation: Callable[[Evaluation], None],
) -> dict[int, Evaluation]:
    found = {}
    for evaluation in evaluator.evaluate(candidates):
        on_evaluation(evaluation)
        if evaluation.score is not None:
            found[evaluation.slot] = evaluation
    return found


def _beside(rows: Sequence[TrainedRow], found: Mapping[int, Evaluation]) -> dict[str, Any]:
    """Return the agreement of evaluations with the rows of the same slots, and their cost."""
    both = [row for row in rows if row.slot in found]
    if len(both) < 3:
        raise TableError(
            f"rank correlation needs three or more trainings beside those of the table; {len(both)}"
            " came out: use a table of more architectures"
        )
    cost = [found[row.slot].seconds / row.seconds for row in both if row.seconds > 0]
    return agreement([found[row.slot].score for row in both], [row.score for row in both]) | {
        "seconds": float(np.mean(cost)) if cost else None
    }
