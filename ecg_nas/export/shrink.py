"""A model in fewer bytes that computes the same: in a small network, names outweigh weights."""

from __future__ import annotations

import string
from collections.abc import Iterator
from itertools import count, product
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import onnx


def shrink(model: onnx.ModelProto) -> None:
    """Take out of ``model`` what a runtime does not need; its answers stay bit-equal.

    Equal constants become one, attributes that only state their default go, and everything inside
    the graph gets a short name. Zero points of zero stay, although the standard lets them go:
    onnxruntime 1.31 runs a Gemm without them in float32, and rounds elsewhere.
    """
    graph = model.graph
    graph.ClearField("value_info")  # runtimes infer it
    _fold_biases(graph)
    _share(graph)
    versions = {opset.domain: opset.version for opset in model.opset_import}
    for node in graph.node:
        node.name = ""
        stated = [a for a in node.attribute if not _is_default(node, a, versions[node.domain])]
        del node.attribute[:]
        node.attribute.extend(stated)
    _rename(graph)


def _fold_biases(graph: onnx.GraphProto) -> None:
    """Write biases of convolutions as what they stand for: 4 bytes a channel instead of 8.

    onnxruntime from 1.22 on makes the same integers of them again, since the scales of signal and
    weights tell theirs; 1.20 computes such a convolution in float32. Of Gemm it makes none.
    """
    from onnx import numpy_helper

    constants = {initializer.name: initializer for initializer in graph.initializer}
    biases = {node.input[2] for node in graph.node if node.op_type == "Conv" and node.input[2:]}
    for node in [node for node in graph.node if node.output[0] in biases]:
        if node.op_type != "DequantizeLinear":
            continue
        integers, scale = (numpy_helper.to_array(constants[name]) for name in node.input[:2])
        floats = integers.astype(np.float32) * scale
        graph.initializer.append(numpy_helper.from_array(floats, node.output[0]))
        graph.node.remove(node)
    used = {name for node in graph.node for name in node.input}
    kept = [initializer for initializer in graph.initializer if initializer.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)


def _share(graph: onnx.GraphProto) -> None:
    """Keep one of several equal constants."""
    first: dict[bytes, str] = {}
    same: dict[str, str] = {}
    for initializer in graph.initializer:
        name, initializer.name = initializer.name, ""
        same[name] = first.setdefault(initializer.SerializeToString(deterministic=True), name)
        initializer.name = name
    kept = [
        initializer
        for initializer in graph.initializer
        if same[initializer.name] == initializer.name
    ]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    for node in graph.node:
        node.input[:] = [same.get(name, name) for name in node.input]


def _is_default(node: onnx.NodeProto, attribute: onnx.AttributeProto, version: int) -> bool:
    import onnx

    value = onnx.helper.get_attribute_value(attribute)
    if node.op_type == "Conv" and attribute.name in ("dilations", "strides"):
        return set(value) == {1}  # in words only: the schema cannot tell how many ones
    if node.op_type == "Conv" and attribute.name == "pads":
        return set(value) == {0}
    if node.op_type == "Conv" and attribute.name == "kernel_shape":
        return True  # that of the weights
    schema = onnx.defs.get_schema(node.op_type, version, node.domain)
    default = schema.attributes[attribute.name].default_value
    return bool(default.name) and onnx.helper.get_attribute_value(default) == value


def _rename(graph: onnx.GraphProto) -> None:
    kept = ["", *(value.name for value in [*graph.input, *graph.output])]
    names: dict[str, str] = {name: name for name in kept}
    free = (word for word in _words() if word not in names)

    def short(name: str) -> str:
        if name not in names:
            names[name] = next(free)
        return names[name]

    for initializer in graph.initializer:
        initializer.name = short(initializer.name)
    for node in graph.node:
        node.input[:] = [short(name) for name in node.input]
        node.output[:] = [short(name) for name in node.output]


def _words() -> Iterator[str]:
    """Yield all words over letters and digits, the short ones first."""
    for length in count(1):
        for letters in product(string.ascii_letters + string.digits, repeat=length):
            yield "".join(letters)
