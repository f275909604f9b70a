import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from data_prep import tasks
from ecg_nas.figures.calibration_diagram import reliability
from ecg_nas.figures.confusion import confusion
from ecg_nas.figures.per_record import records

TASK = tasks.load("aami")
PARTS = {
    "100": {"S": ((3, 4), (3, 9)), "V": ((0, 0), (0, 1))},
    "2<00": {"S": ((0, 0), (0, 0)), "V": ((50, 51), (50, 50))},
}
CURVES = {
    "N": [
        {"stated": 0.05, "observed": 0.1, "beats": 3},
        {"stated": 0.97, "observed": 0.99, "beats": 9},
    ],
    "S": [{"stated": 0.5, "observed": 0.25, "beats": 4}],
}
DETECTED = np.array([[90, 5, 2], [4, 20, 3], [6, 1, 0]])
DRAWN = {
    "records": lambda: records(PARTS, TASK),
    "no records": lambda: records({}, TASK),
    "reliability": lambda: reliability(CURVES, TASK),
    "reliability of nothing": lambda: reliability({}, TASK),
    "detected": lambda: confusion(DETECTED, "NV", beyond=("no beat", "missed")),
}


def texts(svg):
    found = ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
    return ["".join(node.itertext()).strip() for node in found]


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
def test_a_figure_is_the_same_every_time_and_says_what_it_shows(draw):
    svg = draw()
    assert svg == draw()
    assert ET.fromstring(svg).get("aria-label")
    assert not re.search(r'(href|src)="(?!#)', svg)


def test_records_say_how_many_beats_a_share_is_of():
    shown = texts(DRAWN["records"]())
    assert {"3/4", "3/9", "0/1", "50/51", "50/50", "100", "2<00"} <= set(shown)
    assert shown.count("–") == 3


def test_missed_and_false_beats_have_their_own_column_and_row():
    shown = texts(DRAWN["detected"]())
    assert {"no beat", "missed", "90", "3", "6"} <= set(shown)
    assert "92.8 %" in shown  # of all N beats, the missed ones among them
    assert "0" not in shown  # the corner is empty
    assert len([text for text in shown if text.endswith("%")]) == 6
