"""From a trained candidate to its bundle."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data_prep.beats.polarity import usual_qrs_of
from data_prep.events import OnEvent
from ecg_nas.bundle.manifest import Condition, load, without_names
from ecg_nas.errors import BundleError
from ecg_nas.methods.engine.run_store import StoredEvaluation
from ecg_nas.pipeline import robustness
from ecg_nas.pipeline.final_training import load_final, subject_of, train_final
from ecg_nas.pipeline.out_of_fold_pass import judge
from ecg_nas.runs.config import RunConfig
from ecg_nas.runs.folder import ModelFolder, read_json


def finish(
    folder: ModelFolder,
    config: RunConfig,
    store: Path,
    candidate: StoredEvaluation,
    *,
    name: str,
    data: Mapping[str, Any],
    on_event: OnEvent,
) -> None:
    """Train a candidate on all training patients, judge it on its folds, and write its bundle.

    Each stage is passed over where it was done before.

    Args:
        folder: Where its files go.
        config: Settings of the run, the device settled.
        store: The signal store.
        candidate: What to train.
        name: What to call it in the events.
        data: What the run's ``config.json`` says of its data.
        on_event: Called with the events of ``runs.execute.execute``, from the training on.

    Raises:
        RunError: If the files cannot be written.
        DivergedError: If a training diverges.
        BundleError: If the exported model does not compute what torch does.
    """
    told: dict[str, Any] = {"device": config.device, "on_event": on_event}
    on_event({"event": "stage", "text": f"training {name} on all training patients"})
    train_final(folder, config, store, candidate, **told)
    on_event({"event": "stage", "text": f"training {name}'s folds once more"})
    judge(folder, config, store, candidate, **told)
    on_event({"event": "stage", "text": f"asking {name}'s folds about altered recordings"})
    robustness.measure(folder, config, store, candidate, device=config.device)
    on_event({"event": "stage", "text": "exporting and verifying the classifier"})
    export(folder, config, store, candidate, data=data, on_event=on_event)


def export(
    folder: ModelFolder,
    config: RunConfig,
    store: Path,
    winner: StoredEvaluation,
    *,
    data: Mapping[str, Any],
    on_event: OnEvent,
) -> None:
    """Write the bundle of the candidate in ``folder``, unless it is there.

    Args:
        folder: A candidate that was trained, its folds too.
        config: Settings of the run.
        store: The signal store; not opened where the bundle is there.
        winner: The candidate.
        data: What the run's ``config.json`` says of its data.
        on_event: Called with a ``stage`` where networks are fine-tuned for INT8.

    Raises:
        RunError: If files of the candidate are missing or damaged.
        BundleError: If the exported model does not compute what torch does.
        DivergedError: If fine-tuning for INT8 diverges.
    """
    final, held_out = read_json(folder.final), read_json(folder.held_out)
    training = {
        "source": data["source"],
        "split": data["split"],
        "fingerprint": data["fingerprint"],
        "fold_score": final["score"],
        "fold_scores_again": list(winner.again),
        "folds": final["metrics"],
        "held_out": {name: held_out[name] for name in held_out if name not in ("slot", "key")},
        "patients": final["patients"],
        "beats": final["beats"],
        "recipe": final["training"],
        "seeds": {"run": config.seed, "final": final["seed"]},
        "method": config.method,
        "space": config.space,
        "weights": hashlib.sha256(folder.weights.read_bytes()).hexdigest(),
    }
    conditions = [Condition(**one) for one in read_json(folder.robustness)["conditions"]]
    if _is_exported(folder, training, conditions):
        return
    from ecg_nas.export.bundle_writer import write_bundle  # onnx, seconds of import
    from ecg_nas.export.onnx import DeployedNetwork, to_template
    from ecg_nas.pipeline.int8_gate import plan

    module, architecture, spec = load_final(folder, config)
    temperature = held_out["temperature"]
    network = DeployedNetwork(module, spec, temperature=temperature)
    template = to_template(network, spec)
    subject = subject_of(config, store, winner, device="cpu")
    write_bundle(
        folder.bundle,
        module=module,
        architecture=architecture,
        spec=spec,
        classes=spec.signal.classes,
        temperature=temperature,
        training=training,
        int8=plan(folder, config, winner, subject, network, template, on_event=on_event),
        template=template,
        robustness=conditions,
        usual_qrs=usual_qrs_of(subject.beats),
    )


def _is_exported(
    folder: ModelFolder, training: Mapping[str, Any], conditions: list[Condition]
) -> bool:
    if not folder.bundle.exists():
        return False
    try:
        manifest = load(folder.bundle).manifest
    except BundleError:
        return False  # altered, cut off or of an earlier format: written anew
    return (
        manifest.training == without_names(training)
        and manifest.robustness == conditions
        and manifest.usual_qrs is not None
    )
