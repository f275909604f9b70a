import json
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from bundles import SIGNAL

from data_prep.beats.beat_spec import BeatSpec
from data_prep.store.dataset import open_store
from ecg_nas.assessment.beat_matching import of_annotated_beats
from ecg_nas.assessment.mistakes import worst
from ecg_nas.assessment.strips import of_mistake

N, S, V = range(3)


@pytest.fixture
def judged(store):
    """A side with all S called V, ever more surely, and two V called N; the rest is right."""
    side = open_store(store, "test")
    data = side.cut(BeatSpec(signal=SIGNAL))
    probabilities = np.full((len(data), 5), 0.01, dtype=np.float32)
    probabilities[np.arange(len(data)), data.y] = 0.9
    is_s = np.flatnonzero(data.y == S)
    probabilities[is_s, S] = 0
    probabilities[is_s, V] = np.linspace(0.5, 0.99, len(is_s))
    two = np.flatnonzero(data.y == V)[[0, 1]]
    probabilities[two, N] = 0.95
    return side, of_annotated_beats(side, data, probabilities), data


def test_the_most_frequent_kinds_come_first_and_in_them_the_surest(judged):
    side, outcomes, data = judged
    found = worst(outcomes, side, pairs=1, each=3)
    assert {(one.truth, one.called) for one in found} == {("S", "V")}
    assert {one.alike for one in found} == {int((data.y == S).sum())}
    surest = [one.probability for one in found]
    assert surest[0] == pytest.approx(0.99)
    assert surest == sorted(surest, reverse=True)
    # Of three patients, one each.
    assert len({one.record for one in found}) == 3
    both = worst(outcomes, side)
    assert [(one.truth, one.called) for one in both] == [("S", "V")] * 2 + [("V", "N")] * 2
    json.dumps([one.to_json() for one in both], allow_nan=False)


def test_a_classifier_without_a_mistake_has_none(judged):
    side, outcomes, data = judged
    right = np.zeros((len(data), 5), dtype=np.float32)
    right[np.arange(len(data)), data.y] = 1
    assert worst(of_annotated_beats(side, data, right), side) == []
    assert worst(outcomes, side)


def test_a_strip_shows_the_mistake_among_its_neighbours(judged):
    side, outcomes, _ = judged
    mistake = worst(outcomes, side, pairs=1, each=1)[0].to_json()
    svg = of_mistake(side, outcomes, mistake)
    words = ["".join(node.itertext()) for node in ET.fromstring(svg).iter() if "text" in node.tag]
    assert "S→V" in words
    assert {"atr", "model", "MLII", "V1", "25 mm/s, 10 mm/mV"} <= set(words)
    assert any(mistake["record"] in word for word in words)
    assert svg == of_mistake(side, outcomes, mistake)
    for time_s in (0.0, 39.9):  # at the ends of the record, too
        assert ET.fromstring(of_mistake(side, outcomes, {**mistake, "time_s": time_s})).get(
            "width"
        ) == ET.fromstring(svg).get("width")
