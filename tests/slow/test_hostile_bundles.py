"""At least forty bundles of strangers: each refused in one line, within 30 s and 1 GiB."""

import json
import subprocess
import sys
from pathlib import Path

import hostile_bundles
import numpy as np
import onnx
import pytest
from bundles import ectopic_signal, tiny_bundle
from onnx import TensorProto, helper, numpy_helper

from data_prep.io.record import write_record

SCRIPT = Path(hostile_bundles.__file__)


def models(plain):
    """Models that are refused: graphs that might not end or reach out, outputs that are none."""
    found = {}
    for name, (nodes, tensors) in {
        "NaN": ([helper.make_node("Mul", ["was", "by"], ["is"])], {"by": np.float32(np.nan)}),
        "inf": ([helper.make_node("Mul", ["was", "by"], ["is"])], {"by": np.float32(np.inf)}),
        "million": ([helper.make_node("Mul", ["was", "by"], ["is"])], {"by": np.float32(1e6)}),
        "flat": ([helper.make_node("ReduceMax", ["was"], ["is"], keepdims=0)], {}),
        "loop": ([_loop()], {"many": np.int64(10**15), "on": np.bool_(True)}),
        "foreign": ([helper.make_node("Exec", ["was"], ["is"], domain="com.example")], {}),
    }.items():
        model = onnx.load(plain)
        (output,) = model.graph.output
        for node in model.graph.node:
            for place, one in enumerate(node.output):
                if one == output.name:
                    node.output[place] = "was"
        for node in nodes:
            node.output[:] = [output.name if one == "is" else one for one in node.output]
        model.graph.node.extend(nodes)
        model.graph.initializer.extend(
            numpy_helper.from_array(np.asarray(value), key) for key, value in tensors.items()
        )
        found[name] = model.SerializeToString()
    outside = onnx.load(plain)
    tensor = outside.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    pair = tensor.external_data.add()
    pair.key, pair.value = "location", "/dev/zero"
    found["outside"] = outside.SerializeToString()
    whole = plain.read_bytes()
    found |= {"empty": b"", "cut": whole[: len(whole) // 2], "noise": bytes(range(256)) * 40}
    return found


def _loop():
    body = helper.make_graph(
        [helper.make_node("Identity", [a], [b]) for a, b in (("on", "still"), ("a", "b"))],
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
    return helper.make_node("Loop", ["many", "on", "was"], ["is"], body=body)


@pytest.mark.slow
def test_hostile_bundles_are_refused_within_time_and_memory(tmp_path):
    plain, folder = tiny_bundle(tmp_path / "plain"), tmp_path / "hostile"
    folder.mkdir()
    signal, _, _ = ectopic_signal(np.random.default_rng(7), fs_hz=250.0, seconds=12)
    write_record(tmp_path / "w", signal=signal, fs_hz=250.0, leads=("MLII", "V1"))
    assert hostile_bundles.attempt(plain, tmp_path / "w") is None  # it is not all refused
    hostile_bundles.write_all(plain, folder, models(plain / "model.onnx"))
    ran = subprocess.run(
        [sys.executable, SCRIPT, folder, tmp_path / "w"],
        capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    found = [json.loads(line) for line in ran.stdout.splitlines()]
    assert ran.returncode == 0, (found[-1:], ran.stderr[-2000:])
    slowest = max(one["seconds"] for one in found)
    sys.stdout.write(f"{len(found)} hostile bundles, the slowest took {slowest:.1f} s\n")
    assert len(found) == len(list(folder.iterdir())) >= 40
    assert slowest < hostile_bundles.MOST_SECONDS
    for one in found:
        assert one["reason"], one
        assert "\n" not in one["reason"], one
