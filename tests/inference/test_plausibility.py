"""Wrong units and leads upside down are pointed out, and change nothing."""

import json

import numpy as np
import pytest
from bundles import SIGNAL, ectopic_signal, tiny_bundle
from click.testing import CliRunner
from recordings import write_csv

from data_prep.beats.beat_spec import BeatSpec
from data_prep.beats.polarity import likeness, usual_qrs, usual_qrs_of
from data_prep.io.formats import open_recording
from data_prep.store.dataset import open_store
from ecg_nas.bundle.manifest import load
from ecg_nas.cli import main
from ecg_nas.inference.classifier import Classifier
from ecg_nas.inference.recording_beats import classify_recording
from ecg_nas.inference.recording_summary import summary

SPEC = BeatSpec(signal=SIGNAL)
UP_AND_DOWN = np.float32([1, -0.5])


@pytest.fixture(scope="module")
def signal():
    """Two leads of spikes, the first one up and the second one (V1) down, as usual."""
    return ectopic_signal(np.random.default_rng(3), fs_hz=250.0)[0] * UP_AND_DOWN


@pytest.fixture(scope="module")
def classifiers(tmp_path_factory, signal):
    """A bundle that knows what is usual, and one of before that was kept."""
    folder = tmp_path_factory.mktemp("bundles")
    plain = Classifier(load(tiny_bundle(folder / "plain", spec=SPEC)))
    before, reach = SPEC.before, round(0.1 * SPEC.signal.fs_hz)
    windows = np.zeros((5, 2, SPEC.samples), dtype=np.float32)
    shape = np.exp(-0.5 * ((np.arange(-reach, reach + 1)) / 1.5) ** 2)
    windows[:, :, before - reach : before + reach + 1] = shape * UP_AND_DOWN[:, None]
    usual = usual_qrs(windows, SPEC)
    knows = Classifier(load(tiny_bundle(folder / "knows", spec=SPEC, usual_qrs=usual)))
    return {"plain": plain, "knows": knows}


def classified(classifier, file, signal, **how):
    write_csv(file, signal, leads=("MLII", "V1"))
    leads = classifier.bundle.spec.signal.leads
    return classify_recording(
        classifier, open_recording(file, leads=leads, **{"units": "mV", **how})
    )


def kinds(found):
    return [(one.kind, one.leads) for one in found.warnings]


@pytest.mark.parametrize("name", ["plain", "knows"])
def test_wrong_units_are_doubted_in_one_line(classifiers, name, signal, tmp_path):
    as_mv = classified(classifiers[name], tmp_path / "a.csv", signal * 1000)
    assert kinds(as_mv) == [("unit", ("MLII", "V1"))]
    assert "1,1" in as_mv.warnings[0].text
    assert "in uV?" in as_mv.warnings[0].text
    as_uv = classified(classifiers[name], tmp_path / "b.csv", signal, units="uV")
    assert kinds(as_uv) == [("unit", ("MLII", "V1"))]
    assert "larger unit, as V?" in as_uv.warnings[0].text
    loose = classified(classifiers[name], tmp_path / "c.csv", signal * np.float32([1, 0.01]))
    assert kinds(loose) == [("unit", ("V1",))]
    assert "electrode" in loose.warnings[0].text


def test_what_looks_like_the_training_patients_upside_down_is_doubted(
    classifiers, signal, tmp_path
):
    clean = classified(classifiers["knows"], tmp_path / "a.csv", signal)
    assert clean.warnings == ()
    assert (clean.alike > 0.8).all()
    for altered in (-signal, signal[:, ::-1]):
        found = classified(classifiers["knows"], tmp_path / "b.csv", altered)
        assert kinds(found) == [("inverted", ("MLII", "V1"))]
        assert "another order?" in found.warnings[0].text
        figures = summary(found)
        assert figures["doubts"] == [{"kind": "inverted", "leads": ["MLII", "V1"]}]
        assert figures["warnings"] == [found.warnings[0].text]
        assert max(figures["qrs_likeness"]) < -0.8
    one_lead = classified(classifiers["knows"], tmp_path / "c.csv", signal * np.float32([-1, 1]))
    assert kinds(one_lead) == [("lead inverted", ("MLII",))]


def test_an_earlier_bundle_judges_by_the_names_of_leads(classifiers, signal, tmp_path):
    clean = classified(classifiers["plain"], tmp_path / "a.csv", signal)
    assert clean.warnings == ()
    assert summary(clean)["qrs_likeness"] is None
    down = classified(classifiers["plain"], tmp_path / "b.csv", -signal)
    assert kinds(down) == [("lead inverted", ("MLII",))]
    assert "MLII points down" in down.warnings[0].text


def test_the_command_warns_and_classifies_all_the_same(classifiers, signal, tmp_path):
    write_csv(tmp_path / "r.csv", -signal, leads=("MLII (mV)", "V1 (mV)"))
    bundle = classifiers["knows"].bundle.folder
    words = ["classify", bundle, tmp_path / "r.csv", "--out", tmp_path, "--report", "--json", "-"]
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == 0, result.stderr
    (line,) = result.stderr.splitlines()
    assert line.startswith("Warning: ")
    assert "upside down" in line
    (found,) = json.loads(result.stdout)["records"]
    assert [one["kind"] for one in found["doubts"]] == ["inverted"]
    assert found["beats"] > 30
    assert "upside down" in (tmp_path / "r.ecgnas.html").read_text()


def test_likeness_is_of_the_shape_not_of_size_or_place(signal):
    rng = np.random.default_rng(0)
    usual = rng.normal(size=(3, 25)).cumsum(axis=1)
    np.testing.assert_allclose(likeness(usual * 7 + 3, usual, 125.0), 1)
    np.testing.assert_allclose(likeness(-usual, usual, 125.0), -1)
    np.testing.assert_allclose(likeness(np.roll(usual, 2, axis=1), usual, 125.0), 1, atol=0.1)
    assert not likeness(np.ones((3, 25)), usual, 125.0).any()
    assert not usual_qrs(np.zeros((0, 2, SPEC.samples), dtype=np.float32), SPEC).any()


def test_the_usual_complex_is_that_of_the_training_patients(small_store):
    data = open_store(small_store, "train")
    spec = BeatSpec(signal=data.signal_spec, neighbours=1)
    usual = usual_qrs_of(data.cut(spec))
    assert usual.shape == (2, 25)
    assert (usual.argmax(axis=1) == 12).all()
    assert (np.ptp(usual, axis=1) > 0.9).all()


@pytest.mark.real
def test_no_training_record_looks_like_the_others_upside_down(mitdb_store):
    data = open_store(mitdb_store, "train").cut(BeatSpec())
    own, names = data.windows[:, :2], np.array(data.record_names)[data.record]
    each = {name: usual_qrs(own[names == name], data.spec) for name in data.record_names}
    alike = [
        likeness(each[name], np.mean([each[k] for k in each if k != name], axis=0), 125.0).mean()
        for name in each
    ]
    assert len(alike) == 22
    assert min(alike) > -0.1
    assert sum(value > 0.3 for value in alike) >= 19
