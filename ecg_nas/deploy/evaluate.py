"""What a bundle is worth on the test patients of a data set, with the protocol beside it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from data_prep.beats import SignalSpec
from data_prep.dataset import BeatDataset, SignalStore, Split, open_store, read_manifest
from data_prep.errors import DataError
from ecg_nas.deploy import openings, summaries
from ecg_nas.deploy.bundle import MODEL, Bundle
from ecg_nas.deploy.classify import Classifier
from ecg_nas.deploy.comparison import compare_as_ec57
from ecg_nas.errors import BundleError
from ecg_nas.seeds import generator
from ecg_nas.training.metrics import confusion, per_class

_FIGURES_FROM_S = 0.0
_ALWAYS_WITHOUT = ("232",)
"""Record 232 of MIT-BIH holds three quarters of the S beats of its test patients."""


def evaluate(bundle: Bundle, folder: Path, *, split: Split = "test") -> dict[str, Any]:
    """Classify the beats of one side of a data set and return the figures.

    Nothing is chosen here. A look at the test side is noted in the data set's folder first.

    Args:
        bundle: The model.
        folder: A signal store, prepared as the bundle's data set was.
        split: ``test``, or ``train`` to see how far the model fits what it was trained on.

    Returns:
        The keys that ``evaluate --json`` promises, with ``records`` (the table by record),
        ``calibration``, ``most_influential_record`` and ``warnings`` besides.

    Raises:
        BundleError: If the signals of ``folder`` were not prepared as the bundle needs them.
        DataError: If ``folder`` is no signal store, or is damaged.
    """
    manifest = read_manifest(folder)
    fingerprint = str(manifest.get("fingerprint"))
    _check_signal(bundle, folder, manifest)
    opened = _note_opening(bundle, folder, fingerprint) if split == "test" else []
    store = open_store(folder, split)
    data = store.cut(bundle.spec)
    if not len(data):
        raise DataError(f"the {split} side of {folder} must have beats with a class; it has none")
    probabilities = Classifier(bundle).probabilities(data)
    return {
        **_figures(bundle, data, probabilities),
        "ec57": compare_as_ec57(store, data, probabilities.argmax(axis=1)),
        "fold_score": bundle.manifest.training.get("fold_score"),
        "params": bundle.manifest.params,
        "macs": bundle.manifest.macs,
        "bytes": {"fp32": bundle.manifest.files[MODEL].bytes, "int8": None},
        "protocol": {
            "split": split,
            "mapping": data.spec.signal.mapping,
            "start_s": _FIGURES_FROM_S,
            # Amplitude, rhythm level and zero-phase filters use the whole recording.
            "causal": False,
            "beats": "reference",
            "test_openings": len(opened),
            "test_openings_by_other_models": _others(opened),
            "data": manifest.get("source"),
            "data_split": manifest.get("split"),
            "fingerprint": fingerprint,
            "unmapped_beats": sum(sum(record.unmapped.values()) for record in store.records),
        },
        "warnings": _warnings(bundle, store, opened),
    }


def _figures(bundle: Bundle, data: BeatDataset, probabilities: Any) -> dict[str, Any]:
    classes = bundle.classes
    predicted = probabilities.argmax(axis=1)
    matrix = confusion(data.y, predicted, len(classes))
    by_record, by_patient = (
        summaries.grouped_confusion(
            data.y, predicted, group, groups=len(names), classes=len(classes)
        )
        for group, names in (
            (data.record, data.record_names),
            (data.patient, data.patient_names),
        )
    )
    without = summaries.leave_one_out(by_record, data.record_names, classes)
    score = summaries.macro_f1_nsv(matrix, classes)
    most = _most_influential(score, without)
    return {
        "classes": list(classes),
        "confusion": matrix.tolist(),
        "accuracy": summaries.accuracy(matrix),
        "macro_f1_nsv": score,
        "per_class": per_class(matrix, classes),
        "interval": summaries.patient_intervals(
            by_patient, classes, rng=generator("patient bootstrap")
        ),
        "without_record": {
            name: figures
            for name, figures in without.items()
            if name in _ALWAYS_WITHOUT or name == most
        },
        "most_influential_record": most,
        "calibration": summaries.calibration(probabilities, data.y, classes),
        "records": {
            name: {
                "beats": int(part.sum()),
                "accuracy": summaries.accuracy(part),
                "per_class": per_class(part, classes),
                "confusion": part.tolist(),
            }
            for name, part in zip(data.record_names, by_record, strict=True)
        },
    }


def _most_influential(score: float | None, without: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Return the record whose absence changes the score most, alone or by undefining it."""
    if score is None:
        return None
    changes = {
        name: np.inf if rest["macro_f1_nsv"] is None else abs(rest["macro_f1_nsv"] - score)
        for name, rest in without.items()
    }
    return max(changes, key=lambda name: changes[name])


def _check_signal(bundle: Bundle, folder: Path, manifest: Mapping[str, Any]) -> None:
    try:
        found = SignalSpec.from_json(manifest["signal"]).to_json()
    except (KeyError, TypeError) as error:
        raise DataError(f"the manifest of {folder} must state how its signals were made") from error
    needed = bundle.spec.signal.to_json()
    differing = [name for name in needed if needed[name] != found[name]]
    if differing:
        details = ", ".join(f"{name} {needed[name]}, not {found[name]}" for name in differing)
        raise BundleError(
            f"the signals of {folder} must be made as the bundle {bundle.folder} needs them: "
            f"{details}; prepare the recordings again with these settings"
        )


def _note_opening(bundle: Bundle, folder: Path, fingerprint: str) -> list[openings.Opening]:
    return openings.add(
        folder,
        openings.Opening(
            time=datetime.now(UTC).isoformat(timespec="seconds"),
            model=bundle.manifest.files[MODEL].sha256,
            architecture=str(bundle.manifest.architecture.get("key")),
            run=_search_of(bundle),
            fingerprint=fingerprint,
        ),
    )


def _search_of(bundle: Bundle) -> str:
    """Return what names the search that the bundle comes from: its data, method and seed."""
    training = bundle.manifest.training
    seeds = training.get("seeds")
    run = seeds.get("run") if isinstance(seeds, Mapping) else None
    parts = [training.get(name) for name in ("method", "space", "fingerprint")]
    return " ".join(str(part) for part in [*parts, "seed", run])


def _others(opened: list[openings.Opening]) -> int:
    return len({opening.model for opening in opened} - {opened[-1].model}) if opened else 0


def _warnings(bundle: Bundle, store: SignalStore, opened: list[openings.Opening]) -> list[str]:
    warnings = []
    if store.split == "train":
        warnings.append(
            "these are the patients that the model was trained on: the figures say nothing about "
            "others"
        )
    if bundle.manifest.training.get("fingerprint") != store.fingerprint:
        warnings.append(
            "the model was trained on another data set or preparation: whether a test patient was "
            "among its training patients is not known"
        )
    if opened:
        now = opened[-1]
        siblings = {
            opening.model
            for opening in opened
            if opening.model != now.model and opening.run == now.run
        }
        if siblings:
            warnings.append(
                f"{len(siblings)} OTHER CANDIDATE(S) OF THE SAME RUN were evaluated on these test "
                "patients before: choosing among them by these figures makes them training data"
            )
    return warnings
