"""The official files of NAS-Bench-201 and of NATS-Bench's topology space, which hold the same.

For each architecture there is the state of two ``ArchResults`` objects, one of the trainings with
12 epochs (``12`` or ``less``) and one of those with 200 (``200`` or ``full``): ``all_results``
maps a data set and a seed to accuracies by ``evaluated set@epoch``, epochs from 0.

References:
    Dong & Yang 2020, NAS-Bench-201, arXiv:2001.00326.
    Dong et al. 2021, NATS-Bench, doi:10.1109/TPAMI.2021.3054824.
"""

from __future__ import annotations

import bz2
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from ecg_nas.errors import TableError
from ecg_nas.tables import published
from ecg_nas.tables.official import _unpickle
from ecg_nas.tables.parquet import CompactTable
from search_spaces import ArchitectureError, nasbench201

META = "meta.pickle.pbz2"
"""The member of an archive that says how many architectures there are."""

_CELLS = len(nasbench201.OPS) ** len(nasbench201.EDGES)
_MOST_RUNS = 3
_EPOCHS = {"12": 12, "less": 12, "200": 200, "full": 200}

_MEANS = {
    "c10valid_val": ("cifar10-valid", "x-valid"),
    "c10_test": ("cifar10", "ori-test"),
    "c100_val": ("cifar100", "x-valid"),
    "c100_test": ("cifar100", "x-test"),
    "img_val": ("ImageNet16-120", "x-valid"),
    "img_test": ("ImageNet16-120", "x-test"),
}
_SINGLE_RUNS = {
    "c10valid_val_seeds": ("cifar10-valid", "x-valid"),
    "c100_valtest_seeds": ("cifar100", "ori-test"),
    "img_valtest_seeds": ("ImageNet16-120", "ori-test"),
}
_COSTS = {"c10": "cifar10-valid", "c100": "cifar100", "img": "ImageNet16-120"}

_RUN = "run"  # where ``_cut_down`` leaves what it keeps
_LEGACY_HEADER = 3  # pickles in front: a magic number, a version, sizes of C types


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """One training: accuracies in % after the last epoch by evaluated set, and its costs."""

    accuracy: Mapping[str, float]
    params_m: float
    macs_m: float
    train_s: float


def read_members(members: Iterable[tuple[str, bytes]], where: str) -> CompactTable:
    """Return the compact table of a NATS-Bench archive.

    Args:
        members: Name and content of each of the archive's files, in any order.
        where: Names the archive in errors.

    Raises:
        TableError: If a member is damaged, or architectures are missing.
    """
    rows: dict[int, dict[str, Any]] = {}
    total = None
    for name, content in members:
        place = f"{name} of {where}"
        try:
            tree = _unpickle.loads(bz2.decompress(content))
            if name == META:
                total = int(tree["total_archs"])
                continue
        except TableError as error:
            raise TableError(f"{place}: {error}") from error
        except Exception as error:  # a damaged pickle may raise anything
            raise _damaged(place, error) from error
        _add(rows, tree, place)
    if total is None:
        raise TableError(
            f"the archive must have {META}, as NATS-tss-v1_0-3ffb9-simple has; {where} has not: "
            "it is cut off or something else"
        )
    return _compact(rows, total, "NATS-Bench archive", where)


def read_torch(file: BinaryIO, where: str) -> CompactTable:
    """Return the compact table of a file that ``torch.save`` wrote before its zip format.

    Raises:
        TableError: If it is damaged, or architectures are missing.
    """
    return _read_tree(file, where, "NAS-Bench-201", skip=_LEGACY_HEADER)


def read_pickle(file: BinaryIO, where: str, source: str) -> CompactTable:
    """Return the compact table of one pickle of all architectures.

    Raises:
        TableError: If it is damaged, or architectures are missing.
    """
    return _read_tree(file, where, source, skip=0)


def _read_tree(file: BinaryIO, where: str, source: str, *, skip: int) -> CompactTable:
    try:
        for _ in range(skip):
            _unpickle.load(file, lambda _: None)
        tree = _unpickle.load(file, _cut_down)
        results, total = dict(tree["arch2infos"]), int(tree["total_archs"])
    except TableError as error:
        raise TableError(f"{where}: {error}") from error
    except Exception as error:  # a damaged pickle may raise anything
        raise _damaged(where, error) from error
    rows: dict[int, dict[str, Any]] = {}
    for index, infos in results.items():
        _add(rows, infos, f"architecture {index} of {where}")
    return _compact(rows, total, source, where)


def _cut_down(items: dict[Any, Any]) -> None:
    """Keep of a training, once it is complete, what the table needs.

    The containers are emptied, not only dropped: the memo of the pickle holds them too.
    """
    if "eval_acc1es" not in items:
        return
    run = _run(items)
    for value in items.values():
        if isinstance(value, dict | list):
            value.clear()
    items.clear()
    items[_RUN] = run


def _run(items: Mapping[str, Any]) -> _Run:
    last = f"@{int(items['epochs']) - 1}"
    times = items["train_times"]
    return _Run(
        accuracy={
            key.removesuffix(last): float(value)
            for key, value in items["eval_acc1es"].items()
            if key.endswith(last)
        },
        params_m=float(items["params"]),
        macs_m=float(items["flop"]),
        train_s=float("nan") if times is None else float(sum(times.values())),
    )


def _add(rows: dict[int, dict[str, Any]], infos: Any, place: str) -> None:
    """Add the row of one architecture."""
    try:
        states = {_EPOCHS[key]: state for key, state in infos.items()}
        index, text = int(states[200]["arch_index"]), states[200]["arch_str"]
        ops = nasbench201.from_string(text).ops
        row = {"arch": text, **_row(_runs(states[200]), _runs(states[12]))}
    except ArchitectureError as error:
        raise TableError(
            f"the file must be of the topology search space (tss); {place}: {error}"
        ) from error
    except Exception as error:  # so may what it held
        raise _damaged(place, error) from error
    if index in rows:
        raise TableError(f"each architecture must be there once; {place} repeats {index}")
    row |= {f"edge_ops_{edge}": nasbench201.OPS.index(op) for edge, op in enumerate(ops)}
    rows[index] = row


def _runs(state: Mapping[str, Any]) -> dict[str, list[_Run]]:
    """Return the trainings of one architecture by data set, in the order of their seeds."""
    runs: dict[str, list[_Run]] = {}
    for (dataset, _), items in sorted(state["all_results"].items()):
        runs.setdefault(dataset, []).append(items[_RUN] if _RUN in items else _run(items))
    return runs


def _row(long: Mapping[str, list[_Run]], short: Mapping[str, list[_Run]]) -> dict[str, Any]:
    """Return the values of one architecture; a data set that was not trained on gives none."""
    row: dict[str, Any] = {"n_seeds": len(long["cifar10-valid"])}
    for name, dataset in _COSTS.items():
        runs = long.get(dataset, ())
        row[f"{name}_params_M"] = _mean([run.params_m for run in runs])
        row[f"{name}_macs_M"] = _mean([run.macs_m for run in runs])
        row[f"{name}_train_s"] = _mean([run.train_s for run in runs])
    for name, (dataset, evaluated) in _MEANS.items():
        row[name] = _mean([_accuracy(run, evaluated) for run in long.get(dataset, ())])
        row[f"{name}_12ep"] = _mean([_accuracy(run, evaluated) for run in short.get(dataset, ())])
    for name, (dataset, evaluated) in _SINGLE_RUNS.items():
        for k, run in enumerate(long.get(dataset, ())[:_MOST_RUNS]):
            row[f"{name}_{k}"] = _accuracy(run, evaluated)
    return row


def _accuracy(run: _Run, evaluated: str) -> float:
    accuracy = run.accuracy[evaluated]
    if not 0 <= accuracy <= 100:
        raise ValueError(f"accuracy {accuracy} %")
    return accuracy


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else float("nan")


def _compact(
    rows: Mapping[int, Mapping[str, Any]], total: int, source: str, where: str
) -> CompactTable:
    if len(rows) != total or not rows:
        raise TableError(
            f"the file must hold all its architectures; {where} should have {total} and has "
            f"{len(rows)}: it is cut off, download it again"
        )
    ordered = [rows[index] for index in sorted(rows)]  # the official numbering
    columns: dict[str, Any] = {"arch": [row["arch"] for row in ordered]}
    whole_numbers = ["n_seeds", *(f"edge_ops_{edge}" for edge in range(len(nasbench201.EDGES)))]
    for name in whole_numbers:
        columns[name] = np.array([row[name] for row in ordered], dtype=np.int8)
    for name in _decimals():
        values = [row.get(name, np.nan) for row in ordered]
        columns[name] = np.array(values, dtype=np.float32)
    needed = [*_MEANS, *_cost_columns()]
    n_different = len(set(columns["arch"]))
    if n_different != len(ordered):
        raise TableError(f"each cell must be there once; {where} has {n_different} of {total}")
    description = published.describe_201(
        columns,
        runs=(int(columns["n_seeds"].min()), int(columns["n_seeds"].max())),
        complete=len(ordered) == _CELLS and all(np.isfinite(columns[n]).all() for n in needed),
        source=source,
    )
    return CompactTable(columns=columns, description=description)


def _decimals() -> list[str]:
    """Return the columns with decimals, in the order of the table."""
    return [
        *_cost_columns(),
        *_MEANS,
        *(f"{name}_12ep" for name in _MEANS),
        *(f"{name}_{k}" for name in _SINGLE_RUNS for k in range(_MOST_RUNS)),
    ]


def _cost_columns() -> list[str]:
    return [f"{name}_{cost}" for name in _COSTS for cost in ("params_M", "macs_M", "train_s")]


def _damaged(place: str, error: Exception) -> TableError:
    return TableError(
        f"the file must be one of NAS-Bench-201 or NATS-Bench (tss), and whole; {place} cannot be "
        f"read ({type(error).__name__}: {error!s:.80}): download it again"
    )
