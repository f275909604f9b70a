"""Settings of any method or predictor, small enough for a test."""

from dataclasses import fields, is_dataclass, replace

_SMALL = {
    # Methods
    "n_init": 8,
    "n_infill": 5,
    "n_batch": 3,
    "n_mutants": 12,
    "n_parents": 3,
    "n_pool": 60,
    "n_top": 10,
    "n_unlabelled": 32,
    "population": 8,
    "t_gap": 2,
    "tournament": 3,
    # Predictors
    "epochs": 5,
    "head_width": 8,
    "layers": 2,
    "max_codes": 50,
    "members": 2,
    "pretrain_batch": 16,
    "pretrain_steps": 2,
    "width": 8,
}


def small(settings, **values):
    """Return settings in which all of the names above, also those of parts, are small."""
    parts = {one.name: getattr(settings, one.name) for one in fields(settings)}
    changes = {name: _SMALL[name] for name in parts if name in _SMALL}
    changes |= {name: small(part) for name, part in parts.items() if is_dataclass(part)}
    return replace(settings, **changes | values)
