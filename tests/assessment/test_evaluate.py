import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from bundles import SIGNAL, tiny_bundle, tiny_network

from data_prep import sources
from data_prep.beats.beat_spec import BeatSpec
from data_prep.errors import DataError
from data_prep.store.dataset import MANIFEST, open_store
from ecg_nas.assessment import test_set_ledger
from ecg_nas.assessment.evaluate import evaluate
from ecg_nas.bundle.manifest import load
from ecg_nas.errors import BundleError
from ecg_nas.inference.classifier import Classifier
from ecg_nas.metrics import classification


def by_torch(bundle, data):
    """The same beats through NumPy's network_input and torch, without the deployed graph."""
    network = tiny_network(bundle.spec).eval()
    with torch.inference_mode():
        logits = network(torch.from_numpy(data.network_input()), torch.from_numpy(data.context))
    return torch.softmax(logits / bundle.manifest.temperature, 1).numpy()


def test_classifier_equals_network_input_and_torch(bundle_folder, store):
    bundle = load(bundle_folder)
    data = open_store(store, "test").cut(bundle.spec)
    probabilities = Classifier(bundle).probabilities(data, batch=17)
    np.testing.assert_allclose(probabilities, by_torch(bundle, data), atol=1e-6)
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-6)


def test_classifier_equals_network_input_where_every_beat_has_its_own_level(store, tmp_path):
    spec = BeatSpec(signal=SIGNAL, reference_beat=True, causal=True)
    bundle = load(tiny_bundle(tmp_path / "causal", spec=spec))
    data = open_store(store, "test").cut(spec)
    assert len(data.scale) > len(data.record_names)
    probabilities = Classifier(bundle).probabilities(data, batch=17)
    np.testing.assert_allclose(probabilities, by_torch(bundle, data), atol=1e-6)
    assert evaluate(bundle, store)["protocol"]["causal"]
    assert not evaluate(bundle, store, beats="detected")["protocol"]["causal"]


def test_classifier_refuses_beats_that_were_cut_otherwise(bundle_folder, store):
    bundle = load(bundle_folder)
    data = open_store(store, "test").cut(replace(bundle.spec, scale="window"))
    with pytest.raises(BundleError, match="cut by the bundle's own BeatSpec"):
        Classifier(bundle).probabilities(data)


def test_figures_are_those_of_the_test_side(bundle_folder, store):
    bundle = load(bundle_folder)
    result = evaluate(bundle, store)
    data = open_store(store, "test").cut(bundle.spec)
    matrix = classification.confusion(data.y, by_torch(bundle, data).argmax(1), 5)
    assert result["confusion"] == matrix.tolist()
    assert result["accuracy"] == pytest.approx(np.trace(matrix) / len(data))
    assert result["per_class"] == classification.per_class(matrix, "NSVFQ")
    assert result["classes"] == list("NSVFQ")
    assert result["fold_score"] == 0.75
    assert result["bytes"]["fp32"] > 0
    assert set(result["records"]) == set(data.record_names)
    total = sum(np.array(part["confusion"]) for part in result["records"].values())
    assert total.tolist() == result["confusion"]
    protocol = result["protocol"]
    assert (protocol["split"], protocol["mapping"], protocol["start_s"]) == ("test", "aami", 0.0)
    assert (protocol["causal"], protocol["beats"]) == (False, "reference")
    assert result["most_influential_record"] in result["without_record"]
    low, high = result["interval"]["accuracy"]
    assert low <= result["accuracy"] <= high
    json.dumps(result, allow_nan=False)
    assert evaluate(bundle, store)["interval"] == result["interval"]


def test_ec57_figures_agree_with_the_confusion_where_every_beat_is_paired(bundle_folder, store):
    result = evaluate(load(bundle_folder), store)
    ec57 = result["ec57"]
    assert (ec57["mapping"], ec57["start_s"]) == ("bxb", 0.0)  # recordings of 40 s
    cells = {row + column: 0 for row in "NSVFQ" for column in "nsvfq"}
    for record in ec57["records"].values():
        for cell in cells:
            cells[cell] += record[cell]
    rows = [[cells[row + column] for column in "nsvfq"] for row in "NSVFQ"]
    assert rows == result["confusion"]
    assert ec57["gross"]["q_se"] == 1.0
    assert ec57["gross"]["v_se"] == result["per_class"]["V"]["se"]
    assert set(ec57["average"]) == set(ec57["gross"])


def test_the_records_that_a_source_names_are_left_out_by_name(bundle_folder, store):
    assert sources.load("mitdb").always_without == ("232",)  # it holds most S beats
    manifest = json.loads((store / MANIFEST).read_text())
    assert "always_without" not in manifest
    (store / MANIFEST).write_text(json.dumps({**manifest, "always_without": ["232"]}))
    names = {
        split: open_store(store, split).cut(load(bundle_folder).spec).record_names
        for split in ("train", "test")
    }
    split = next(split for split in names if "232" in names[split])
    assert "232" in evaluate(load(bundle_folder), store, split=split)["without_record"]


def test_every_look_at_test_patients_is_noted_with_the_data(bundle_folder, store, tmp_path):
    bundle = load(bundle_folder)
    assert evaluate(bundle, store, split="train")["protocol"]["test_openings"] == 0
    assert not (store / test_set_ledger.FILE).exists()
    assert evaluate(bundle, store)["protocol"]["test_openings"] == 1
    again = evaluate(bundle, store)
    assert again["protocol"]["test_openings"] == 2
    assert not any("OTHER CANDIDATE" in warning for warning in again["warnings"])
    sibling = load(tiny_bundle(tmp_path / "sibling", seed=1))
    result = evaluate(sibling, store)
    assert result["protocol"]["test_openings"] == 3
    assert result["protocol"]["test_openings_by_other_models"] == 1
    assert any("OTHER CANDIDATE" in warning for warning in result["warnings"])
    noted = test_set_ledger.read(store)
    assert [opening.model for opening in noted][:2] == [noted[0].model] * 2
    assert len({opening.run for opening in noted}) == 1
    assert "random ecg1d" in noted[2].run
    assert noted[2].run.endswith("seed 3")


def test_a_look_is_noted_even_if_the_evaluation_fails(bundle_folder, store):
    (store / "test" / "beats.npz").write_bytes(b"")
    with pytest.raises(DataError):
        evaluate(load(bundle_folder), store)
    assert len(test_set_ledger.read(store)) == 1


def test_a_damaged_note_is_refused_before_anything_is_read(bundle_folder, store):
    (store / test_set_ledger.FILE).write_text('{"time": "now"}\n')
    with pytest.raises(DataError, match="line 1 is damaged"):
        evaluate(load(bundle_folder), store)


def test_a_model_of_other_patients_is_said(bundle_folder, store):
    fingerprint = open_store(store, "train").fingerprint
    warned = evaluate(load(bundle_folder), store)["warnings"]
    assert any("another data set" in warning for warning in warned)
    assert fingerprint != load(bundle_folder).manifest.training["fingerprint"]


def test_signals_made_otherwise_are_refused_by_name(tmp_path, store):
    signal = replace(open_store(store, "train").signal_spec, fs_hz=250.0, leads=("MLII",))
    bundle = load(tiny_bundle(tmp_path / "other", spec=BeatSpec(signal=signal)))
    with pytest.raises(
        BundleError, match=r"fs_hz 250.0, not 125.0, leads \['MLII'\], not"
    ) as caught:
        evaluate(bundle, store)
    assert "baseline" not in str(caught.value)
    assert not (store / test_set_ledger.FILE).exists()


def test_a_folder_that_is_no_store_is_refused(bundle_folder, tmp_path):
    with pytest.raises(DataError):
        evaluate(load(bundle_folder), tmp_path)
    assert list(tmp_path.iterdir()) == []
