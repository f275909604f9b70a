"""Performance predictors, one file each: the folder is the registry.

A predictor is named by its file (``npenas_gin.py`` is ``npenas-gin``), which holds its settings
and ends with ``PREDICTOR``. What needs torch is in ``networks`` and imported late.
"""

from __future__ import annotations

from data_prep.registry import Registry
from ecg_nas import variants
from ecg_nas.errors import ConfigError
from ecg_nas.predictor.base import Predictor, PredictorSpec

__all__ = ["Predictor", "PredictorSpec", "available", "load", "with_variants"]

_REGISTRY = Registry(
    package=__name__,
    path=__path__,
    folder="predictors",
    what="predictor",
    constant="PREDICTOR",
    kind=PredictorSpec,
    error=ConfigError,
)


def available() -> list[str]:
    """Return the names of the predictors, without importing them."""
    return _REGISTRY.available()


def with_variants() -> list[str]:
    """Return the names of the predictors and, behind each, of its variants (``dcl:regression``)."""
    return variants.available(_REGISTRY)


def load(name: str) -> PredictorSpec:
    """Return the predictor, or the variant of one, called ``name``.

    Raises:
        ConfigError: If there is none of that name, or it is not written as it must be.
    """
    spec: PredictorSpec = variants.load(_REGISTRY, name)
    return spec
