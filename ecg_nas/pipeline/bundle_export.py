"""The bundle of a candidate: what goes into it, and whether it is there."""

from __future__ import annotations

import hashlib
from typing import Any

from data_prep.beats.polarity import usual_qrs_of
from ecg_nas.bundle.manifest import Manifest, load, without_names
from ecg_nas.errors import BundleError
from ecg_nas.pipeline.final_model import FinalModel
from ecg_nas.runs.folder import read_json


def is_exported(model: FinalModel) -> bool:
    """Say whether the bundle is there, whole and what the files of ``model`` say.

    Raises:
        RunError: If one of these files is missing or damaged.
    """
    if not model.folder.bundle.exists():
        return False
    try:
        manifest = load(model.folder.bundle).manifest
    except BundleError:
        return False  # altered, cut off or of an earlier format: written anew
    return (
        manifest.training == without_names(_training(model))
        and manifest.robustness == _conditions(model)
        and _int8_of(manifest) == model.int8_verdict
        and manifest.usual_qrs is not None
    )


def export(model: FinalModel) -> None:
    """Write the bundle.

    Raises:
        RunError: If files of ``model`` are missing or damaged.
        BundleError: If the exported model does not compute what torch does.
        DivergedError: If fine-tuning for INT8 diverges.
    """
    from ecg_nas.export.bundle_writer import write_bundle  # onnx, seconds of import
    from ecg_nas.pipeline.int8_gate import plan_int8

    write_bundle(
        model.folder.bundle,
        model.deployed,
        model.architecture,
        training=_training(model),
        int8=plan_int8(model),
        template=model.template,
        robustness=_conditions(model),
        usual_qrs=usual_qrs_of(model.beats),
    )


def _training(model: FinalModel) -> dict[str, Any]:
    """Return what a bundle says of how its model was trained."""
    folder, data, config = model.folder, model.data, model.config
    final, out_of_fold = read_json(folder.final), read_json(folder.out_of_fold)
    return {
        "source": data["source"],
        "split": data["split"],
        "fingerprint": data["fingerprint"],
        "fold_score": final["score"],
        "fold_scores_again": list(model.candidate.repeats),
        "folds": final["metrics"],
        "held_out": {k: v for k, v in out_of_fold.items() if k not in ("slot", "key")},
        "patients": final["patients"],
        "beats": final["beats"],
        "recipe": final["training"],
        "seeds": {"run": config.seed, "final": final["seed"]},
        "method": config.method,
        "space": config.space,
        "weights": hashlib.sha256(folder.weights.read_bytes()).hexdigest(),
    }


def _conditions(model: FinalModel) -> list[dict[str, Any]]:
    return list(read_json(model.folder.robustness)["conditions"])


def _int8_of(manifest: Manifest) -> dict[str, Any]:
    """Return the verdict that the bundle was made by."""
    return {**manifest.int8.gate, "refused": manifest.int8.refused}
