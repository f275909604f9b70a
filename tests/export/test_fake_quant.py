from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import torch
from bundles import SIGNAL, tiny_network
from torch import nn

from data_prep import tasks
from data_prep.beats.beat_spec import BeatSpec
from data_prep.beats.cutting import network_input
from ecg_nas.evaluation.fold_training import builder
from ecg_nas.evaluation.representation import beat_spec
from ecg_nas.export import quantize as module
from ecg_nas.export.fake_quant import FakeQuantized, fine_tune, folded
from ecg_nas.export.onnx import DeployedNetwork, example_inputs, to_onnx
from ecg_nas.export.quantize import quantize
from ecg_nas.training.config import TrainConfig
from ecg_nas.training.device_data import DeviceData
from ecg_nas.training.loop import predict, train
from search_spaces import load

SPEC = BeatSpec(signal=SIGNAL, reference_beat=True)


def as_trained(network):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for norm in network.modules():
            if isinstance(norm, nn.modules.batchnorm._BatchNorm):
                norm.running_mean.uniform_(-0.5, 0.5)
                norm.running_var.uniform_(0.5, 2)
                norm.bias.data.uniform_(-0.5, 0.5)
    return network.eval()


def test_folding_leaves_only_the_normalisation_of_sums_and_of_the_context():
    space, rng = load("ecg1d"), np.random.default_rng(4)
    for _ in range(3):
        arch = space.sample(rng)
        spec = beat_spec(SIGNAL, arch)
        network = as_trained(builder(space, arch, spec)())
        bare = folded(network)
        x = torch.randn(5, spec.channels, spec.samples)
        context = torch.randn(5, len(spec.context_names))
        with torch.inference_mode():
            torch.testing.assert_close(bare(x, context), network(x, context), atol=1e-4, rtol=1e-4)
        left = [
            n for n, m in bare.named_modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)
        ]
        assert all(name.endswith(("norm", "norm_context")) for name in left)
        assert set(bare.state_dict()) < set(network.state_dict()) | {
            name.replace("weight", "bias") for name in network.state_dict()
        }


def test_it_rounds_where_and_as_the_int8_file_does(monkeypatch):
    network = tiny_network(SPEC).eval()
    inputs = example_inputs(SPEC, np.random.default_rng(2), beats=200)
    x = torch.from_numpy(
        network_input(inputs["window"], inputs["scale"], inputs["reference"], SPEC)
    )
    context = torch.from_numpy(inputs["context"])
    rounded = FakeQuantized(folded(network), x, context)

    plain = to_onnx(DeployedNetwork(network, SPEC))
    monkeypatch.setattr(module, "shrink", lambda model: None)
    quantized = quantize(plain, inputs)
    values = {i.name: onnx.numpy_helper.to_array(i) for i in quantized.graph.initializer}
    steps = [
        [float(values[name]) for name in node.input[1:]]
        for node in quantized.graph.node
        if node.op_type == "QuantizeLinear"
    ]
    np.testing.assert_allclose(sorted(steps), sorted(rounded.steps.values()), rtol=1e-5)

    def run(model):
        session = onnxruntime.InferenceSession(model.SerializeToString())
        return session.run(None, inputs)[0]

    with torch.inference_mode():
        found = torch.softmax(rounded(x, context), dim=1).numpy()
    apart, cost = abs(found - run(quantized)).mean(), abs(run(plain) - run(quantized)).mean()
    assert apart < 0.1 * cost


def made_up(n=1500):
    """Beats whose class is which of three places has a bump."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, n)
    at = np.array([30, 60, 90])[y] + rng.integers(-3, 4, n)
    width = np.array([2.0, 4.0, 7.0])[y]
    x = rng.normal(0, 0.2, (n, 2, 128))
    x += np.exp(-(((np.arange(128) - at[:, None]) / width[:, None]) ** 2) / 2)[:, None]
    return DeviceData(
        x=torch.from_numpy(x.astype(np.float32)),
        context=torch.from_numpy(rng.normal(0, 1, (n, 3)).astype(np.float32)),
        y=torch.from_numpy(y),
        labels=y,
        patients=np.zeros(n, dtype=np.int64),
        task=tasks.load("aami"),
    )


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.signal = nn.Sequential(nn.Conv1d(2, 8, 9, padding=4), nn.BatchNorm1d(8), nn.ReLU())
        self.head = nn.Linear(16 + 3, 5)

    def forward(self, x, context):
        found = self.signal(x)
        return self.head(torch.cat([found.mean(2), found.amax(2), context], 1))


def accuracy(network, data, rows):
    return float((predict(network, data, rows) == data.labels[rows]).mean())


def test_fine_tuning_wins_back_some_of_what_int8_costs():
    data, rows, unseen = made_up(), np.arange(1000), np.arange(1000, 1500)
    chosen, recipe = rows[::5], TrainConfig(batch=16, keep_every=1)

    def in_int8(bare):
        return accuracy(FakeQuantized(bare, data.x[chosen], data.context[chosen]), data, unseen)

    gains = []
    for seed in range(4):  # how much it wins differs from network to network
        network = train(Net, data, rows, replace(recipe, learning_rate=1e-2), seed=seed)
        with torch.no_grad():  # one channel 60 times as large, which only rounding can tell
            network.signal[1].weight[0] *= 60
            network.signal[1].bias[0] *= 60
            network.head.weight[:, [0, 8]] /= 60
        before = {name: values.clone() for name, values in network.state_dict().items()}
        plain, static = accuracy(network, data, unseen), in_int8(folded(network))
        assert static < plain - 0.03
        tuned = fine_tune(network, chosen, data, rows, recipe, seed=1)
        gains.append(in_int8(tuned) - static)
        after = network.state_dict()
        assert all(torch.equal(values, before[name]) for name, values in after.items())
    assert min(gains) > 0
    assert np.mean(gains) > 0.03
    again = fine_tune(network, chosen, data, rows, recipe, seed=1)
    pairs = zip(tuned.parameters(), again.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
