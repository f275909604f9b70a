import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecg_nas.figures.cell import cell, layers
from ecg_nas.figures.confusion import confusion, folds
from ecg_nas.figures.method_comparison import Agreement, Course, agreements, courses
from ecg_nas.figures.search_curve import progress

FELL = np.array([np.inf, 3.0, 0.5, 0.0])
COURSES = {
    "ours": Course(FELL, FELL / 2, FELL * 2, np.array([0, 0, 0.5, 1.0])),
    "random": Course(FELL + 1, FELL, FELL + 2, np.zeros(4)),
}
AGREEMENTS = {
    "dcl": Agreement([10, 20], [0.5, 0.7], [0.1, None]),
    "mlp": Agreement([10, 20], [None, 0.6], [None, 0.1]),
}
MATRIX = np.array([[440, 20, 5], [50, 120, 13], [0, 0, 0]])
DRAWN = {
    "progress": lambda: progress(
        [0.5, None, 0.7, 0.65], ["initial", "initial", "predictor", "evolution"], metric="macro F1"
    ),
    "progress of nothing": lambda: progress([], [], metric="macro F1"),
    "progress of failures": lambda: progress([None], ["predictor"], metric="macro F1"),
    "confusion": lambda: confusion(MATRIX, "NSV"),
    "folds": lambda: folds([0.7, None, 0.4], 0.6, metric="macro F1"),
    "folds undefined": lambda: folds([None], None, metric="macro F1"),
    "cell": lambda: cell(["conv7", "max"], [(0, 1), (0, 2), (1, 3), (2, 3), (0, 3)]),
    "courses": lambda: courses(COURSES, title="accuracy"),
    "courses of many": lambda: courses({str(i): COURSES["ours"] for i in range(20)}, title="t"),
    "agreements": lambda: agreements(AGREEMENTS, title="accuracy"),
    "cell of nothing": lambda: cell([], [(0, 1)]),
}


def texts(svg):
    nodes = ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
    return ["".join(node.itertext()).strip() for node in nodes]


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
def test_a_figure_is_the_same_every_time_and_says_what_it_shows(draw):
    svg = draw()
    assert svg == draw()
    root = ET.fromstring(svg)
    assert root.get("aria-label")
    assert "<metadata" not in svg
    assert not re.search(r'(href|src)="(?!#)', svg)


def test_figures_can_share_a_page():
    ids = [
        set(re.findall(r'\bid="([^"]+)"', DRAWN[name]())) for name in ("progress", "folds", "cell")
    ]
    assert not ids[0] & ids[1]
    assert not (ids[0] | ids[1]) & ids[2]
    for name in ("progress", "confusion"):
        svg = DRAWN[name]()
        used = re.findall(r'(?:href="#|url\(#)([^")]+)', svg)
        assert used
        assert set(used) <= set(re.findall(r'\bid="([^"]+)"', svg))


def test_progress_names_the_best_and_the_origins_and_marks_failures():
    shown = texts(DRAWN["progress"]())
    assert {"0.700", "best so far", "first design", "chosen by the predictor", "failed"} <= set(
        shown
    )
    assert "exploration" not in shown


def test_confusion_shows_every_count_and_share():
    shown = texts(DRAWN["confusion"]())
    assert {"440", "94.6 %", "120", "27.3 %"} <= set(shown)
    assert sum(text.endswith("%") for text in shown) == 6  # none for the class without beats


def test_courses_name_the_methods_and_have_a_zero():
    shown = texts(DRAWN["courses"]())
    assert {"ours", "random", "accuracy", "0", "0.01", "1", "trainings (look-ups)"} <= set(shown)


def test_agreements_mark_the_numbers_of_labels():
    assert {"dcl", "mlp", "10", "20", "labels"} <= set(texts(DRAWN["agreements"]()))


def test_folds_say_what_is_undefined():
    assert {"0.700", "undefined", "pooled 0.600"} <= set(texts(DRAWN["folds"]()))


@st.composite
def dags(draw):
    n = draw(st.integers(2, 8))
    pairs = [(a, b) for b in range(n) for a in range(b)]
    return n, sorted(draw(st.sets(st.sampled_from(pairs), min_size=1)))


@given(dags())
def test_edges_go_from_layer_to_later_layer(dag):
    n, edges = dag
    depth = layers(n, edges)
    assert all(depth[a] < depth[b] for a, b in edges)
    assert depth[-1] == max(depth)


@given(dags())
@settings(max_examples=8, deadline=None)
def test_any_cell_can_be_drawn(dag):
    n, edges = dag
    shown = texts(cell([f"op{i}" for i in range(n - 2)], edges))
    assert shown.count("input") == shown.count("output") == 1
    assert {f"op{i}" for i in range(n - 2)} <= set(shown)
