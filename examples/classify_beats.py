"""Give beats that are cut already their classes: python classify_beats.py BUNDLE [BEATS.npz]."""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime

bundle = Path(sys.argv[1])
manifest = json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))
session = onnxruntime.InferenceSession(bundle / "model.onnx")
beats = np.load(sys.argv[2] if len(sys.argv) > 2 else bundle / "golden.npz")
inputs = {tensor["name"]: beats[tensor["name"]] for tensor in manifest["inputs"]}
(probabilities,) = session.run(None, inputs)
for row in probabilities:
    print(manifest["classes"][row.argmax()], f"{row.max():.4f}")
