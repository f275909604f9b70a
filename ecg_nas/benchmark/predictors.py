"""The predictors that a benchmark can compare, by name."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ecg_nas.predictor.base import Predictor
from ecg_nas.predictor.config import DclConfig, GinConfig, PathMlpConfig, WeakMlpConfig
from search_spaces import SearchSpace


@dataclass(frozen=True, slots=True)
class Ranker:
    """A predictor with all its settings.

    Attributes:
        module: Where its class is; imported on use, since torch takes seconds.
        name: The class; it takes a space, its settings and ``seed``.
        config: The settings, a dataclass.
        shared: Further arguments, from the space: what predictors of one process may share.
    """

    module: str
    name: str
    config: Any
    shared: Callable[[SearchSpace], Mapping[str, Any]] = lambda space: {}

    def start(self, space: SearchSpace, seed: int) -> Predictor:
        """Return the predictor, fresh."""
        made = getattr(importlib.import_module(self.module), self.name)
        predictor: Predictor = made(space, self.config, seed=seed, **self.shared(space))
        return predictor

    def settings(self) -> dict[str, Any]:
        """Return the settings as JSON-able values."""
        return dataclasses.asdict(self.config)


def _encoder(space: SearchSpace) -> Mapping[str, Any]:
    return {"encoder": _hard_encoder(space)}


@lru_cache(maxsize=1)
def _hard_encoder(space: SearchSpace) -> Any:
    from ecg_nas.predictor._paths import HardEncoder

    return HardEncoder(space)  # a table's cells are encoded once a process


def _dcl(config: DclConfig) -> Ranker:
    return Ranker("ecg_nas.predictor.dcl", "DclPredictor", config, _encoder)


PREDICTORS: Mapping[str, Ranker] = {
    "dcl": _dcl(DclConfig()),
    "npenas-gin": Ranker("ecg_nas.predictor.npenas_gin", "GinPredictor", GinConfig(), _encoder),
    "bananas-mlp": Ranker("ecg_nas.predictor.bananas_mlp", "PathMlpPredictor", PathMlpConfig()),
    "weaknas-mlp": Ranker("ecg_nas.predictor.weaknas_mlp", "WeakMlpPredictor", WeakMlpConfig()),
    # Ablations: one stage left out.
    "dcl:no-pretraining": _dcl(DclConfig(pretraining=False)),
    "dcl:regression": _dcl(DclConfig(objective="regression")),
}
