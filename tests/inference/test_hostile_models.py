"""Bundles whose model is not a plain network, or gives what are no probabilities."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hostile_models import altered, constant, fewer, scaled, shifted
from onnx import TensorProto, helper

from data_prep.sources.synthetic import simulate_record
from ecg_nas.api import load_model
from ecg_nas.errors import BundleError
from ecg_nas.inference.classifier import session
from ecg_nas.inference.verify import verify

RECORD = simulate_record(0, duration_s=20)


def model_of(nodes, *, tensors=(), opsets=(("", 18),), functions=()):
    """A model of one input x (n, 3) and one output y."""
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        initializer=list(tensors),
    )
    return helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid(*one) for one in opsets],
        functions=functions,
        ir_version=10,
    )


def endless_loop():
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["on"], ["still"]),
            helper.make_node("Identity", ["a"], ["b"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("a", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("still", TensorProto.BOOL, []),
            helper.make_tensor_value_info("b", TensorProto.FLOAT, None),
        ],
    )
    return model_of(
        [helper.make_node("Loop", ["many", "on", "x"], ["y"], body=body)],
        tensors=[constant("many", np.int64(10**15)), constant("on", np.bool_(True))],
    )


def branching():
    branch = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["z"])],
        "branch",
        [],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, None)],
    )
    return model_of(
        [helper.make_node("If", ["on"], ["y"], then_branch=branch, else_branch=branch)],
        tensors=[constant("on", np.bool_(True))],
    )


def of_others():
    return model_of(
        [helper.make_node("Exec", ["x"], ["y"], domain="com.example")],
        opsets=(("", 18), ("com.example", 1)),
    )


def with_a_function():
    function = helper.make_function(
        "local",
        "F",
        ["a"],
        ["b"],
        [helper.make_node("Identity", ["a"], ["b"])],
        [helper.make_opsetid("", 18)],
    )
    return model_of(
        [helper.make_node("F", ["x"], ["y"], domain="local")],
        opsets=(("", 18), ("local", 1)),
        functions=[function],
    )


def elsewhere(location):
    weights = constant("w", np.ones(3, dtype=np.float32))
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    pair = weights.external_data.add()
    pair.key, pair.value = "location", location
    return model_of([helper.make_node("Mul", ["x", "w"], ["y"])], tensors=[weights])


def elsewhere_in_an_attribute():
    weights = constant("w", np.ones(3, dtype=np.float32))
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    return model_of(
        [
            helper.make_node("Constant", [], ["w"], value=weights),
            helper.make_node("Mul", ["x", "w"], ["y"]),
        ]
    )


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (endless_loop(), "control flow"),
        (branching(), "control flow"),
        (of_others(), "standard ones; Exec"),
        (with_a_function(), "F is of 'local'|functions of its own"),
        (elsewhere("weights.bin"), "in the file itself"),
        (elsewhere("/dev/zero"), "in the file itself"),
        (elsewhere_in_an_attribute(), "in the file itself"),
    ],
)
def test_a_model_that_is_no_plain_network_is_refused_on_loading(tmp_path, model, reason):
    file = tmp_path / "m.onnx"
    onnx.save(model, file)
    with pytest.raises(BundleError, match=reason) as error:
        session(file)
    assert "\n" not in str(error.value)


def test_a_plain_model_is_not(tmp_path):
    onnx.save(model_of([helper.make_node("Softmax", ["x"], ["y"])]), tmp_path / "m.onnx")
    (found,) = session(tmp_path / "m.onnx").run(None, {"x": np.zeros((2, 3), np.float32)})
    np.testing.assert_allclose(found, 1 / 3, rtol=1e-6)


@pytest.mark.parametrize(
    "change",
    [
        scaled(np.nan),
        scaled(np.inf),
        scaled(1e6),
        scaled(0.5),
        shifted([-0.5, 0.5, 0, 0, 0]),
        fewer(),
    ],
    ids=["nan", "inf", "1e6", "half", "negative", "fewer"],
)
def test_outputs_that_are_no_probabilities_are_refused_where_they_are_used(
    bundle_folder, tmp_path, change
):
    bundle = altered(bundle_folder, tmp_path, *change)
    with pytest.raises(BundleError, match="must give") as error:
        load_model(bundle).classify(RECORD.signal, fs_hz=RECORD.fs_hz)
    assert "\n" not in str(error.value)
    with pytest.raises(BundleError):
        verify(bundle)
