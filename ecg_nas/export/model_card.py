"""The words that go with a model: what it is, how to use it, what it is not."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from data_prep.beats.beat_spec import BeatSpec
from data_prep.tasks import Task
from ecg_nas.bundle.manifest import Manifest
from ecg_nas.metrics.classification import score_of

_WHOLE = {
    False: "The figures of a beat use the whole recording (amplitude, rhythm, zero-phase filters), "
    "so it is for recordings, not for live monitoring.",
    True: "The figures of a beat use the past and one beat ahead (causal).",
}

_ALTERED = (
    "- Altered is what the prepared data keep: the recordings after the low-pass. Noise passes the "
    "same low-pass before it is added, which gives what it would have given in the recording "
    "itself. Baseline, amplitude and median beat are taken from the altered signal; beats stay "
    "where the annotators saw them, so no beat is missed for noise.",
    "- Noise is made by a program, fills every lead from beginning to end, and is the same for "
    "all models. Baseline wander: breathing at 0.25 Hz and drift below 0.35 Hz. Muscle noise: 15 "
    "to 112 Hz, swelling and fading. Of 0 dB, its mean square (before the low-pass) is that of a "
    "sine as high from peak to peak as the lead's median QRS complex, as in the MIT-BIH noise "
    "stress test.",
    "- Another rate: resampled to it and prepared from there, so low-passed twice; R peaks are "
    "rounded to its samples.",
    "- Not tried: gaps, clipping, mains hum, lost electrodes. Simulated noise does not replace "
    "recordings made under strain.",
)


def model_card(manifest: Manifest) -> str:
    """Return ``MODEL_CARD.md``: use, data, figures of the training folds, robustness, limits."""
    training, task = manifest.training, manifest.task
    leads = BeatSpec.from_json(manifest.spec).signal.leads
    lines = [
        "# Model card",
        "",
        f"**{manifest.notice}** It must not be used to diagnose, to monitor or to treat anyone.",
        "",
        "## Intended use",
        "",
        "Research on automatic beat classification: comparing methods, screening recordings for "
        "review by someone who can read them. Not intended: any decision on a patient.",
        "",
        "## What it does",
        "",
        f"Gives each heartbeat of an ECG of {len(leads)} lead(s) "
        f"({', '.join(leads)}) the probability of {len(manifest.classes)} classes:",
        "",
        *[f"- {kind.letter}: {kind.text}" for kind in task.kinds],
        "",
        *_not_claimed(task),
        "The beats must have been found before, and the signal filtered as `manifest.json` says. "
        f"It has {manifest.params:,} parameters and takes {manifest.macs:,} multiply-accumulates "
        f"a beat. {_WHOLE[bool(manifest.spec.get('causal'))]}",
        "",
        "## Training data",
        "",
        f"- Data set: {training.get('source', 'not stated')}, split "
        f"`{training.get('split', 'not stated')}`, training patients only",
        f"- Symbols to classes: `{manifest.mapping}`",
        f"- Fingerprint of the prepared data: `{training.get('fingerprint', 'not stated')}`",
        "",
        "## Results on held-out folds of the training patients",
        "",
        *_search_score(training, task),
        *_held_out(training.get("held_out", {}), task),
        "No figure of test patients stands here: `ecg-nas evaluate` computes them, once.",
        "",
        *_calibration(training.get("held_out", {}), manifest),
        *_int8(manifest),
        *_robustness(manifest),
        "## Limits",
        "",
        "- Other leads, electrodes, sampling rates, age groups or devices were not tested"
        + (" (rates: by resampling only)." if manifest.robustness else "."),
        "- Rare classes rest on very few patients: one patient can decide the figure of a class.",
        "- Beats that were not found, or found where there are none, are not corrected here.",
        "",
    ]
    return "\n".join(lines)


def _not_claimed(task: Task) -> list[str]:
    others = [kind.letter for kind in task.kinds if not kind.is_claimed]
    lines = []
    if others:
        lines.append(
            f"No claim is made for {' and '.join(others)}: predicted and reported, but too few "
            "patients carry them to learn or to measure them, and no score is made of them."
        )
    if task.left_out:
        symbols = ", ".join(f"`{symbol}`" for symbol, _ in task.left_out)
        lines.append(f"Beats of the symbols {symbols} took no part in training and figures.")
    return [line for text in lines for line in (text, "")]


def _search_score(training: Mapping[str, Any], task: Task) -> list[str]:
    again = training.get("fold_scores_again") or []
    scored = (
        f"In the search this architecture scored {_figure(training.get('fold_score'))} "
        f"({task.score_text}, pooled over the folds)"
    )
    if not again:
        chosen = ". It was chosen among many by this score, so the score flatters."
    else:
        chosen = (
            f"; trained again with other seeds, {', '.join(map(_figure, again))}. It was chosen "
            "among the best of many by the mean of these, so they flatter, the first the most."
        )
    return [scored + chosen, ""]


def readme(manifest: Manifest) -> str:
    """Return ``README.md``: what each file is, and the model at work in a few lines."""
    shapes = "\n".join(
        f"- `{tensor.name}` float32 (beats, {', '.join(map(str, tensor.shape))})"
        f"{f' in {tensor.unit}' if tensor.unit else ''}: {tensor.meaning}"
        for tensor in manifest.inputs
    )
    return f"""# An ecg-nas bundle

**{manifest.notice}**

{_models(manifest)}
- `manifest.json`: how to cut its inputs, where it comes from, SHA-256 of every file
- `golden.npz`: made-up inputs and the outputs that each model must give
- `MODEL_CARD.md`: what it is for and how well it does
- `sbom.json`: what was installed where it was made (CycloneDX)

Inputs:

{shapes}

Output: `{manifest.output.name}` float32 (beats, {len(manifest.classes)}), classes \
{json.dumps(manifest.classes)}.

```python
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession("model.onnx")
golden = np.load("golden.npz")
inputs = {{node.name: golden[node.name] for node in session.get_inputs()}}
(probabilities,) = session.run(None, inputs)
print(abs(probabilities - golden["{manifest.output.name}"]).max())  # about 1e-7
```
"""


def _models(manifest: Manifest) -> str:
    plain = "- `model.onnx`: the network, from filtered window to probabilities"
    if manifest.int8.refused is not None:
        return plain
    return f"{plain}\n- `model.int8.onnx`: the same with INT8 weights and activations, same inputs"


def _held_out(facts: Mapping[str, Any], task: Task) -> list[str]:
    """Return the figures of the folds trained once more, with intervals and by patient."""
    if not facts:
        return ["No other figures were recorded.", ""]
    bounds, scored = facts["interval"], task.scored
    score = task.score_text[0].upper() + task.score_text[1:]
    return [
        "Then its folds were trained once more with other seeds, every patient held out once, with "
        "the recipe of the search (the exported network was trained on all of these patients, "
        "and longer). These outputs decide all that follows. Intervals: 95 %, bootstrap over "
        "patients.",
        "",
        f"- {score}: {_ranged(score_of(facts), bounds.get(task.headline))}",
        f"- Accuracy: {_ranged(facts['accuracy'], bounds.get('accuracy'))}",
        "",
        "| class | beats | sensitivity | positive predictivity | F1 |",
        "|---|---|---|---|---|",
        *[
            f"| {name} | {sum(facts['confusion'][index]):,} | "
            + " | ".join(
                _ranged(facts["per_class"][name][kind], bounds.get(f"{name}_{kind}"))
                for kind in ("se", "ppv", "f1")
            )
            + " |"
            for index, name in enumerate(task.classes)
        ],
        "",
        "| fold | patients held out | macro F1 |",
        "|---|---|---|",
        *[
            f"| {index} | {fold['patients']} | {_figure(score_of(fold))} |"
            for index, fold in enumerate(facts["folds"], 1)
        ],
        "",
        "| patient | " + " | ".join(f"{name} beats | F1" for name in scored) + " |",
        "|---" * (1 + 2 * len(scored)) + "|",
        *[
            f"| {one['patient']} | "
            + " | ".join(f"{one['beats'][name]:,} | {_figure(one['f1'][name])}" for name in scored)
            + " |"
            for one in facts["by_patient"]
        ],
        "",
    ]


def _calibration(facts: Mapping[str, Any], manifest: Manifest) -> list[str]:
    lines = ["## Calibration", ""]
    if not facts:
        return [*lines, "Probabilities were not calibrated.", ""]
    before, after = (_figure(facts["ece"][name]) for name in ("before", "after"))
    return [
        *lines,
        f"The outputs are divided by a temperature of {manifest.temperature:g} before the softmax "
        "(in the graph), fitted on the outputs for held-out patients. Expected calibration error "
        f"of the chosen class there: {before} before, {after} after (each fold with the "
        "temperature of the others). For patients unlike these, expect worse.",
        "",
    ]


def _int8(manifest: Manifest) -> list[str]:
    int8, lines = manifest.int8, ["## INT8", ""]
    if int8.refused is not None:
        lines += [f"There is no INT8 model: {int8.refused}.", ""]
    else:
        lines += [
            "`model.int8.onnx`: weights INT8, activations UINT8, scaling and softmax float32; "
            "ranges from beats of training patients. On the golden beats its probabilities differ "
            f"from the float32 model's by up to {int8.golden_difference:.3f} (made-up beats, many "
            "of them beyond the ranges of real ones).",
            "",
        ]
    if not int8.gate:
        return lines
    if int8.refused is None and "without_fine_tuning" in int8.gate:
        lines += [
            "Its weights are not those of `model.onnx`: quantised as they are, "
            f"{_falls(int8.gate['without_fine_tuning'], int8.gate['limits'])}; so they were "
            "trained on a little while rounded as INT8 rounds them.",
            "",
        ]
    return [
        *lines,
        "Measured on the networks of the folds above, each quantised with beats of its own "
        f"training patients, on all {int8.gate['beats']:,} held-out beats "
        f"({int8.gate['agreement']:.2%} of them called alike):",
        "",
        "| figure | float32 | INT8 | falls by | allowed |",
        "|---|---|---|---|---|",
        *[
            f"| {name} | {_figure(int8.gate['fp32'][name])} | {_figure(int8.gate['int8'][name])} "
            f"| {_figure(int8.gate['drop'][name], 4)} | {limit:g} |"
            for name, limit in int8.gate["limits"].items()
        ],
        "",
    ]


def _falls(judged: Mapping[str, Any], limits: Mapping[str, float]) -> str:
    """Return in words which figures fell too far."""
    over = [name for name, limit in limits.items() if (judged["drop"][name] or 0) > limit]
    return ", ".join(f"{name} falls by {judged['drop'][name]:.4f}" for name in over)


def _robustness(manifest: Manifest) -> list[str]:
    if not manifest.robustness:
        return []
    task = manifest.task
    of_classes = [f"F1 of {letter}" for letter in task.sought]
    return [
        "## Robustness",
        "",
        "The networks of the folds above were asked once more about the patients held out of them, "
        "with recordings altered in one way at a time:",
        "",
        "| " + " | ".join(["recordings", task.score_text, *of_classes]) + " |",
        "|---" * (1 + len(task.figures)) + "|",
        *[
            "| " + " | ".join([one["name"], *(_figure(one[name]) for name in task.figures)]) + " |"
            for one in manifest.robustness
        ],
        "",
        *_ALTERED,
        "",
    ]


def _ranged(value: float | None, bounds: Sequence[float] | None) -> str:
    if value is None or bounds is None:
        return _figure(value)
    return f"{value:.3f} ({bounds[0]:.3f}–{bounds[1]:.3f})"


def _figure(value: float | None, digits: int = 3) -> str:
    return "undefined" if value is None else f"{value:.{digits}f}"
