import logging
import shutil
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
from bundles import SIGNAL, tiny_bundle, tiny_network

from data_prep import tasks
from data_prep.beats.beat_spec import BeatSpec
from ecg_nas.bundle.manifest import GOLDEN, MANIFEST, MODEL, MODEL_INT8, entry, load
from ecg_nas.errors import BundleError
from ecg_nas.export.bundle_texts import copy_without_int8
from ecg_nas.export.bundle_writer import Int8Plan
from ecg_nas.export.onnx import (
    DeployedNetwork,
    example_inputs,
    run_torch,
    to_template,
    with_weights,
)
from ecg_nas.export.quantize import PER_CLASS, calibration_rows, gate, quantize
from ecg_nas.inference.verify import GOLDEN_INT8, verify

SPEC = BeatSpec(signal=SIGNAL, reference_beat=True)
TASK = tasks.load("aami")


@pytest.fixture(scope="module")
def template():
    return to_template(DeployedNetwork(tiny_network(SPEC), SPEC, temperature=1.5))


@pytest.fixture(scope="module")
def plain(template):
    return with_weights(template, DeployedNetwork(tiny_network(SPEC), SPEC, temperature=1.5))


@pytest.fixture(scope="module")
def beats():
    return example_inputs(SPEC, np.random.default_rng(2), beats=200)


def run(model, inputs):
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(None, inputs)[0]


def test_a_template_takes_the_weights_of_another_network(template, beats):
    other = DeployedNetwork(tiny_network(SPEC, seed=3), SPEC, temperature=1.5)
    found = run(with_weights(template, other), beats)
    np.testing.assert_allclose(found, run_torch(other, beats), atol=1e-5)


def test_int8_is_nearly_the_same_and_its_bytes_repeat(plain, beats, capfd):
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    quantized = quantize(plain, beats)
    assert abs(run(quantized, beats) - run(plain, beats)).max() < 0.1
    assert quantize(plain, beats).SerializeToString() == quantized.SerializeToString()
    assert (logging.getLogger().handlers, logging.getLogger().level) == (handlers, level)
    assert capfd.readouterr() == ("", "")


def test_only_what_multiplies_by_weights_is_int8(plain, beats):
    graph = quantize(plain, beats).graph
    taken = {name for node in graph.node if node.op_type == "QuantizeLinear" for name in node.input}
    made_by = {name: node.op_type for node in graph.node for name in node.output}
    consumers = {
        node.op_type
        for node in graph.node
        if any(made_by.get(name) == "DequantizeLinear" for name in node.input)
    }
    assert "Conv" in consumers
    assert not {"Div", "Sub", "Softmax", "Tile"} & consumers
    assert not {node.name for node in graph.input} & taken
    for initializer in graph.initializer:
        if initializer.data_type == onnx.TensorProto.INT8:  # 7 bits: see quantize
            assert np.abs(onnx.numpy_helper.to_array(initializer).astype(int)).max() <= 64


def test_calibration_takes_all_classes_alike_and_no_other_rows():
    y = np.repeat([0, 1, 2, 4], [5000, 300, 90, 3])
    rows = np.flatnonzero(np.arange(len(y)) % 2 == 0)
    chosen = calibration_rows(y, rows, np.random.default_rng(0))
    assert set(chosen) <= set(rows)
    assert len(set(chosen)) == len(chosen)
    counts = np.bincount(y[chosen], minlength=5)
    assert counts[:2].tolist() == [PER_CLASS, PER_CLASS]
    assert counts[2:].tolist() == [45, 0, int((y[rows] == 4).sum())]


def test_the_gate_refuses_what_rare_classes_pay_for():
    y = np.repeat([0, 1, 2], [1000, 50, 50])
    same = gate(y, y, y, TASK)
    assert same["refused"] is None
    assert same["agreement"] == 1
    worse = y.copy()
    worse[1000:1002] = 0  # two S beats of 1,100: a fall of 0.002 in accuracy
    refused = gate(y, y, worse, TASK)["refused"]
    assert "S_f1 falls by 0.0204 (from 1.0000; 0.01 is allowed)" in refused
    assert "V_f1" not in refused
    better = gate(y, worse, y, TASK)
    assert better["refused"] is None
    assert better["drop"]["S_f1"] < 0
    none = gate(np.zeros(9, int), np.zeros(9, int), np.zeros(9, int), TASK)
    assert none["drop"] == dict.fromkeys(("macro_f1_nsv", "S_f1", "V_f1"))


@pytest.fixture(scope="module")
def both(tmp_path_factory, template, beats):
    plan = Int8Plan(verdict=gate(np.arange(3), np.arange(3), np.arange(3), TASK), calibration=beats)
    out = tmp_path_factory.mktemp("int8") / "bundle"
    return tiny_bundle(out, spec=SPEC, int8=plan, template=template)


def test_a_bundle_with_both_models_keeps_its_promise(both):
    found = verify(both)
    bundle = load(both)
    assert found["int8_bytes"] == (both / MODEL_INT8).stat().st_size
    assert found["int8_golden_difference"] == bundle.manifest.int8.golden_difference
    assert 0 < found["int8_golden_difference"] < bundle.manifest.int8.promised_difference < 0.2
    metadata = {entry.key: entry.value for entry in onnx.load(both / MODEL_INT8).metadata_props}
    assert metadata == {entry.key: entry.value for entry in onnx.load(both / MODEL).metadata_props}
    card = (both / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "`model.int8.onnx`: weights INT8" in card
    assert "| S_f1 |" in card
    assert MODEL_INT8 in (both / "README.md").read_text(encoding="utf-8")


def test_a_broken_promise_is_refused(both, tmp_path):
    copy = shutil.copytree(both, tmp_path / "copy")
    manifest = load(copy).manifest
    promise = replace(manifest.int8, promised_difference=1e-9)
    (copy / MANIFEST).write_text(replace(manifest, int8=promise).to_text())
    with pytest.raises(BundleError, match=r"model\.int8\.onnx must agree"):
        verify(copy)
    with np.load(copy / GOLDEN) as golden:
        arrays = dict(golden)
    arrays[GOLDEN_INT8] = arrays[GOLDEN_INT8] + np.float32(0.02)
    np.savez(copy / GOLDEN, **arrays)
    files = {**manifest.files, GOLDEN: entry(copy / GOLDEN)}
    (copy / MANIFEST).write_text(replace(manifest, files=files).to_text())
    with pytest.raises(BundleError, match=r"model\.int8\.onnx must reproduce golden\.npz"):
        verify(copy)
    silent = replace(manifest.int8, refused="lost")
    (copy / MANIFEST).write_text(replace(manifest, files=files, int8=silent).to_text())
    with pytest.raises(BundleError, match=r"name model\.int8\.onnx or why"):
        verify(copy)


def test_int8_can_be_left_out_of_a_copy(both, tmp_path):
    copy_without_int8(both, tmp_path / "copy")
    left = {path.name for path in (tmp_path / "copy").iterdir()}
    assert left == {path.name for path in both.iterdir()} - {MODEL_INT8}
    assert verify(tmp_path / "copy")["int8_bytes"] is None
    old, new = load(both).manifest, load(tmp_path / "copy").manifest
    assert new.files[MODEL] == old.files[MODEL]
    assert new.int8.gate == old.int8.gate
    card = (tmp_path / "copy" / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "no INT8 model: it was left out" in card
    copy_without_int8(tmp_path / "copy", tmp_path / "again")
    assert load(tmp_path / "again").manifest == new


def test_a_refused_model_is_not_there_and_the_bundle_says_why(tmp_path, template):
    y = np.repeat([0, 1, 2], 10)
    verdict = gate(y, y, np.zeros(30, int), TASK)
    out = tiny_bundle(tmp_path / "b", spec=SPEC, int8=Int8Plan(verdict=verdict), template=template)
    assert {path.name for path in out.iterdir()} >= {MODEL, GOLDEN}
    assert not (out / MODEL_INT8).exists()
    assert "S_f1 falls by 1.0000" in load(out).manifest.int8.refused
    card = (out / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "There is no INT8 model: on held-out training patients macro_f1_nsv falls" in card
    assert verify(out)["int8_bytes"] is None
