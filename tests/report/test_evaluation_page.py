import json
import re
from html import unescape

import numpy as np
import pytest
from bundles import SIGNAL, ectopic_recordings, tiny_bundle
from data_requests import asked

from data_prep import tasks
from data_prep.beats.beat_spec import BeatSpec
from data_prep.store.prepare import prepare
from ecg_nas.assessment.evaluate import assess
from ecg_nas.bundle.manifest import load
from ecg_nas.errors import RunError
from ecg_nas.report import evaluation_part


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A bundle and a store of the patients that it is to be tried on."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "recordings").mkdir()
    prepare(asked("wfdb", ectopic_recordings(folder / "recordings")), folder / "store")
    tiny_bundle(folder / "bundle", spec=BeatSpec(signal=SIGNAL))
    return folder


@pytest.fixture(scope="module")
def assessments(made):
    bundle = load(made / "bundle")
    return {
        beats: assess(bundle, made / "store", split="train", beats=beats)
        for beats in ("reference", "detected")
    }


def text_of(page):
    body = page[page.index("<body") :]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


@pytest.mark.parametrize("beats", ["reference", "detected"])
def test_the_page_has_every_figure_with_its_protocol(assessments, tmp_path, beats):
    assessment = assessments[beats]
    evaluation_part.write(assessment, tmp_path / "e.html")
    page = (tmp_path / "e.html").read_text()
    words = text_of(page)
    protocol = f"Protocol: train patients of wfdb (standard split), mapping aami, from 0 s, {beats}"
    figures = page.count("<figure")
    assert figures == 3 + len(assessment.result["mistakes"])
    assert page.count("<svg") == figures
    assert words.count(protocol) >= figures + 1
    assert "mapping bxb, from 0 s" in words  # EC57's own
    for phrase in (
        "EC57",
        "Without one record",
        "which changes most",
        "Calibration",
        "The most confident mistakes",
        "Warning: these are the patients that the model was trained on",
        assessment.result["protocol"]["counting"],
        f"{assessment.result['accuracy']:.3f}",
    ):
        assert phrase in words, phrase
    assert ("no beat" in words) == (beats == "detected")
    low, high = assessment.result["interval"]["accuracy"]
    assert f"95 %: {low:.3f} to {high:.3f}" in words


def test_the_page_needs_nothing_else_and_is_the_same_every_time(assessments, tmp_path):
    for name in "ab":
        evaluation_part.write(assessments["detected"], tmp_path / f"{name}.html")
    page = (tmp_path / "a.html").read_text()
    assert page == (tmp_path / "b.html").read_text()
    assert not re.search(r'\b(?:src|href)="(?!#)', page)
    assert not re.search(r"url\((?!#)", page)
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    used = re.findall(r'(?:href="#|url\(#)([^")]+)', page)
    assert set(used) <= set(ids)


def test_bars_count_missed_and_false_beats(assessments):
    result = assessments["detected"].result
    parts = evaluation_part._parts(result["records"], tasks.load("aami"))
    for kind in "SV":
        right, there, called = (
            sum(part[kind][place][which] for part in parts.values())
            for place, which in ((0, 0), (0, 1), (1, 1))
        )
        figures = result["per_class"][kind]
        assert figures["se"] == pytest.approx(right / there)
        assert figures["ppv"] == (pytest.approx(right / called) if called else None)


def test_a_run_keeps_its_evaluations(assessments, tmp_path):
    for assessment in assessments.values():
        evaluation_part.add_to_run(assessment, tmp_path)
        evaluation_part.add_to_run(assessment, tmp_path)
    looks = evaluation_part.looks(tmp_path)
    assert sorted(look["result"]["protocol"]["beats"] for look in looks) == [
        "detected",
        "reference",
    ]
    results = [assessment.result for assessment in assessments.values()]
    for look in looks:
        assert look["result"] in json.loads(json.dumps(results))
    assert evaluation_part.looks(tmp_path / "none") == []


def test_a_damaged_evaluation_is_refused(tmp_path):
    (tmp_path / evaluation_part.FOLDER).mkdir()
    for text in ("", "[]", '{"key": "x"}', "\x00"):
        (tmp_path / evaluation_part.FOLDER / "x.json").write_text(text)
        with pytest.raises(RunError, match=r"x\.json must be as ecg-nas evaluate wrote it"):
            evaluation_part.looks(tmp_path)


def test_of_very_many_records_those_with_most_ectopic_beats_are_drawn():
    def record(s_beats):
        matrix = np.zeros((5, 5), dtype=int)
        matrix[1, 1] = s_beats
        none = dict.fromkeys("NSVFQ", 0)
        return {"confusion": matrix.tolist(), "missed": none, "false_beats": none}

    many = {f"r{k}": record(k) for k in range(100)}
    parts = evaluation_part._parts(many, tasks.load("aami"))
    assert list(parts) == [f"r{k}" for k in range(40, 100)]
