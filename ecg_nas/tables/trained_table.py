"""A table of networks that were trained here: its file, and what a benchmark reads of it.

The file is JSON with one architecture a line, in the order in which they were drawn::

    {"format": 1,
     "settings": {"space": "ecg1d", "seed": 0, "training": {…}, …},
     "data": {"source": "mitdb", "split": "standard", "fingerprint": "…"},
     "versions": [{"ecg-nas": "…", "numpy": "…", "torch": "…"}],
     "architectures": [
      {"slot": 0, "key": "…", "score": 0.7, "folds": […], …, "architecture": {…}}]}

``versions`` has one entry for each set of versions that trained some of them. Figures are rounded
to six digits: the luck of a training is in the second.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from data_prep import tasks
from data_prep.tasks import Task
from ecg_nas.errors import TableError
from ecg_nas.evaluation.base import Candidate, Evaluation
from ecg_nas.tables.content import TableContent, assemble
from ecg_nas.tables.description import Column, Metric, TableDescription
from ecg_nas.tables.forms import JsonText
from search_spaces import Architecture, SearchSpace, load

FORMAT = 1

_DIGITS = 6

_CAVEAT = (
    "a random sample so sparse that neighbours differ in several choices; each was trained once "
    "and part of such a score is luck (its reliability is below 1: ecg-nas bench reliability), so "
    "part of the optimum is too, and there is no hit rate"
)

_NEEDED = {
    "settings": {"space", "device", "engine"},
    "data": {"fingerprint", "source", "split"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedRow:
    """One architecture and what came of its training.

    Attributes:
        slot: Its place in the draw, from 0.
        architecture: What was trained.
        score: Fold score, 0..1; ``None`` if the training failed.
        seconds: Wall time of the training.
        figures: ``folds`` (score of each), ``per_class`` (``se``, ``ppv`` and ``f1``), ``params``,
            ``macs``, ``device``, ``engine`` and, where it was watched, the ``curve`` over epochs;
            of a failed one, what kind of ``failure``.
    """

    slot: int
    architecture: Architecture
    score: float | None
    seconds: float
    figures: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, candidate: Candidate, evaluation: Evaluation) -> TrainedRow:
        """Return what the table holds of an evaluation: nothing of the recordings but figures."""
        if evaluation.score is None:
            # The kind alone: the text of an error may name places on this machine.
            figures: dict[str, Any] = {"failure": (evaluation.failure or "").partition(":")[0]}
        else:
            stored = ("per_class", "params", "macs", "device", "engine")
            figures = {"folds": [fold["score"] for fold in evaluation.metrics["folds"]]}
            figures |= {name: evaluation.metrics[name] for name in stored}
            if "curve" in evaluation.metrics:
                figures["curve"] = evaluation.metrics["curve"]
        return cls(
            slot=candidate.slot,
            architecture=candidate.architecture,
            score=_rounded(evaluation.score),
            seconds=round(evaluation.seconds, 2),
            figures=_rounded(figures),
        )

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able description; ``from_json`` reads it back."""
        return {
            "slot": self.slot,
            "key": self.architecture.key,
            "score": self.score,
            **self.figures,
            "seconds": self.seconds,
            "architecture": self.architecture.to_json(),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any], space: SearchSpace) -> TrainedRow:
        """Return the row that ``to_json`` described.

        Raises:
            ValueError: If ``data`` describes none of ``space``.
        """
        architecture = space.from_json(data["architecture"])
        if architecture.key != data["key"]:
            raise ValueError(f"slot {data['slot']} is not the architecture {data['key']}")
        score = data["score"]
        if score is not None and not (math.isfinite(score) and int(data["params"]) > 0):
            raise ValueError(f"slot {data['slot']} must have a finite score and parameters")
        own = {"slot", "key", "score", "seconds", "architecture"}
        return cls(
            slot=int(data["slot"]),
            architecture=architecture,
            score=None if score is None else float(score),
            seconds=float(data["seconds"]),
            figures={name: value for name, value in data.items() if name not in own},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedTable:
    """Random architectures of a space, each trained once in full.

    Attributes:
        settings: JSON-able; all that draws and trainings depend on besides the data.
        data: ``source``, ``split``, ``fingerprint`` and (but for the default) ``task`` of the
            recordings.
        versions: Of the packages that trained, each set once.
        rows: The architectures, by slot; slots may be missing.
    """

    settings: Mapping[str, Any]
    data: Mapping[str, Any]
    versions: tuple[Mapping[str, str], ...] = ()
    rows: tuple[TrainedRow, ...] = ()

    def with_row(self, row: TrainedRow) -> TrainedTable:
        """Return the table with a row more, unless its slot is taken."""
        rows = {other.slot: other for other in (row, *self.rows)}
        return replace(self, rows=tuple(rows[slot] for slot in sorted(rows)))

    def text(self) -> str:
        """Return the text of the file."""
        parts = {"settings": self.settings, "data": self.data, "versions": list(self.versions)}
        head = "".join(
            f' "{name}": {json.dumps(part, ensure_ascii=False, allow_nan=False)},\n'
            for name, part in parts.items()
        )
        lines = ",\n  ".join(
            json.dumps(row.to_json(), separators=(",", ":"), allow_nan=False) for row in self.rows
        )
        return f'{{\n "format": {FORMAT},\n{head} "architectures": [\n  {lines}\n ]\n}}\n'

    @classmethod
    def read(cls, path: Path) -> TrainedTable:
        """Return the table that ``path`` holds.

        Raises:
            TableError: If it holds none.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content["format"] != FORMAT:
                raise ValueError(f"its format is {content['format']!r}, not {FORMAT}")
            for part, names in _NEEDED.items():
                if lacking := names - content[part].keys():
                    raise ValueError(f"its {part} have no {', '.join(sorted(lacking))}")
            space = load(content["settings"]["space"])
            rows = tuple(TrainedRow.from_json(row, space) for row in content["architectures"])
            for name, of in (("slot", [r.slot for r in rows]), ("key", _keys(rows))):
                if len(set(of)) < len(of):
                    raise ValueError(f"a {name} is there twice")
            return cls(
                settings=dict(content["settings"]),
                data=dict(content["data"]),
                versions=tuple(dict(versions) for versions in content["versions"]),
                rows=rows,
            )
        except FileNotFoundError:
            raise TableError(
                "the table must be a JSON file that `ecg-nas bench table` wrote; there is none at "
                f"{path}"
            ) from None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            reason = f"{type(error).__name__}: {error}"
            raise TableError(
                f"the table must be a JSON file that `ecg-nas bench table` wrote; {path} cannot be "
                f"read as one ({reason:.120})"
            ) from error


def read_trained(path: Path, metric: str | None = None) -> TableContent:
    """Return what a search on the trained architectures of ``path`` needs to know.

    Failed trainings are left out. There is no test accuracy: a table knows training patients
    only.

    Args:
        path: The file.
        metric: Name of its one metric, or of a comparison by it; ``None`` for that.

    Raises:
        TableError: If ``path`` is no table, has another metric or fewer than two architectures.
    """
    table = TrainedTable.read(path)
    description = _describe(table)
    space, rows = description.space, [row for row in table.rows if row.score is not None]
    chosen = description.metric(metric, str(path))
    if len(rows) < 2:
        raise TableError(
            f"the table must hold two or more trained architectures of {space}; {path} holds "
            f"{len(rows)} of {space}"
        )
    return assemble(
        description,
        chosen,
        form=JsonText(load(space)),
        keys=[row.architecture for row in rows],
        columns={
            "score": np.array([row.score for row in rows], dtype=np.float64),
            "params": np.array([row.figures["params"] for row in rows], dtype=np.int64),
            "seconds": np.array([row.seconds for row in rows], dtype=np.float64),
        },
        where=str(path),
    )


def _describe(table: TrainedTable) -> TableDescription:
    """Return what a table says of itself in its settings and data."""
    space, data = table.settings["space"], table.data
    return TableDescription(
        space=space,
        metrics=(
            Metric(
                name="score",
                benchmark=space,
                words=f"{space}, {data['source']} ({data['split']} split): macro F1 of "
                f"{', '.join(_task(table).scored)} in % over folds of the training patients, one "
                "training each",
                unit="%",
                epochs=table.settings.get("training", {}).get("epochs"),
                score=Column(name="score", scale=100),
                costs={"params": Column(name="params")},
                train_s=Column(name="seconds"),
            ),
        ),
        runs=(1, 1),
        complete=False,
        source=f"ecg-nas bench table, {data['source']}",
        caveat=_CAVEAT,
    )


def _keys(rows: Sequence[TrainedRow]) -> list[str]:
    return [row.architecture.key for row in rows]


def _rounded(value: Any) -> Any:
    """Return ``value`` with its fractions rounded, however deep they are."""
    if isinstance(value, Mapping):
        return {name: _rounded(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return round(value, _DIGITS) if isinstance(value, float) else value


def _task(table: TrainedTable) -> Task:
    named = table.data.get("task")
    return tasks.load(tasks.DEFAULT) if named is None else Task.from_json(named)
