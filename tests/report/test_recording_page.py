"""The page of a classified recording."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from bundles import ectopic_signal, tiny_bundle
from recordings import write_edf

from data_prep import tasks
from data_prep.io.formats import open_recording
from ecg_nas.bundle.manifest import load
from ecg_nas.figures.recording_overview import overview, poincare
from ecg_nas.inference.classifier import Classifier
from ecg_nas.inference.plausibility import PlausibilityWarning
from ecg_nas.inference.recording_beats import classify_recording
from ecg_nas.report.recording_page import write


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
    odd = PlausibilityWarning(kind="unit", leads=("II",), text="odd")
    write(replace(found, called=called, warnings=(odd,)), bundle, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert page.count("Research use only, not a medical device.") >= 2
    assert "a&lt;b" in page
    assert "a<b" not in page
    assert "<b>Warning:</b> odd" in page
    assert not re.findall(r'(?:src|href)="(?!#)', page)
    assert page.count('class="wide strip"') >= 3 * 2
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_hours_of_a_long_recording_are_counted_together(classified, tmp_path):
    found, bundle = classified
    n_hours = 24 * 40
    long = SimpleNamespace(
        name="long", leads=("MLII", "V1"), signals=(0, 1), fs_hz=250.0,
        n_samples=n_hours * 3600 * 250, duration_s=n_hours * 3600.0,
        read=lambda start, stop: np.zeros((stop - start, 2), dtype=np.float32),
    )  # fmt: skip
    samples = np.array([1, 2, 14 * 3600 * 250, n_hours * 3600 * 250 - 1])
    made = replace(
        found, recording=long, samples=samples, called=np.zeros(4, dtype=np.int64),
        probabilities=found.probabilities[:4],
    )  # fmt: skip
    write(made, bundle, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "Beats by 14 hours, from that one on" in page
    rows = re.findall(r'<th scope="row">(\d+)</th><td>(\d+)</td>', page)
    assert [row for row in rows if row[1] != "0"] == [("0", "2"), ("14", "1"), ("952", "1")]
    assert len(rows) == 69


def test_a_recording_without_beats_has_a_page(classified, tmp_path):
    found, bundle = classified
    empty = replace(
        found, samples=found.samples[:0], called=found.called[:0],
        probabilities=found.probabilities[:0],
    )  # fmt: skip
    write(empty, bundle, tmp_path / "page.html")
    assert "Examples of each class" in (tmp_path / "page.html").read_text()


TASK = tasks.load("aami")


def test_drawings_are_the_same_on_every_run():
    counts = {"N": [5, 6], "V": [0, 2], "S": [0, 0]}
    rate = [(30.0, 70.0), (90.0, 75.0)]
    before, after = np.array([0.8, 0.7, 0.5]), np.array([0.7, 0.5, 1.1])
    for draw in (
        lambda: overview(120.0, rate, counts, [(10.0, 20.0)], TASK),
        lambda: poincare(before, after, ["N", "V", "N"], TASK),
    ):
        assert draw() == draw()
        ET.fromstring(draw())
    drawn = poincare(before.repeat(2)[:5], after.repeat(2)[:5], ["V", "Q", "N", "S", "F"], TASK)
    legend = [text.text for text in ET.fromstring(drawn).iter() if text.text in set("NSVFQ")]
    assert legend == sorted(legend) == list("FNQSV")
    assert "2 ventricular" in overview(120.0, rate, counts, [], TASK)
