"""The beats that a classifier got most confidently wrong: where to look first."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_prep.store.dataset import SignalStore
from ecg_nas.assessment.beat_matching import Outcomes
from ecg_nas.metrics.classification import Counts

_MISSED, _FALSE = "missed", "no beat"
_END_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One beat that was called what it is not.

    Attributes:
        record: Name of the record.
        time_s: Where in it.
        truth: Class by the annotators; ``no beat`` if they have none there.
        called: Class by the classifier; ``missed`` if it was not found.
        probability: What the classifier gave its class; ``None`` for a missed beat.
        alike: How many beats of the side were mistaken in the same way.
    """

    record: str
    time_s: float
    truth: str
    called: str
    probability: float | None
    alike: int

    def to_json(self) -> dict[str, Any]:
        """Return the mistake as JSON-able values."""
        return asdict(self)


def worst(
    outcomes: Outcomes, store: SignalStore, *, pairs: int = 6, each: int = 2
) -> list[Mistake]:
    """Return the most confident mistakes of the most frequent kinds.

    Args:
        outcomes: What became of each beat.
        store: The side that they are of.
        pairs: How many kinds (true class, class that was given) to return at most.
        each: How many of one kind; of different records as far as there are some.
    """
    names = (*outcomes.classes, "")
    wrong = np.flatnonzero(outcomes.truth != outcomes.called)
    kinds = Counter(
        zip(outcomes.truth[wrong].tolist(), outcomes.called[wrong].tolist(), strict=True)
    )
    chosen = []
    for (truth, called), alike in sorted(kinds.items(), key=lambda kind: (-kind[1], kind[0]))[
        :pairs
    ]:
        own = wrong[(outcomes.truth[wrong] == truth) & (outcomes.called[wrong] == called)]
        is_missed = called == outcomes.none
        confidence = (
            _is_inside(own, outcomes, store) if is_missed else outcomes.probabilities[own, called]
        )
        seen: Counter[int] = Counter()
        rank = np.zeros(len(own), dtype=int)
        order = np.argsort(-confidence, kind="stable")
        for place in order.tolist():
            carrier = int(outcomes.record[own[place]])
            rank[place] = seen[carrier]
            seen[carrier] += 1
        # The best of every record first, then the second best.
        for place in order[np.argsort(rank[order], kind="stable")][:each].tolist():
            record = store.records[int(outcomes.record[own[place]])]
            chosen.append(
                Mistake(
                    record=record.name,
                    time_s=float(outcomes.sample[own[place]] / record.fs_hz),
                    truth=names[truth] or _FALSE,
                    called=names[called] or _MISSED,
                    probability=None if is_missed else float(confidence[place]),
                    alike=alike,
                )
            )
    return chosen


def _is_inside(beats: Counts, outcomes: Outcomes, store: SignalStore) -> NDArray[np.float64]:
    """Return 1 for a beat away from its record's ends, where one is easily missed; else 0."""
    of_record = outcomes.record[beats]
    length_s = np.array([record.n_samples / record.fs_hz for record in store.records])[of_record]
    rates = np.array([record.fs_hz for record in store.records])
    time_s = outcomes.sample[beats] / rates[of_record]
    return np.asarray((time_s > _END_S) & (time_s < length_s - _END_S), dtype=np.float64)
