"""The candidate that a run ends with: its files, its beats, cut once, and its trained networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data_prep.beats.beat_spec import BeatSpec
from data_prep.store.dataset import BeatDataset, SignalStore
from ecg_nas import seeds
from ecg_nas.errors import RunError
from ecg_nas.evaluation.folds import Fold, hold_out
from ecg_nas.evaluation.representation import beat_spec
from ecg_nas.methods.engine.run_store import StoredEvaluation, leader
from ecg_nas.pipeline.network_files import read_tensors, take_weights
from ecg_nas.runs.config import RunConfig
from ecg_nas.runs.folder import ModelFolder, read_json, write_json
from search_spaces import Architecture, SearchSpace, load

if TYPE_CHECKING:
    from onnx import ModelProto
    from torch import Tensor, nn

    from ecg_nas.export.onnx import DeployedNetwork
    from ecg_nas.training.device_data import DeviceData

LOGITS = "logits"  # beside the weights of a fold's network, whose names have dots


def best_of(evaluations: Sequence[StoredEvaluation]) -> StoredEvaluation:
    """Return the best evaluation, see ``run_store.leader``.

    Raises:
        RunError: If none has a score.
    """
    best = leader(evaluations)
    if best is None:
        reason = evaluations[0].failure if evaluations else "the budget allowed none"
        raise RunError(
            f"at least one candidate must train to its end; none of {len(evaluations)} did, the "
            f"first because: {reason}"
        )
    return best


class FinalModel:
    """A candidate that is trained to be exported; what its steps share is made once, when needed.

    The store is opened once and the candidate's beats are cut once. The side of the test patients
    is never opened. Importing and making one does not import torch.

    Args:
        folder: Where its files go.
        config: Settings of the run, the device settled.
        candidate: What came of it in the search.
        name: What to call it in the events.
        data: What the run's ``config.json`` says of its data.
        open_signals: Opens the side of the training patients.
    """

    def __init__(
        self,
        folder: ModelFolder,
        config: RunConfig,
        candidate: StoredEvaluation,
        *,
        name: str,
        data: Mapping[str, Any],
        open_signals: Callable[[], SignalStore],
    ) -> None:
        self.folder = folder
        self.config = config
        self.candidate = candidate
        self.name = name
        self.data = data
        self._open_signals = open_signals
        self._on_device: dict[str, DeviceData] = {}

    # On disk

    def stored(self, file: Path) -> dict[str, Any] | None:
        """Return the JSON in ``file`` if it is there and of this candidate.

        The settings are those of the run, which refuses others.

        Raises:
            RunError: If it cannot be read.
        """
        content = read_json(file) if file.exists() else {}
        return content if content.get("slot") == self.candidate.slot else None

    def store(self, file: Path, content: Mapping[str, Any]) -> None:
        """Write ``content`` to ``file``, as of this candidate.

        Raises:
            RunError: If it cannot be written.
        """
        write_json(file, {"slot": self.candidate.slot, **content})

    # Beats

    @cached_property
    def signals(self) -> SignalStore:
        """The side of the training patients."""
        return self._open_signals()

    @cached_property
    def beats(self) -> BeatDataset:
        """The beats of the training patients that have a class."""
        return self.signals.cut(self.spec)

    @cached_property
    def folds(self) -> list[Fold]:
        """The folds of the search's first repeat: every patient held out once."""
        return hold_out(self.signals, replace(self.config.folds, repeats=1))

    def beats_on(self, device: str) -> DeviceData:
        """Return the beats as its network takes them, on ``device``."""
        from ecg_nas.training.device_data import to_device

        if device not in self._on_device:
            self._on_device[device] = to_device(self.beats, device)
        return self._on_device[device]

    # What it is

    @cached_property
    def space(self) -> SearchSpace:
        """The search space that it is from."""
        return load(self.config.space)

    @cached_property
    def architecture(self) -> Architecture:
        """Its architecture."""
        return self.space.from_json(self.candidate.architecture)

    @cached_property
    def spec(self) -> BeatSpec:
        """How its beats are cut."""
        fixed = self.config.fixed_representation
        return beat_spec(self.signals.signal_spec, self.architecture, fixed)

    def build(self) -> nn.Module:
        """Return its untrained network."""
        from ecg_nas.evaluation.fold_training import builder

        return builder(self.space, self.architecture, self.spec)()

    # Trained networks

    @cached_property
    def network(self) -> nn.Module:
        """What was trained on all training patients.

        Raises:
            RunError: If its file is missing or damaged.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        module = self.build()
        try:
            module.load_state_dict(load_file(self.folder.weights))
        except (OSError, SafetensorError, RuntimeError) as error:
            first_line = str(error).splitlines()[0]
            raise RunError(
                f"{self.folder.weights} must hold the weights of the trained network "
                f"({first_line}); remove {self.folder.final} and run the search again to train it "
                "anew"
            ) from error
        return module.eval()

    def fold_seed(self, index: int) -> int:
        """Return the seed of the out-of-fold training of a fold."""
        return seeds.derive(self.config.seed, "held out", self.candidate.slot, index)

    @cached_property
    def _fold_tensors(self) -> list[dict[str, Tensor]]:
        return [self._tensors_of(index) for index in range(len(self.folds))]

    def _tensors_of(self, index: int) -> dict[str, Tensor]:
        file = self.folder.fold(index)
        known = read_tensors(file, seed=self.fold_seed(index))
        held_out, classes = self.folds[index].held_out, self.spec.signal.classes
        if (
            known is None
            or LOGITS not in known
            or known[LOGITS].shape != (len(held_out), len(classes))
        ):
            raise RunError(
                f"{file} must hold the network of a fold, and does not; remove "
                f"{self.folder.out_of_fold} and run the search again to train it anew"
            )
        return known

    @cached_property
    def out_of_fold_logits(self) -> NDArray[np.float32]:
        """``(beats, classes)`` outputs for every beat by the network that did not know its patient.

        Raises:
            RunError: If the file of a fold is missing or damaged.
        """
        found = np.zeros((len(self.beats), len(self.spec.signal.classes)), dtype=np.float32)
        for fold, tensors in zip(self.folds, self._fold_tensors, strict=True):
            found[fold.held_out] = tensors[LOGITS].numpy()
        return found

    @property
    def out_of_fold_classes(self) -> NDArray[np.int64]:
        """``(beats,)`` the classes that these outputs predict."""
        classes: NDArray[np.int64] = self.out_of_fold_logits.argmax(axis=1)
        return classes

    def fold_network(self, index: int) -> nn.Module:
        """Return a copy, on the CPU, of the network that did not know the patients of a fold.

        Raises:
            RunError: If the file of a fold is missing or damaged.
        """
        tensors = self._fold_tensors[index]
        module = self.build()
        weights = {name: tensors[name] for name in tensors if name != LOGITS}
        take_weights(module, weights, self.folder.fold(index))
        return module.eval()

    @property
    def temperature(self) -> float:
        """What its outputs are divided by before the softmax, by the out-of-fold outputs."""
        return float(read_json(self.folder.out_of_fold)["temperature"])

    @property
    def int8_verdict(self) -> dict[str, Any]:
        """What INT8 costs on patients held out, and whether that is too much; see ``gate``."""
        verdict: dict[str, Any] = read_json(self.folder.int8)["verdict"]
        return verdict

    @cached_property
    def deployed(self) -> DeployedNetwork:
        """The trained network as it is exported."""
        from ecg_nas.export.onnx import DeployedNetwork

        return DeployedNetwork(self.network, self.spec, temperature=self.temperature)

    @cached_property
    def template(self) -> ModelProto:
        """Its ONNX form, which takes the weights of its fold networks, too."""
        from ecg_nas.export.onnx import to_template

        return to_template(self.deployed)
