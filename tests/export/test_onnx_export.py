import os
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from bundles import SIGNAL, TinyNet, tiny_architecture, tiny_bundle, tiny_network

from data_prep.beats.beat_spec import BeatSpec
from data_prep.beats.cutting import network_input
from ecg_nas.bundle.manifest import MANIFEST, MODEL, NOTICE
from ecg_nas.errors import BundleError
from ecg_nas.export.bundle_writer import write_bundle
from ecg_nas.export.onnx import DeployedNetwork, example_inputs, input_shapes, run_torch, to_onnx

SPECS = {
    "record": BeatSpec(signal=SIGNAL),
    "window": BeatSpec(signal=SIGNAL, scale="window", reference_beat=True),
    "neighbours": BeatSpec(
        signal=SIGNAL, neighbours=1, reference_beat=True, rhythm="patient+local"
    ),
    "R peak": BeatSpec(signal=SIGNAL, scale="r-peak", causal=True),
    "one lead": BeatSpec(signal=replace(SIGNAL, leads=("MLII",)), neighbours=1, scale="window"),
}


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_deployed_network_does_what_network_input_does(spec):
    network = tiny_network(spec).eval()
    inputs = example_inputs(spec, np.random.default_rng(1), beats=40)
    inputs["window"][1] *= 1e-3  # below the floor of the amplitude
    if "scale" in inputs:
        inputs["scale"][2] = 0.01
    x = network_input(inputs["window"], inputs.get("scale"), inputs.get("reference"), spec)
    with torch.inference_mode():
        logits = network(torch.from_numpy(x), torch.from_numpy(inputs["context"]))
    ours = run_torch(DeployedNetwork(network, spec), inputs)
    np.testing.assert_allclose(ours, torch.softmax(logits, 1).numpy(), atol=1e-6)


def test_a_temperature_divides_what_the_softmax_takes():
    spec = SPECS["record"]
    network = tiny_network(spec).eval()
    inputs = example_inputs(spec, np.random.default_rng(1), beats=40)
    plain = run_torch(DeployedNetwork(network, spec), inputs)
    cooled = run_torch(DeployedNetwork(network, spec, temperature=2.5), inputs)
    log_odds = np.log(plain / plain[:, :1])
    np.testing.assert_allclose(np.log(cooled / cooled[:, :1]), log_odds / 2.5, atol=1e-4)


@pytest.fixture(scope="module", params=["neighbours"])
def exported(request, tmp_path_factory):
    spec = SPECS[request.param]
    return spec, tiny_bundle(tmp_path_factory.mktemp("exported") / request.param, spec=spec)


def test_model_equals_torch_for_any_number_of_beats(exported):
    spec, folder = exported
    session = onnxruntime.InferenceSession(folder / MODEL)
    network = DeployedNetwork(tiny_network(spec), spec, temperature=1.5)
    for beats in (1, 5, 128):
        inputs = example_inputs(spec, np.random.default_rng(beats), beats=beats)
        (found,) = session.run(None, inputs)
        np.testing.assert_allclose(found, run_torch(network, inputs), atol=1e-5)


def test_model_takes_only_the_inputs_that_it_needs_and_keeps_nothing_of_the_machine(exported):
    spec, folder = exported
    model = onnx.load(folder / MODEL)
    shapes = input_shapes(spec)
    assert [node.name for node in model.graph.input] == list(shapes)
    assert ("reference" in shapes) == spec.reference_beat
    assert model.opset_import[0].version == 18
    raw = (folder / MODEL).read_bytes()
    for trace in (b".py", b"stack_trace", b"pkg.torch", b"/tmp", b"/home"):
        assert trace not in raw
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert metadata["ecg_nas.notice"] == NOTICE
    assert {path.name for path in folder.iterdir()} >= {MODEL, MANIFEST}
    assert not list(folder.glob("*.data"))


def test_same_weights_same_bytes_and_a_bundle_replaces_a_bundle(exported, tmp_path):
    spec, folder = exported
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    out = shutil.copytree(folder, tmp_path / "out")
    (out / MODEL).write_bytes(b"damaged")
    tiny_bundle(out, spec=spec)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == first
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_golden_beats_are_the_same_in_every_process():
    code = """
import hashlib, numpy
from data_prep.beats.beat_spec import BeatSpec
from ecg_nas.export.onnx import example_inputs
inputs = example_inputs(BeatSpec(reference_beat=True), numpy.random.default_rng(0), beats=3)
print(hashlib.sha256(b"".join(values.tobytes() for values in inputs.values())).hexdigest())
"""
    # With these, Python orders sets of the inputs' names in both ways.
    ran = [
        subprocess.Popen(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed},
            stdout=subprocess.PIPE,
        )
        for seed in ("1", "2")
    ]  # fmt: skip
    first, second = (process.communicate()[0] for process in ran)
    assert first == second != b""


def test_other_weights_other_bytes(exported):
    spec, folder = exported
    model = onnx.load(folder / MODEL)
    other = to_onnx(DeployedNetwork(tiny_network(spec, seed=1), spec))
    assert other.graph.SerializeToString() != model.graph.SerializeToString()


def test_exporting_leaves_the_network_and_the_random_state_alone(tmp_path, capfd):
    spec = SPECS["record"]
    network = tiny_network(spec).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    state = torch.get_rng_state()
    write_bundle(
        tmp_path / "b", DeployedNetwork(network, spec), tiny_architecture(spec), training={}
    )
    assert network.training
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert capfd.readouterr() == ("", "")
    assert "not stated" in (tmp_path / "b" / "MODEL_CARD.md").read_text()


def test_other_files_are_not_replaced(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("")
    with pytest.raises(BundleError, match="holds other files"):
        tiny_bundle(tmp_path / "mine")
    (tmp_path / "file").write_text("")
    with pytest.raises(BundleError, match="is a file"):
        tiny_bundle(tmp_path / "file")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "mine"]


def test_a_failed_export_leaves_nothing(tmp_path):
    spec = SPECS["record"]
    with pytest.raises(BundleError, match="outputs must be the classes"):
        write_bundle(
            tmp_path / "b",
            DeployedNetwork(TinyNet(spec.channels, len(spec.context_names), classes=2), spec),
            tiny_architecture(spec),
            training={},
        )
    with pytest.raises(BundleError, match="must be JSON"):
        tiny_bundle(tmp_path / "b", spec=spec, fold_score=float("nan"))
    assert list(tmp_path.iterdir()) == []
