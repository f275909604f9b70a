"""ecg-nas show."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest
from bundles import ectopic_signal
from click.testing import CliRunner

from data_prep.io.record import write_annotations, write_record
from ecg_nas.cli import main


def show(*words):
    return CliRunner().invoke(main, ["show", *(str(word) for word in words)])


def refused(*words):
    result = show(*words)
    assert result.exit_code in (1, 2), result.output
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    return line


def shown(file):
    nodes = ET.parse(file).iter("{http://www.w3.org/2000/svg}text")
    return ["".join(node.itertext()) for node in nodes]


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    """A recording of 40 s with two annotators; the second one missed, called and made up beats."""
    path = tmp_path_factory.mktemp("show") / "p1"
    signal, beats, symbols = ectopic_signal(np.random.default_rng(2))
    symbols[[2, 4, 6]] = ["N", "V", "N"]
    write_record(path, signal=signal, fs_hz=125.0, leads=("MLII", "V1"))
    write_annotations(path, "atr", samples=beats, symbols=symbols, fs_hz=125.0)
    called = symbols.copy()
    called[4] = "A"
    found = np.delete(np.arange(len(beats)), 6)
    samples = np.insert(beats[found], 3, (beats[2] + beats[3]) // 2)
    write_annotations(
        path, "qrs", samples=samples, symbols=np.insert(called[found], 3, "V"), fs_hz=125.0
    )
    return path


def test_ten_seconds_from_the_start_by_default(record, tmp_path):
    out = tmp_path / "a.svg"
    result = show(record, "--out", out)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"{out}\n"
    words = shown(out)
    assert {"MLII", "V1", "atr", "0:00", "0:10", "Record p1, 0:00 to 0:10"} <= set(words)
    assert "0:11" not in words
    assert not any("→" in word for word in words)


def test_disagreements_are_marked_by_ec57_pairing(record, tmp_path):
    out = tmp_path / "a.svg"
    words = ("--annotations", "atr", "--annotations", "qrs", "--out", out)
    assert show(f"{record}.hea", *words).exit_code == 0
    marks = [word for word in shown(out) if "→" in word]
    assert sorted(marks) == sorted(["–→V", "V→S", "N→–"])
    assert {"atr", "qrs"} <= set(shown(out))


@pytest.mark.parametrize(
    ("begin", "end", "title"),
    [
        ("0:05", "0:25.5", "Record p1, 0:05 to 0:25.5"),
        ("12.5", "0:00:30", "Record p1, 0:12.5 to 0:30"),
        ("35", "2:00", "Record p1, 0:35 to 0:40"),  # up to its end
    ],
)
def test_times_are_seconds_or_clock_times(record, tmp_path, begin, end, title):
    out = tmp_path / "a.svg"
    assert show(record, "--from", begin, "--to", end, "--out", out).exit_code == 0
    assert title in shown(out)


def test_leads_can_be_chosen_and_a_record_without_annotations_be_shown(record, tmp_path):
    out = tmp_path / "a.svg"
    assert show(record, "--leads", "V1", "--out", out).exit_code == 0
    assert "V1" in shown(out)
    assert "MLII" not in shown(out)
    bare = tmp_path / "bare"
    write_record(bare, signal=np.zeros((250, 1)), fs_hz=125.0, leads=("I",))
    assert show(bare, "--out", out).exit_code == 0
    assert "atr" not in shown(out)


def test_bad_input_is_refused_in_one_line(record, tmp_path):
    out = tmp_path / "a.svg"
    to = ("--out", out)
    assert "nowhere" in refused(tmp_path / "nowhere", *to)
    for time in ("soon", "1:75", "1:60:00", "-3", "1:2:3:4", "nan", ""):
        assert "seconds or mm:ss" in refused(record, f"--from={time}", *to)
    assert "within record" in refused(record, "--from", "0:40", *to)
    assert "end after its beginning" in refused(record, "--from", "20", "--to", "0:20", *to)
    assert "p1.xyz" in refused(record, "--annotations", "xyz", *to)
    assert "each annotator once" in refused(
        record, "--annotations", "atr", "--annotations", "atr", *to
    )
    assert "aVF" in refused(record, "--leads", "aVF", *to)
    assert "commas" in refused(record, "--leads", "V1,", *to)
    assert "--out" in refused(record, "--out", tmp_path / "no" / "a.svg")
    assert "--out" in refused(record)
    assert list(tmp_path.iterdir()) == []


def test_a_piece_that_is_too_long_is_refused(tmp_path):
    path = tmp_path / "long"
    write_record(path, signal=np.zeros((50 * 700, 1)), fs_hz=50.0, leads=("I",))
    out = tmp_path / "a.svg"
    assert "up to 10:00 long" in refused(path, "--to", "11:00", "--out", out)
