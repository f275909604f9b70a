from dataclasses import fields

import pytest

from ecg_nas.errors import ConfigError
from ecg_nas.evaluation.base import Evaluation, Evaluator
from ecg_nas.measurements.recipe_effects import measure, variants
from ecg_nas.training.config import AugmentConfig, TrainConfig


class Known(Evaluator):
    """Scores a recipe by a formula, so that every effect is known; notes that it was closed."""

    def __init__(self, config, closed):
        self.config, self.closed = config, closed

    def evaluate(self, candidates):
        for candidate in reversed(candidates):
            score = 0.5 + self.config.label_smoothing + 0.01 * candidate.slot
            failed = self.config.warmup == 0 and candidate.slot == 1
            yield Evaluation(
                slot=candidate.slot,
                score=None if failed else score,
                metrics={} if failed else {"per_class": {"N": {"f1": score}}},
                failure="RuntimeError: it is so" if failed else None,
            )

    def close(self):
        self.closed.append(self.config)


@pytest.fixture
def result():
    closed = []
    found = measure(
        lambda config: Known(config, closed), TrainConfig(label_smoothing=0.05), n_seeds=3, seed=0
    )
    assert len(closed) == 1 + len(found["variants"])
    return found


def test_an_effect_is_the_mean_difference_seed_by_seed(result):
    rows = {(row["setting"], row["value"]): row for row in result["variants"]}
    assert rows["label_smoothing", "0"]["effect"] == pytest.approx(-0.05)
    assert rows["label_smoothing", "0"]["effect_sd"] == pytest.approx(0.0, abs=1e-9)
    assert rows["weight_decay", "0"]["effect"] == 0
    assert result["base"]["scores"] == pytest.approx([0.55, 0.56, 0.57])
    assert result["base"]["f1"]["N"] == pytest.approx(0.56)


def test_a_failed_training_is_left_out_of_its_effect(result):
    (row,) = [row for row in result["variants"] if row["setting"] == "warmup"]
    assert row["scores"][1] is None
    assert row["effect"] == 0


def test_every_augmentation_is_left_out_once():
    rows = variants(TrainConfig(augment=AugmentConfig(lead_dropout=0.2)))
    left_out = {name for name, value, _ in rows if value == "0"}
    amplitudes = {f"augment.{item.name}" for item in fields(AugmentConfig)}
    assert amplitudes - left_out == {"augment.lead_dropout"}
    assert len({recipe for *_, recipe in rows}) == len(rows)
    assert all(recipe != TrainConfig() for *_, recipe in variants(TrainConfig()))


def test_one_training_has_no_spread():
    with pytest.raises(ConfigError, match="2 or more; got 1"):
        measure(lambda config: Known(config, []), TrainConfig(), n_seeds=1, seed=0)


def test_some_parts_alone_can_be_changed():
    rows = variants(TrainConfig(), only={"class_mass", "augment.gain"})
    assert {setting for setting, _, _ in rows} == {"class_mass", "augment.gain"}
    with pytest.raises(ConfigError, match=r"must be one of augment, augment\.gain, .*; got depth"):
        variants(TrainConfig(), only={"class_mass", "depth"})
