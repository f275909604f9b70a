"""The words that go with a model: what it is, how to use it, what it is not."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ecg_nas.deploy.bundle import Manifest

_CLASSES = {
    "N": "normal and bundle branch block",
    "S": "supraventricular ectopic",
    "V": "ventricular ectopic",
    "F": "fusion of ventricular and normal",
    "Q": "paced or unclassifiable",
}


def model_card(manifest: Manifest) -> str:
    """Return ``MODEL_CARD.md``: use, data, figures of the training folds, limits."""
    training, signal = manifest.training, manifest.spec["signal"]
    lines = [
        "# Model card",
        "",
        f"**{manifest.notice}** It must not be used to diagnose, to monitor or to treat anyone.",
        "",
        "## What it does",
        "",
        f"Gives each heartbeat of an ECG of {len(signal['leads'])} lead(s) "
        f"({', '.join(signal['leads'])}) the probability of {len(manifest.classes)} classes:",
        "",
        *[
            f"- {name}: {_CLASSES.get(name, 'a class of the data set')}"
            for name in manifest.classes
        ],
        "",
        "The beats must have been found before, and the signal filtered as `manifest.json` says. "
        f"It has {manifest.params:,} parameters and takes {manifest.macs:,} multiply-accumulates "
        "a beat. The figures of a beat use the whole recording (amplitude, rhythm, zero-phase "
        "filters), so it is for recordings, not for live monitoring.",
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
        "From the search, by other trainings of the same architecture. It was chosen among many by "
        "this score, so the score flatters.",
        "",
        f"- Macro F1 over N, S, V, pooled over the folds: {_figure(training.get('fold_score'))}",
        *_per_class(training.get("folds", {}), manifest.classes),
        "",
        "No figure of test patients stands here: `ecg-nas evaluate` computes them, once.",
        "",
        "## Limits",
        "",
        "- Other leads, electrodes, sampling rates, age groups or devices were not tested.",
        "- Rare classes rest on very few patients: one patient can decide the figure of a class.",
        "- Beats that were not found, or found where there are none, are not corrected here.",
        "- Probabilities were not calibrated.",
        "",
    ]
    return "\n".join(lines)


def readme(manifest: Manifest) -> str:
    """Return ``README.md``: what each file is, and the model at work in a few lines."""
    shapes = "\n".join(
        f"- `{tensor.name}` float32 (beats, {', '.join(map(str, tensor.shape))})"
        f"{f' in {tensor.unit}' if tensor.unit else ''}: {tensor.meaning}"
        for tensor in manifest.inputs
    )
    return f"""# An ecg-nas bundle

**{manifest.notice}**

- `model.onnx`: the network, from filtered window to probabilities
- `manifest.json`: how to cut its inputs, where it comes from, SHA-256 of every file
- `golden.npz`: made-up inputs and the outputs that they must give
- `MODEL_CARD.md`: what it is for and how well it does

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


def _per_class(folds: Mapping[str, Any], classes: Sequence[str]) -> list[str]:
    figures = folds.get("per_class")
    if not figures:
        return []
    rows = [
        f"| {name} | {_figure(figures[name]['se'])} | {_figure(figures[name]['ppv'])} | "
        f"{_figure(figures[name]['f1'])} |"
        for name in classes
        if name in figures
    ]
    return ["", "| class | sensitivity | positive predictivity | F1 |", "|---|---|---|---|", *rows]


def _figure(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"
