"""A small network, an architecture to go with it, and bundles of them for several tests."""

import numpy as np
import torch
from torch import nn

from data_prep.beats.beat_spec import BeatSpec
from data_prep.dsp.signal_spec import SignalSpec
from data_prep.io.record import write_annotations, write_record
from ecg_nas.export.bundle_writer import Int8Plan, write_bundle
from ecg_nas.export.onnx import DeployedNetwork, example_inputs
from ecg_nas.export.quantize import gate
from search_spaces import Architecture

SIGNAL = SignalSpec(leads=("MLII/II/#0", "V1/V5/V2/V4/#1/#0"))
TRAINING = {
    "source": "wfdb",
    "split": "standard",
    "fingerprint": "0" * 32,
    "fold_score": 0.75,
    "method": "random",
    "space": "ecg1d",
    "seeds": {"run": 3},
    "patients": ["p1", "p2"],
    "folds": {
        "per_class": {"N": {"se": 0.9, "ppv": 0.8, "f1": 0.85}},
        "folds": [{"score": 0.7, "patients": ["p1"]}],
    },
}


class TinyNet(nn.Module):
    """As a search space builds them: x (beats, channels, samples), context -> logits."""

    def __init__(self, channels, context, classes=5):
        super().__init__()
        self.signal = nn.Sequential(
            nn.Conv1d(channels, 6, 7, padding=3), nn.BatchNorm1d(6), nn.ReLU()
        )
        self.head = nn.Linear(6 + context, classes)

    def forward(self, x, context):
        return self.head(torch.cat([self.signal(x).amax(2), context], 1))


def tiny_network(spec, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = TinyNet(spec.channels, len(spec.context_names))
        network.signal[1].running_mean.uniform_(-1, 1)  # as if it had been trained
        network.signal[1].running_var.uniform_(0.5, 2)
    return network


def tiny_architecture(spec):
    return Architecture(
        space="ecg1d",
        ops=("conv7", "max"),
        edges=((0, 1), (1, 2), (2, 3)),
        representation=(("rr", spec.rhythm), ("scale", spec.scale)),
    )


def tiny_bundle(
    out,
    *,
    spec=None,
    seed=0,
    temperature=1.5,
    int8=None,
    template=None,
    usual_qrs=None,
    **training,
):
    spec = spec or BeatSpec(signal=SIGNAL, reference_beat=True)
    write_bundle(
        out,
        DeployedNetwork(tiny_network(spec, seed), spec, temperature=temperature),
        tiny_architecture(spec),
        training=TRAINING | training,
        int8=int8,
        template=template,
        usual_qrs=usual_qrs,
    )
    return out


def int8_bundle(out):
    """A bundle with an INT8 model, as if a gate had let it pass."""
    spec = BeatSpec(signal=SIGNAL, reference_beat=True)
    beats = example_inputs(spec, np.random.default_rng(2), beats=200)
    y = np.arange(3)
    verdict = {"method": "static", **gate(y, y, y, spec.signal.task)}
    return tiny_bundle(out, spec=spec, int8=Int8Plan(verdict=verdict, calibration=beats))


def ectopic_signal(rng, fs_hz=125.0, seconds=40):
    """Return signal, beats and symbols: spikes on two leads, S early, V early and wide."""
    n = int(seconds * fs_hz)
    symbols = rng.choice(list("NNNNNNAV"), size=int(seconds / 0.8) - 2)
    gaps = np.where(symbols == "N", 0.8, 0.55) + rng.normal(0, 0.02, len(symbols))
    beats = (np.cumsum(gaps) * fs_hz).astype(np.int64) + 40
    signal = rng.normal(0, 0.02, (n, 2))
    time = np.arange(n)[:, None]
    for beat, symbol in zip(beats, symbols, strict=True):
        width = 6.0 if symbol == "V" else 2.0
        signal += np.exp(-0.5 * ((time - beat) / width) ** 2) * [1.2, 0.7]
    return signal.astype(np.float32), beats, symbols


def ectopic_recordings(folder):
    """Write six such patients as WFDB files; one has the name of a record of MIT-BIH."""
    rng = np.random.default_rng(5)
    for name in ("p1", "p2", "p3", "p4", "p5", "232"):
        signal, beats, symbols = ectopic_signal(rng)
        write_record(folder / name, signal=signal, fs_hz=125.0, leads=("MLII", "V1"))
        write_annotations(folder / name, "atr", samples=beats, symbols=symbols, fs_hz=125.0)
    return folder
