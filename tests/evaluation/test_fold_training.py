import shutil
import weakref

import numpy as np
import pytest
from data_requests import asked

from data_prep import tasks
from data_prep.errors import DataError
from data_prep.store.dataset import open_store
from data_prep.store.prepare import prepare
from ecg_nas.errors import ConfigError, RunError
from ecg_nas.evaluation import fold_training as module
from ecg_nas.evaluation.base import Candidate
from ecg_nas.evaluation.config import EarlyConfig
from ecg_nas.evaluation.fold_training import TrainingEvaluator
from ecg_nas.evaluation.folds import FoldConfig, hold_out
from ecg_nas.metrics.classification import macro_f1
from ecg_nas.training.config import EngineConfig, TrainConfig
from ecg_nas.training.engine import train_candidate
from search_spaces import load

SPACE = load("ecg1d")
TASK = tasks.load("aami")
CLASSES = TASK.classes


def candidate(window="narrow", slot=0):
    rng = np.random.default_rng(5)
    while True:
        arch = SPACE.sample(rng)
        cost = SPACE.cost(arch, leads=2, samples=90, context=4, classes=5)
        if cost.macs < 100_000 and dict(arch.representation)["window"] == window:
            return Candidate(slot=slot, architecture=arch, seed=slot)


def evaluator(store, epochs=1, engine=None, early=None, trainer=train_candidate, **folds):
    recipe = TrainConfig(epochs=epochs, batch=16, learning_rate=1e-2, keep_every=1)
    return TrainingEvaluator(
        store,
        "ecg1d",
        training=recipe,
        folds=FoldConfig(**{"n_folds": 2, **folds}),
        engine=engine,
        early=early,
        trainer=trainer,
    )


def evaluate(store, **settings):
    (result,) = evaluator(store, **settings).evaluate([candidate()])
    return result


def test_the_score_is_that_of_the_pooled_confusion(small_store):
    result = evaluate(small_store, epochs=3)
    folds = [np.array(fold["confusion"]) for fold in result.metrics["folds"]]
    pooled = sum(folds)
    assert result.metrics["confusion"] == pooled.tolist()
    assert result.score == macro_f1(pooled, TASK)
    assert [fold["score"] for fold in result.metrics["folds"]] == [
        macro_f1(fold, TASK) for fold in folds
    ]
    beats = open_store(small_store, "train").beats["y"]
    assert pooled.sum(axis=1).tolist() == np.bincount(beats[beats >= 0], minlength=5).tolist()


def test_beats_that_are_easily_told_apart_are(small_store):
    assert evaluate(small_store, epochs=12).score > 0.9


def test_the_side_of_the_test_patients_is_not_needed(small_store):
    expected = evaluate(small_store)
    shutil.rmtree(small_store / "test")
    found = evaluate(small_store)
    assert (found.score, found.metrics) == (expected.score, expected.metrics)


def test_cost_and_patients_are_reported(small_store):
    metrics = evaluate(small_store).metrics
    held_out = [name for fold in metrics["folds"] for name in fold["patients"]]
    assert sorted(held_out) == sorted(open_store(small_store, "train").patients)
    assert metrics["params"] > 0
    assert metrics["macs"] > 0
    assert metrics["epochs"] == 1


def test_cuts_are_kept_within_bounds(small_store, monkeypatch):
    tried = [candidate(window, slot) for slot, window in enumerate(("narrow", "wide"))]
    used = evaluator(small_store)
    list(used.evaluate(tried))
    assert len(used._cuts) == 2
    monkeypatch.setattr(module, "_CACHE_BYTES", 1)
    tight = evaluator(small_store)
    list(tight.evaluate(tried))
    assert len(tight._cuts) == 1


def test_folds_hold_every_patient_out_once_a_repeat(small_store):
    store = open_store(small_store, "train")
    patients = np.array([store.patients.index(r.patient) for r in store.records])
    patient = patients[store.beats["record"][store.beats["y"] >= 0]]
    folds = hold_out(store, FoldConfig(n_folds=3, repeats=2))
    assert len(folds) == 6
    for fold in folds:
        assert not set(patient[fold.train]) & set(patient[fold.held_out])
        assert {store.patients[i] for i in patient[fold.held_out]} == set(fold.patients)
    for repeat in (folds[:3], folds[3:]):
        held_out = np.concatenate([fold.held_out for fold in repeat])
        assert sorted(held_out) == list(range(len(patient)))


def test_a_class_that_only_one_training_patient_has_is_refused(tmp_path, write_patient):
    (tmp_path / "records").mkdir()
    for index in range(6):
        kinds = ("A", "V") if index in (0, 5) else ("V",)
        write_patient(tmp_path / "records", f"p{index}", seed=index, symbols=kinds)
    split = tmp_path / "split.toml"
    split.write_text('train = ["p0", "p1", "p2", "p3"]\ntest = ["p4", "p5"]\n', encoding="utf-8")
    prepare(asked("wfdb", tmp_path / "records", split=str(split)), tmp_path / "store")
    with pytest.raises(DataError, match="S") as caught:
        evaluator(tmp_path / "store")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("settings", [{"n_folds": 1}, {"repeats": 0}])
def test_impossible_folds_are_refused(settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        FoldConfig(**settings)


@pytest.mark.parametrize("keep_every", [1, 4])
@pytest.mark.parametrize("folds", ["alone", "together"])
def test_watching_changes_nothing_and_notes_a_curve(folds, keep_every, small_store):
    found = []
    for mode in ("off", "watch"):
        made = evaluator(
            small_store,
            epochs=3,
            engine=EngineConfig(folds=folds),
            early=EarlyConfig(mode=mode, keep_every=keep_every),
        )
        found += made.evaluate([candidate()])
    plain, watched = found
    assert watched.score == plain.score
    # All held-out beats were looked at, or the normal ones (who all came out alike) by a few that
    # stand for the others: so the curve ends at the score.
    assert watched.metrics.pop("curve")[2] == pytest.approx(plain.score, abs=1e-12)
    assert watched.metrics == plain.metrics


def test_a_training_whose_score_can_be_predicted_ends(small_store):
    early = EarlyConfig(mode="stop", agree=1, tolerance=1.0)
    (result,) = evaluator(small_store, epochs=20, early=early).evaluate([candidate()])
    assert len(result.metrics["curve"]) == 3
    assert result.score == result.metrics["foretold"]


class Held:
    """Stands for the tensors of a training."""


def failing(held):
    def train(*_, **__):
        tensors = Held()
        held.append(weakref.ref(tensors))
        raise RuntimeError("CUDA error: an illegal memory access was encountered\nmore")

    return train


def test_memory_is_freed_when_nothing_holds_a_failed_training_any_more(small_store, monkeypatch):
    held, alive = [], []
    monkeypatch.setattr(module.gpu, "recover", lambda device: alive.append(held[0]() is not None))
    tried = evaluator(small_store, trainer=failing(held))
    (result,) = tried.evaluate([candidate()])
    assert result.failure.startswith("RuntimeError: CUDA error: an illegal")
    assert alive == [False]


def test_a_lost_gpu_ends_the_run_instead_of_failing_every_candidate(small_store, monkeypatch):
    def lost(device):
        raise RuntimeError("CUDA error: an illegal memory access was encountered\nmore")

    monkeypatch.setattr(module.gpu, "recover", lost)
    tried = evaluator(small_store, trainer=failing([]))
    with pytest.raises(RunError, match="GPU must go on working") as caught:
        list(tried.evaluate([candidate()]))
    assert "\n" not in str(caught.value)
