"""What follows a search, step by step: from a candidate to its bundle.

A step imports what it needs when it runs: where all is done, neither torch nor onnx is imported.
"""

from __future__ import annotations

from functools import partial

from data_prep.events import OnEvent
from ecg_nas.pipeline.bundle_export import export, is_exported
from ecg_nas.pipeline.final_model import FinalModel
from ecg_nas.pipeline.step import Step

N_STEPS = 5


def steps_of(model: FinalModel) -> tuple[Step, ...]:
    """Return the ``N_STEPS`` steps that make ``model``, its bundle last.

    Running them raises ``RunError`` if files of ``model`` are damaged or cannot be written,
    ``DivergedError`` if a training diverges, and ``BundleError`` if the exported model does not
    compute what torch does.
    """
    folder, name = model.folder, model.name
    return (
        Step(
            name="final training",
            text=f"training {name} on all training patients",
            done=lambda: folder.weights.exists() and model.stored(folder.final) is not None,
            run=partial(_train, model),
        ),
        Step(
            name="out-of-fold pass",
            text=f"training {name}'s folds once more",
            done=lambda: folder.outputs.exists() and model.stored(folder.out_of_fold) is not None,
            run=partial(_pass_out_of_fold, model),
        ),
        Step(
            name="robustness",
            text=f"evaluating {name}'s folds on altered recordings",
            done=lambda: model.stored(folder.robustness) is not None,
            run=partial(_measure_robustness, model),
        ),
        Step(
            name="INT8",
            text=f"evaluating {name}'s folds in INT8",
            done=partial(_has_int8_verdict, model),
            run=partial(_evaluate_int8, model),
        ),
        Step(
            name="bundle",
            text="exporting and verifying the classifier",
            done=partial(is_exported, model),
            run=partial(_export, model),
        ),
    )


def _train(model: FinalModel, on_event: OnEvent) -> None:
    from ecg_nas.pipeline.final_training import train_final

    train_final(model, on_event)


def _pass_out_of_fold(model: FinalModel, on_event: OnEvent) -> None:
    from ecg_nas.pipeline.out_of_fold_pass import pass_out_of_fold

    pass_out_of_fold(model, on_event)


def _measure_robustness(model: FinalModel, on_event: OnEvent) -> None:
    from ecg_nas.pipeline.robustness import measure

    del on_event
    measure(model)


def _evaluate_int8(model: FinalModel, on_event: OnEvent) -> None:
    from ecg_nas.pipeline.int8_gate import evaluate_int8

    evaluate_int8(model, on_event)


def _has_int8_verdict(model: FinalModel) -> bool:
    stored = model.stored(model.folder.int8)
    return stored is not None and "method" in stored["verdict"]  # without, of an earlier release


def _export(model: FinalModel, on_event: OnEvent) -> None:
    del on_event
    export(model)
