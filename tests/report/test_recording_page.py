"""The page of a classified recording."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from bundles import ectopic_signal, tiny_bundle
from recordings import write_edf

from data_prep.formats import open_recording
from ecg_nas.deploy.bundle import load
from ecg_nas.deploy.classify import Classifier
from ecg_nas.deploy.doubts import Doubt
from ecg_nas.deploy.recording import classify_recording
from ecg_nas.figures.recording import overview, poincare
from ecg_nas.report.recording import write


@pytest.fixture(scope="module")
def classified(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    signal, beats, _ = ectopic_signal(np.random.default_rng(1), fs_hz=250.0, seconds=150)
    file = write_edf(folder / "a<b.edf", signal.T, per_frame=(250, 250), labels=("MLII", "V1"))
    classifier = Classifier(load(tiny_bundle(folder / "bundle")))
    recording = open_recording(file)
    recording.beats = lambda annotator: beats
    return classify_recording(classifier, recording, beats="x"), classifier.bundle


def test_the_page_stands_alone_and_says_what_it_is_not(classified, tmp_path):
    found, bundle = classified
    called = np.arange(len(found.samples)) % 3
    odd = Doubt(kind="unit", leads=("II",), text="odd")
    write(replace(found, called=called, doubts=(odd,)), bundle, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert page.count("Research use only, not a medical device.") >= 2
    assert "a&lt;b" in page
    assert "a<b" not in page
    assert "<b>Warning:</b> odd" in page
    assert not re.findall(r'(?:src|href)="(?!#)', page)
    assert page.count('class="wide strip"') >= 3 * 2
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_a_recording_without_beats_has_a_page(classified, tmp_path):
    found, bundle = classified
    empty = replace(
        found, samples=found.samples[:0], called=found.called[:0],
        probabilities=found.probabilities[:0],
    )  # fmt: skip
    write(empty, bundle, tmp_path / "page.html")
    assert "Examples of each class" in (tmp_path / "page.html").read_text()


def test_drawings_are_the_same_on_every_run():
    counts = {"N": [5, 6], "V": [0, 2], "S": [0, 0]}
    rate = [(30.0, 70.0), (90.0, 75.0)]
    before, after = np.array([0.8, 0.7, 0.5]), np.array([0.7, 0.5, 1.1])
    for draw in (
        lambda: overview(120.0, rate, counts, [(10.0, 20.0)]),
        lambda: poincare(before, after, ["N", "V", "N"]),
    ):
        assert draw() == draw()
        ET.fromstring(draw())
    assert "2 ventricular" in overview(120.0, rate, counts, [])
