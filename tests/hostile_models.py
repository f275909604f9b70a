"""Bundles with altered models: all digests right, the outputs not."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from ecg_nas.bundle.manifest import MANIFEST, MODEL, entry, load


def constant(name, values):
    return numpy_helper.from_array(np.asarray(values), name)


def altered(folder: Path, tmp_path: Path, nodes, tensors=()) -> Path:
    """A copy of a bundle whose output passes further operators; all digests are right."""
    copy = shutil.copytree(folder, tmp_path / "altered")
    manifest = load(copy).manifest
    model = onnx.load(copy / MODEL)
    (output,) = model.graph.output
    for node in model.graph.node:
        for index, name in enumerate(node.output):
            if name == output.name:
                node.output[index] = "before"
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(tensors)
    onnx.save(model, copy / MODEL)
    files = {**manifest.files, MODEL: entry(copy / MODEL)}
    text = dataclasses.replace(manifest, files=files).to_text()
    (copy / MANIFEST).write_text(text, encoding="utf-8")
    return copy


def scaled(by):
    return (
        [helper.make_node("Mul", ["before", "by"], ["probabilities"])],
        [constant("by", np.float32(by))],
    )


def shifted(values):
    return (
        [helper.make_node("Add", ["before", "by"], ["probabilities"])],
        [constant("by", np.asarray(values, np.float32))],
    )


def fewer():
    ends = [constant("from", np.array([0])), constant("to", np.array([3])),
            constant("axis", np.array([1]))]  # fmt: skip
    return [helper.make_node("Slice", ["before", "from", "to", "axis"], ["probabilities"])], ends


def branching():
    branch = helper.make_graph(
        [helper.make_node("Identity", ["before"], ["same"])],
        "branch",
        [],
        [helper.make_tensor_value_info("same", onnx.TensorProto.FLOAT, None)],
    )
    node = helper.make_node("If", ["on"], ["probabilities"], then_branch=branch, else_branch=branch)
    return [node], [constant("on", np.bool_(True))]
