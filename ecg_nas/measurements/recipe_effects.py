"""What each part of the training recipe does to the fold score of one fixed small network."""

from __future__ import annotations

from collections.abc import Callable, Set
from contextlib import closing
from dataclasses import replace
from typing import Any

from ecg_nas import seeds
from ecg_nas.errors import ConfigError
from ecg_nas.evaluation.base import Candidate, Evaluation, Evaluator
from ecg_nas.measurements._effects import check_seeds, compared, figures, told
from ecg_nas.measurements.representation_effects import NETWORK
from ecg_nas.training.config import AugmentConfig, TrainConfig
from search_spaces import load

# A search soon finds the median beat's worth (docs/representation.md): what matters is the recipe
# of networks that have it.
_NETWORK = {**NETWORK, "representation": {**NETWORK["representation"], "reference_beat": "on"}}
_NO_AUGMENT = AugmentConfig(gain=0, wander=0, noise=0, shift=0, context_noise=0, lead_dropout=0)


def variants(base: TrainConfig, only: Set[str] = frozenset()) -> list[tuple[str, str, TrainConfig]]:
    """Return single changes of ``base`` as ``(setting, value, recipe)``; parts left out first.

    Args:
        base: The recipe.
        only: Settings to change; empty for all.

    Raises:
        ConfigError: If one of them is unknown.
    """

    def augmented(name: str, value: Any) -> tuple[str, str, TrainConfig]:
        changed = replace(base, augment=replace(base.augment, **{name: value}))
        return f"augment.{name}", f"{value:g}", changed

    def changed(name: str, value: Any) -> tuple[str, str, TrainConfig]:
        return name, f"{value:g}", replace(base, **{name: value})

    rows = [
        ("augment", "none", replace(base, augment=_NO_AUGMENT)),
        *(augmented(name, 0) for name in ("gain", "wander", "noise", "shift", "context_noise")),
        augmented("lead_dropout", 0.1),
        *(augmented(name, 3 * getattr(base.augment, name)) for name in ("gain", "wander", "noise")),
        changed("label_smoothing", 0),
        changed("weight_decay", 0),
        *(changed("class_mass", mass) for mass in (0, 0.25, 0.75, 1)),
        *(changed("patient_mass", mass) for mass in (0, 1)),
        changed("ema", 0.99),
        changed("warmup", 0),
        *(changed("learning_rate", factor * base.learning_rate) for factor in (1 / 3, 3)),
    ]
    found = [row for row in rows if row[2] != base]
    if unknown := only - {setting for setting, _, _ in found}:
        raise ConfigError(
            f"a part of the recipe must be one of {', '.join(dict.fromkeys(r[0] for r in found))}; "
            f"got {', '.join(sorted(unknown))}"
        )
    return [row for row in found if not only or row[0] in only]


def measure(
    make: Callable[[TrainConfig], Evaluator],
    base: TrainConfig,
    *,
    n_seeds: int,
    seed: int,
    only: Set[str] = frozenset(),
    on_evaluation: Callable[[Evaluation], None] = lambda _: None,
) -> dict[str, Any]:
    """Score one network with a recipe and with single changes of it.

    It is that of ``benchmark.representation``, shown the difference to the patient's median beat.

    Args:
        make: Returns what scores with a recipe; by training patients only.
        base: The recipe.
        n_seeds: Trainings of each, 2 or more; the same seeds for every variant.
        seed: Seed of the trainings.
        only: Settings to change; empty for all.
        on_evaluation: Called with each evaluation as it comes.

    Returns:
        As ``benchmark.representation.measure``, but with ``setting`` and ``value``.

    Raises:
        ConfigError: If a number is too small, or a setting unknown.
    """
    check_seeds(n_seeds)
    network = load("ecg1d").from_json(_NETWORK)
    candidates = [
        Candidate(slot=slot, architecture=network, seed=seeds.derive(seed, "recipe", slot))
        for slot in range(n_seeds)
    ]
    rows = []
    for setting, value, config in [(None, None, base), *variants(base, only)]:
        with closing(make(config)) as evaluator:
            found = list(told(evaluator.evaluate(candidates), on_evaluation))
        ordered = sorted(found, key=lambda evaluation: evaluation.slot)
        rows.append({"setting": setting, "value": value} | figures(ordered))
    return {"network": network.to_json()} | compared(rows)
