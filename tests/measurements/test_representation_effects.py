from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from data_prep.dsp.signal_spec import SignalSpec
from ecg_nas.errors import ConfigError
from ecg_nas.evaluation.base import Candidate, Evaluation, Evaluator
from ecg_nas.evaluation.representation import OPTIONS, beat_spec
from ecg_nas.measurements.representation_effects import BASE, NETWORK, measure, variants
from search_spaces import load

WORTH = {("rr", "all"): 0.1, ("causal", "on"): -0.2}


class Additive(Evaluator):
    """Scores by what is chosen, plus the seed's luck, the same for every variant."""

    def __init__(self) -> None:
        self.specs: set[object] = set()

    def evaluate(self, candidates: Sequence[Candidate]) -> Iterator[Evaluation]:
        for c in reversed(candidates):
            self.specs.add(beat_spec(SignalSpec(), c.architecture))
            worth = sum(WORTH.get(choice, 0.0) for choice in c.architecture.representation)
            score = 0.5 + worth + c.seed % 100 / 1000
            failed = ("scale", "window") in c.architecture.representation
            yield Evaluation(
                slot=c.slot,
                score=None if failed else score,
                metrics={} if failed else {"per_class": {"S": {"f1": score}, "Q": {"f1": None}}},
            )


def test_the_fixed_network_is_one_of_the_space() -> None:
    space = load("ecg1d")
    space.check(space.from_json(NETWORK))


def test_every_option_but_the_base_is_varied_alone() -> None:
    evaluator = Additive()
    result = measure(evaluator, n_seeds=2, seed=0)
    assert len(evaluator.specs) == 1 + len(variants()) == 1 + len(result["variants"])
    assert len(variants()) == sum(len(options) - 1 for options in OPTIONS.values())
    assert set(BASE) == set(OPTIONS)


def test_effects_are_differences_seed_by_seed() -> None:
    result = measure(Additive(), n_seeds=3, seed=0)
    effects = {(row["gene"], row["option"]): row["effect"] for row in result["variants"]}
    assert effects.pop(("scale", "window")) is None  # every training of it failed
    for choice, effect in effects.items():
        assert effect == pytest.approx(WORTH.get(choice, 0.0))
    assert all(
        row["effect_sd"] == pytest.approx(0, abs=1e-9)
        for row in result["variants"]
        if row["effect"] is not None
    )
    base = result["base"]
    assert base["f1"] == {"S": pytest.approx(base["mean"]), "Q": 0.0}
    assert base["sd"] > 0


def test_one_seed_is_too_few() -> None:
    with pytest.raises(ConfigError, match="2 or more; got 1"):
        measure(Additive(), n_seeds=1, seed=0)
