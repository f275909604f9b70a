"""The tables of published benchmarks: what the authors' values are, and their columns here.

Files made before tables described themselves are known by their columns.
"""

from __future__ import annotations

from collections.abc import Collection

from ecg_nas.tables.description import Column, Metric, TableDescription, trainings
from search_spaces import nasbench101, nasbench201

EDGE_OPS = tuple(f"edge_ops_{edge}" for edge in range(len(nasbench201.EDGES)))
EDGE_BITS = ("edge_bits", "ops")
N_RUNS = "n_runs"

# Data set: column of the validation accuracy, and what the other columns begin with.
_DATA_SETS_201 = {
    "cifar10": ("c10valid_val", "c10"),
    "cifar100": ("c100_val", "c100"),
    "imagenet16": ("img_val", "img"),
}
_NAME_101 = "nb101"
_EPOCHS_101 = 108
_TOO_CLOSE = "the best {best} are within {spread} points, too close for a hit rate"

NAMES = (*(f"nb201-{data_set}" for data_set in _DATA_SETS_201), _NAME_101)
"""What comparisons on them are called."""


def describe_201(
    columns: Collection[str],
    *,
    complete: bool,
    runs: tuple[int, int] | None = None,
    source: str = "NAS-Bench-201",
) -> TableDescription:
    """Return the description of a table of NAS-Bench-201, of the data sets that it has.

    References:
        Labels: Lu et al., *PINAT: A Permutation INvariance Augmented Transformer for NAS
        Predictor*, AAAI 2023, doi:10.1609/aaai.v37i7.26076.
    """
    return TableDescription(
        space=nasbench201.SPACE.name,
        form="edge_ops",
        metrics=tuple(
            Metric(
                name=name,
                benchmark=f"nb201-{name}",
                words=f"NAS-Bench-201 {name} validation accuracy in % at 200 epochs, mean over "
                "seeds",
                unit="%",
                epochs=200,
                score=Column(name=score),
                test=Column(name=f"{prefix}_test"),
                costs={"params": Column(name=f"{prefix}_params_M", scale=1e6)},
                train_s=Column(name=f"{prefix}_train_s"),
            )
            for name, (score, prefix) in _DATA_SETS_201.items()
            if score in columns
        ),
        runs=runs,
        complete=complete,
        source=source,
        labels=(78, 156, 469),
    )


def describe_101(
    columns: Collection[str],
    *,
    complete: bool,
    final_runs: tuple[int, int],
    runs: tuple[int, int] | None = None,
    source: str = "NAS-Bench-101",
) -> TableDescription:
    """Return the description of a table of NAS-Bench-101.

    Args:
        columns: Of the table; that of the test accuracy may be lacking.
        complete: Whether all cells are there.
        final_runs: Fewest and most trainings at the largest budget, which is what is searched.
        runs: Those of all values.
        source: Where the values come from.

    References:
        Labels: Lu et al. 2023, as above.
    """
    test = f"test_acc_{_EPOCHS_101}"
    return TableDescription(
        space=nasbench101.SPACE.name,
        form="edge_bits",
        metrics=(
            Metric(
                name="cifar10",
                benchmark=_NAME_101,
                words=f"NAS-Bench-101 CIFAR-10 validation accuracy in % at {_EPOCHS_101} epochs, "
                + trainings(final_runs),
                unit="%",
                epochs=_EPOCHS_101,
                score=Column(name=f"val_acc_{_EPOCHS_101}", scale=100),
                test=Column(name=test, scale=100) if test in columns else None,
                costs={"params": Column(name="params")},
                train_s=Column(name=f"train_s_{_EPOCHS_101}"),
            ),
        ),
        runs=runs or final_runs,
        complete=complete,
        source=source,
        caveat=_TOO_CLOSE,
        labels=(100, 172, 424),
    )
