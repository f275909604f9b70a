"""What a run's fold networks said of patients held out of them, for its report."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy.special import softmax

from data_prep.errors import DataError
from data_prep.io.npz import read_npz
from data_prep.tasks import Task
from ecg_nas.errors import RunError
from ecg_nas.figures.calibration_diagram import reliability
from ecg_nas.metrics.calibration import calibration
from ecg_nas.report import _html

_FILES: Final = ("held_out", "int8", "robustness")


def of_winner(run: Path, slot: int | None, task: Task) -> dict[str, Any]:
    """Return what the report of the run in folder ``run`` shows of its winner's folds.

    Args:
        run: The folder.
        slot: Which candidate is the best now; what was found about another is not shown.
        task: What its beats are told to be.

    Returns:
        ``held_out``, ``int8`` and ``robustness`` as the files of these names hold them, and
        ``reliability``, drawn; each ``None`` where it is not there.

    Raises:
        RunError: If a file is damaged.
    """
    found: dict[str, Any] = {}
    for name in _FILES:
        path = run / f"{name}.json"
        # Whose it is comes first: what is of another candidate is of no account.
        content = _html.read_json(path, {"slot": int})
        own = slot is not None and content.get("slot") == slot
        found[name] = _html.read_json(path) if own else None
    found["reliability"] = None
    if found["held_out"] is not None and (run / "held_out.npz").exists():
        temperature = found["held_out"]["temperature"]
        found["reliability"] = _reliability(run / "held_out.npz", temperature, task)
    return found


def _reliability(file: Path, temperature: float, task: Task) -> Any:
    try:
        arrays = read_npz(file, ("logits", "y", "classes"))
        outputs, y, classes = arrays["logits"], arrays["y"], arrays["classes"].tolist()
        _refuse_other_outputs(outputs, y, classes, task)
    except DataError as error:
        raise RunError(
            f"{file} must be as ecg-nas search wrote it; it is not ({error}): remove it and run "
            "the search again"
        ) from error
    stated = softmax(outputs.astype(np.float64) / temperature, axis=1).astype(np.float32)
    curves = calibration(stated, y, classes)["reliability"]
    seen = {kind: bins for kind, bins in curves.items() if bins}
    return _html.drawing(reliability(seen, task, name="held-out-reliability"))


def _refuse_other_outputs(outputs: Any, y: Any, classes: Any, task: Task) -> None:
    """Refuse arrays that are no outputs and labels of the classes of ``task``."""
    n = len(task.classes)
    if (
        classes != list(task.classes)
        or (outputs.dtype, y.dtype) != (np.float32, np.int64)
        or outputs.shape != (len(y), n)
        or y.ndim != 1
        or not (((y >= 0) & (y < n)).all() and np.isfinite(outputs).all())
    ):
        raise DataError("its arrays are no outputs and labels of the task's classes")
