import collections

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from bundles import SIGNAL
from onnx import TensorProto, helper, numpy_helper

from ecg_nas.evaluation.fold_training import builder, cost_of
from ecg_nas.evaluation.representation import beat_spec
from ecg_nas.export import quantize as module
from ecg_nas.export.onnx import DeployedNetwork, example_inputs, to_onnx
from ecg_nas.export.quantize import quantize
from ecg_nas.export.shrink import shrink
from search_spaces import load

SPACE = load("ecg1d")
LARGEST = {  # of thirty random ones with 30,000 to 35,000 parameters; 75 KB before they are shrunk
    "separable": {
        "space": "ecg1d",
        "ops": ["sep_conv_7", "dil_conv_7x2", "dil_conv_7x2", "conv_1"],
        "edges": [[0, 1], [0, 3], [0, 4], [1, 2], [1, 5], [2, 3], [2, 5], [3, 4], [4, 5]],
        "macro": {
            "activation": "relu", "cells": 2, "context_join": "mlp", "growth_pct": 200,
            "head_hidden": 0, "head_pool": "avg+max", "reduce": "avg", "stages": 3,
            "stem_kernel": 5, "stem_stride": 4, "width": 12,
        },
        "representation": {
            "reference_beat": "on", "rr": "patient+local", "scale": "window",
            "window": "neighbours",
        },
    },
    "gates": {
        "space": "ecg1d",
        "ops": ["conv_1", "conv_3", "max_pool_3", "squeeze_excite"],
        "edges": [[0, 1], [0, 2], [0, 4], [1, 3], [1, 4], [1, 5], [2, 4], [3, 4], [4, 5]],
        "macro": {
            "activation": "relu", "cells": 2, "context_join": "film", "growth_pct": 150,
            "head_hidden": 32, "head_pool": "avg", "reduce": "avg", "stages": 4,
            "stem_kernel": 21, "stem_stride": 2, "width": 12,
        },
        "representation": {
            "reference_beat": "off", "rr": "patient+local", "scale": "window",
            "window": "neighbours",
        },
    },
}  # fmt: skip


def session(model, folder):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    opened = onnxruntime.InferenceSession(model.SerializeToString(), options)
    kernels = collections.Counter(
        node.op_type for node in onnx.load(folder / "optimised.onnx").graph.node
    )
    return opened, kernels


@pytest.mark.parametrize("name", ["separable", pytest.param("gates", marks=pytest.mark.slow)])
def test_the_int8_file_of_a_large_winner_fits_into_64_kib(name, tmp_path, monkeypatch):
    arch = SPACE.from_json(LARGEST[name])
    spec = beat_spec(SIGNAL, arch)
    assert 30_000 <= cost_of(SPACE, arch, spec).params <= 35_000
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = builder(SPACE, arch, spec)().eval()
        for norm in network.modules():
            if isinstance(norm, torch.nn.modules.batchnorm._BatchNorm):  # as if trained
                norm.running_mean.uniform_(-0.5, 0.5)
                norm.bias.data.uniform_(-0.5, 0.5)
    monkeypatch.setattr(module, "shrink", lambda model: None)
    beats = example_inputs(spec, np.random.default_rng(0), beats=8)
    plain = quantize(to_onnx(DeployedNetwork(network, spec)), beats)
    small = onnx.ModelProto()
    small.CopyFrom(plain)
    shrink(small)
    metadata = 2048  # what a bundle adds: BeatSpec and architecture, 1,400 bytes of these
    assert len(small.SerializeToString()) + metadata <= 64 * 1024 < len(plain.SerializeToString())

    (before, kernels), (after, same) = session(plain, tmp_path), session(small, tmp_path)
    inputs = example_inputs(spec, np.random.default_rng(1), beats=50)
    assert np.array_equal(before.run(None, inputs)[0], after.run(None, inputs)[0])
    assert same == kernels  # nothing fell back to float32


def test_only_what_says_nothing_is_taken_out():
    def constant(name, values):
        return numpy_helper.from_array(np.asarray(values, np.float32), name)

    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["a", "first"], ["x"], "named", dilations=[1], pads=[1, 1]),
            helper.make_node("Conv", ["x", "second"], ["y"], group=1, dilations=[2]),
            helper.make_node("Add", ["y", "third"], ["b"]),
        ],
        "g",
        [helper.make_tensor_value_info("a", TensorProto.FLOAT, [None, 1, 9])],
        [helper.make_tensor_value_info("b", TensorProto.FLOAT, [None, 1, 5])],
        [constant("first", [[[1, 2, 3]]]), constant("second", [[[1, 2, 3]]]),
         constant("third", range(5))],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    a = np.arange(18, dtype=np.float32).reshape(2, 1, 9)
    before = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"a": a})[0]
    shrink(model)
    onnx.checker.check_model(model, full_check=True)
    after = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"a": a})[0]
    assert np.array_equal(before, after)
    assert len(model.graph.initializer) == 2
    stated = [[attribute.name for attribute in node.attribute] for node in model.graph.node]
    assert stated == [["pads"], ["dilations"], []]
    names = [name for node in model.graph.node for name in (node.name, *node.input, *node.output)]
    assert {"a", "b"} <= set(names)  # inputs and outputs keep theirs; no other takes one of them
    assert sorted(len(name) for name in names)[-1] == 1
