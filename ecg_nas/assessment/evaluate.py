"""What a bundle is worth on the test patients of a data set, with the protocol beside it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from data_prep import sources
from data_prep.dsp.signal_spec import SignalSpec
from data_prep.errors import DataError
from data_prep.store.dataset import SignalStore, Split, open_store, read_manifest
from ecg_nas.assessment import test_set_ledger
from ecg_nas.assessment.beat_matching import (
    Outcomes,
    left_out,
    of_annotated_beats,
    of_detected_beats,
)
from ecg_nas.assessment.detected_beats import with_detected_beats
from ecg_nas.assessment.ec57_comparison import compare_as_ec57
from ecg_nas.assessment.mistakes import worst
from ecg_nas.assessment.protocol import Beats, counting
from ecg_nas.bundle.manifest import MODEL, MODEL_INT8, Bundle
from ecg_nas.errors import BundleError
from ecg_nas.inference.classifier import Classifier
from ecg_nas.metrics.calibration import calibration
from ecg_nas.metrics.classification import (
    Counts,
    accuracy,
    leave_one_out,
    macro_f1,
    named_score,
    per_class,
    score_of,
)
from ecg_nas.metrics.intervals import patient_intervals
from ecg_nas.seeds import generator

_FIGURES_FROM_S = 0.0
_MODELS = {"fp32": MODEL, "int8": MODEL_INT8}


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """One evaluation: its figures, and the beats that they are of.

    Attributes:
        result: The keys that ``evaluate --json`` promises, with ``records`` (the table by record),
            ``calibration``, ``most_influential_record``, ``mistakes`` and ``warnings`` besides.
        store: The side of the data set that was looked at.
        outcomes: What became of each beat.
    """

    result: dict[str, Any]
    store: SignalStore
    outcomes: Outcomes


def evaluate(
    bundle: Bundle,
    folder: Path,
    *,
    split: Split = "test",
    beats: Beats = "reference",
    other: Collection[str] = (),
) -> dict[str, Any]:
    """Return the figures of :func:`assess`."""
    return assess(bundle, folder, split=split, beats=beats, other=other).result


def assess(
    bundle: Bundle,
    folder: Path,
    *,
    split: Split = "test",
    beats: Beats = "reference",
    other: Collection[str] = (),
) -> Assessment:
    """Classify the beats of one side of a data set, and compare with the annotators.

    Nothing is chosen here. A look at the test side is noted in the data set's folder first.

    Args:
        bundle: The model.
        folder: A signal store, prepared as the bundle's data set was.
        split: ``test``, or ``train`` to see how far the model fits what it was trained on.
        beats: Where beats are cut: at the annotators' positions, or where they are detected. See
            :mod:`ecg_nas.assessment.beat_matching` for what then counts as right.
        other: What may be other than in the bundle's data set, as the user asked for it:
            ``leads`` (names of as many leads), ``mapping`` (of symbols to classes).

    Raises:
        BundleError: If the signals of ``folder`` were not prepared as the bundle needs them.
        DataError: If ``folder`` is no signal store, or is damaged.
    """
    manifest = read_manifest(folder)
    fingerprint = str(manifest.get("fingerprint"))
    unlike = _check_signal(bundle, folder, manifest, other)
    classifier = Classifier(bundle)
    spec = classifier.spec_for(SignalSpec.from_json(manifest["signal"]))
    opened = _note_opening(bundle, folder, fingerprint) if split == "test" else []
    store = open_store(folder, split)
    data = (with_detected_beats(store) if beats == "detected" else store).cut(spec)
    if not (store.beats["y"] >= 0).any():
        raise DataError(f"the {split} side of {folder} must have beats with a class; it has none")
    probabilities = classifier.probabilities(data)
    of_beats = of_detected_beats if beats == "detected" else of_annotated_beats
    outcomes = of_beats(store, data, probabilities)
    result = {
        **_figures(outcomes, store),
        "ec57": compare_as_ec57(
            store, data, probabilities.argmax(axis=1), is_detected=beats == "detected"
        ),
        "fold_score": bundle.manifest.training.get("fold_score"),
        "architecture": bundle.manifest.architecture.get("key"),
        "model": bundle.manifest.files[MODEL].sha256,
        "params": bundle.manifest.params,
        "macs": bundle.manifest.macs,
        "bytes": {name: _bytes(bundle, file) for name, file in _MODELS.items()},
        "protocol": {
            "split": split,
            "task": spec.signal.task.name,
            "mapping": spec.signal.mapping,
            "start_s": _FIGURES_FROM_S,
            # The detector works through blocks of ten minutes, whatever the beats are.
            "causal": spec.causal and beats == "reference",
            "beats": beats,
            "test_openings": len(opened),
            "test_openings_by_other_models": _others(opened),
            "data": manifest.get("source"),
            "data_split": manifest.get("split"),
            "fingerprint": fingerprint,
            "leads": list(spec.signal.leads),
            "counting": counting(beats, spec.signal),
            "unmapped_beats": int((store.beats["y"] < 0).sum() - left_out(store).sum()),
            "left_out_beats": int(left_out(store).sum()),
            "records_left_out": {
                entry["record"]: entry["reason"] for entry in manifest.get("left_out", [])
            },
        },
        "mistakes": [mistake.to_json() for mistake in worst(outcomes, store)],
        "warnings": unlike + _warnings(bundle, store, opened),
    }
    return Assessment(result=result, store=store, outcomes=outcomes)


def _figures(outcomes: Outcomes, store: SignalStore) -> dict[str, Any]:
    task, classes, none = outcomes.task, outcomes.classes, outcomes.none
    names = [record.name for record in store.records]
    patient_of = np.array([store.patients.index(record.patient) for record in store.records])
    by_record = outcomes.confusion(outcomes.record, len(names))
    by_patient = outcomes.confusion(patient_of[outcomes.record], len(store.patients))
    matrix = by_record.sum(0)
    without = leave_one_out(by_record, names, task)
    score, always = macro_f1(matrix, task), _always_without(store)
    most = _most_influential(score, without)
    judged = outcomes.judged
    return {
        "classes": list(classes),
        **_counts(matrix, classes),
        "dropped": int(matrix[none, none]),
        **named_score(score, task),
        "interval": patient_intervals(by_patient, task, rng=generator("patient bootstrap")),
        "without_record": {
            name: figures for name, figures in without.items() if name in always or name == most
        },
        "most_influential_record": most,
        "calibration": calibration(outcomes.probabilities[judged], outcomes.truth[judged], classes),
        "records": {
            name: {"beats": int(part[:none].sum()), **_counts(part, classes)}
            for name, part in zip(names, by_record, strict=True)
        },
    }


def _always_without(store: SignalStore) -> Sequence[str]:
    """Return the records that the data set's source names; of a store of before, as it is now."""
    source = store.manifest.get("source")
    if "always_without" in store.manifest or source not in sources.available():
        named: Sequence[str] = store.manifest.get("always_without", ())
        return named
    return sources.load(str(source)).always_without


def _bytes(bundle: Bundle, name: str) -> int | None:
    found = bundle.manifest.files.get(name)
    return None if found is None else found.bytes


def _counts(matrix: Counts, classes: Sequence[str]) -> dict[str, Any]:
    n = len(classes)
    return {
        "confusion": matrix[:n, :n].tolist(),
        "missed": dict(zip(classes, matrix[:n, n].tolist(), strict=True)),
        "false_beats": dict(zip(classes, matrix[n, :n].tolist(), strict=True)),
        "accuracy": accuracy(matrix, classes),
        "per_class": per_class(matrix, classes),
    }


def _most_influential(score: float | None, without: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Return the record whose absence changes the score most, alone or by undefining it."""
    if score is None:
        return None
    changes = {
        name: np.inf if (other := score_of(rest)) is None else abs(other - score)
        for name, rest in without.items()
    }
    return max(changes, key=lambda name: changes[name])


def _check_signal(
    bundle: Bundle, folder: Path, manifest: Mapping[str, Any], other: Collection[str]
) -> list[str]:
    """Refuse signals that were made otherwise; return what to warn of where the user wants that."""
    try:
        found = SignalSpec.from_json(manifest["signal"]).to_json()
    except (KeyError, TypeError) as error:
        raise DataError(f"the manifest of {folder} must state how its signals were made") from error
    needed = bundle.spec.signal.to_json()
    differing = [name for name in needed if needed[name] != found.get(name)]
    task = SignalSpec.from_json(manifest["signal"]).task
    if bundle.task != task:
        raise BundleError(
            f"the beats of {folder} must be labelled for the task of the bundle {bundle.folder}, "
            f"{bundle.task.name}; they are for {task.name}: prepare the "
            f"recordings again with --task {bundle.task.name}"
        )
    refused = [name for name in differing if name not in other]
    if refused:
        details = ", ".join(f"{name} {needed[name]}, not {found[name]}" for name in refused)
        raise BundleError(
            f"the signals of {folder} must be made as the bundle {bundle.folder} needs them: "
            f"{details}; prepare the recordings again with these settings"
        )
    return [
        f"{name} {found[name]} in place of the model's {needed[name]}, as asked for"
        for name in differing
    ]


def _note_opening(bundle: Bundle, folder: Path, fingerprint: str) -> list[test_set_ledger.Opening]:
    return test_set_ledger.add(
        folder,
        test_set_ledger.Opening(
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


def _others(opened: list[test_set_ledger.Opening]) -> int:
    return len({opening.model for opening in opened} - {opened[-1].model}) if opened else 0


def _warnings(
    bundle: Bundle, store: SignalStore, opened: list[test_set_ledger.Opening]
) -> list[str]:
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
