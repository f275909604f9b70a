import re
import xml.etree.ElementTree as ET
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep import tasks
from ecg_nas.figures.strip import MM_PER_MV, MM_PER_S, Beats, Mark, clock
from ecg_nas.figures.strip import strip as strip_of

SVG = "{http://www.w3.org/2000/svg}"
FS = 100.0
strip = partial(strip_of, task=tasks.load("aami"))


def recording(seconds, leads=1):
    """A pulse of 1 mV every second, 0.1 s wide."""
    time = np.arange(round(seconds * FS)) / FS
    pulse = ((time % 1) < 0.1).astype(np.float32)
    return np.stack([pulse] * leads, axis=1)


def beats(name="atr", times=(0.5, 1.5, 2.5), classes="NVS", letters="LVA"):
    return Beats(name=name, times_s=np.array(times), classes=list(classes), letters=list(letters))


def nodes(svg, tag):
    return list(ET.fromstring(svg).iter(SVG + tag))


def words(svg):
    return ["".join(node.itertext()) for node in nodes(svg, "text")]


def trace(svg):
    """Return the points of the first trace."""
    path = next(n.get("d") for n in nodes(svg, "path") if n.get("stroke-width") == "0.25" and "L"
                in n.get("d"))  # fmt: skip
    return np.array([[float(v) for v in pair.split()] for pair in re.split("[ML]", path)[1:]])


def test_a_unit_is_a_millimetre_and_the_signal_is_to_scale():
    svg = strip(recording(4), FS, ["II"])
    root = ET.fromstring(svg)
    width, height = root.get("width"), root.get("height")
    assert root.get("viewBox") == f"0 0 {width.removesuffix('mm')} {height.removesuffix('mm')}"
    points = trace(svg)
    assert np.ptp(points[:, 1]) == pytest.approx(1.0 * MM_PER_MV)
    assert np.ptp(points[:, 0]) == pytest.approx((4 - 1 / FS) * MM_PER_S, abs=0.02)
    assert any(node.get("d").endswith("v-10h5v10h2.5") for node in nodes(svg, "path"))  # 1 mV
    ticks = [float(node.get("x")) for node in nodes(svg, "text") if node.text in ("0:01", "0:02")]
    assert np.diff(ticks) == pytest.approx([MM_PER_S])
    # The grid: lines of 1 mm and of 5 mm over the whole width.
    fine, coarse = (re.findall(r"M([\d.]+) ", n.get("d")) for n in nodes(svg, "path")[:2])
    assert float(fine[1]) - float(fine[0]) == 1
    assert float(coarse[1]) - float(coarse[0]) == 5


def test_a_long_piece_wraps_into_lines_of_ten_seconds():
    svg = strip(recording(25, leads=2), FS, ["II", "V1"], start_s=60.0)
    assert words(svg).count("II") == words(svg).count("V1") == 3
    assert ET.fromstring(svg).get("width") == "270mm"  # A4 landscape
    assert {"1:00", "1:10", "1:24", "1:25"} <= set(words(svg))


def test_beats_have_colour_shape_and_letter_and_each_annotator_a_row():
    svg = strip(recording(3), FS, ["II"], annotators=[beats(), beats("qrs", letters="NVN")])
    shown = words(svg)
    assert [shown.count(letter) for letter in "LA"] == [1, 1]
    assert {"atr", "qrs", "ventricular", "supraventricular"} <= set(shown)
    assert "fusion" not in shown
    assert len(nodes(svg, "circle")) == 2 + 1  # two S, one more in the legend
    coloured = [node for node in nodes(svg, "path") if node.get("stroke-width") == "0.5"]
    assert len(coloured) == 2  # the trace of V and S, by the first annotator only


def test_only_what_lies_in_the_piece_is_shown():
    outside = Mark(time_s=9.0, text="V→N")
    svg = strip(recording(2), FS, ["II"], start_s=2.0, annotators=[beats()], marks=[outside])
    assert "V→N" not in words(svg)
    assert words(svg).count("A") == 1
    assert "L" not in words(svg)


def test_marks_close_to_each_other_stand_on_two_levels():
    marks = [Mark(time_s=1.0, text="V→N"), Mark(time_s=1.3, text="S→N")]
    apart, close = (
        strip(recording(4), FS, ["II"], marks=these) for these in (marks[:1], marks)
    )  # fmt: skip
    assert {"V→N", "S→N"} <= set(words(close))
    heights = [float(ET.fromstring(svg).get("height")[:-2]) for svg in (apart, close)]
    assert heights[1] == heights[0] + 4


def test_a_gap_breaks_the_trace_and_a_signal_of_nothing_draws_none():
    signal = recording(2)
    signal[50:80] = np.nan
    svg = strip(signal, FS, ["II"])
    assert "nan" not in svg
    assert len(trace(svg)) == len(signal) - 30
    nothing = strip(np.full((200, 1), np.nan, dtype=np.float32), FS, ["II"])
    assert "nan" not in nothing


def test_a_huge_signal_stays_on_its_paper():
    svg = strip(recording(2) * 1000, FS, ["II"])
    assert float(ET.fromstring(svg).get("height")[:-2]) < 120
    assert nodes(svg, "clipPath")


def test_texts_are_escaped_and_the_drawing_is_the_same_every_time():
    draw = lambda name: strip(  # noqa: E731
        recording(2), FS, ["<I&I>"], annotators=[beats('a"b')], title="<b>", name=name
    )
    assert draw("x") == draw("x")
    assert "<I&I>" in words(draw("x"))
    ids = [set(re.findall(r'\bid="([^"]+)"', draw(name))) for name in "xy"]
    assert ids[0]
    assert not ids[0] & ids[1]
    assert set(re.findall(r"url\(#([^)]+)\)", draw("x"))) == ids[0]
    assert not re.search(r"\b(href|src)=", draw("x"))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (59.96, "1:00"), (75.5, "1:15.5"), (3599, "59:59"), (3601, "1:00:01")],
)
def test_clock(seconds, text):
    assert clock(seconds) == text


@settings(max_examples=30, deadline=None)
@given(
    st.floats(0.02, 30), st.floats(0, 1e5), st.integers(1, 4), st.sampled_from([50.0, 125.0, 360.0])
)
def test_any_piece_can_be_drawn(seconds, start_s, leads, fs_hz):
    rng = np.random.default_rng(0)
    signal = rng.normal(0, 1, (max(round(seconds * fs_hz), 1), leads)).astype(np.float32)
    root = ET.fromstring(strip(signal, fs_hz, [f"L{k}" for k in range(leads)], start_s=start_s))
    assert root.get("aria-label")
