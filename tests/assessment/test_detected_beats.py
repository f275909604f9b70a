"""Beats that were detected, against the annotated ones."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from bundles import SIGNAL
from data_requests import asked
from hypothesis import given
from hypothesis import strategies as st

from data_prep.beats.beat_spec import BeatSpec
from data_prep.io.record import Annotations, write_annotations
from data_prep.store.dataset import open_store
from data_prep.store.prepare import prepare
from ecg_nas.assessment.beat_matching import of_annotated_beats, of_detected_beats
from ecg_nas.assessment.detected_beats import in_fibrillation, pair, with_detected_beats
from ecg_nas.assessment.evaluate import evaluate
from ecg_nas.bundle.manifest import load

FS = 360.0
N, S, V, F, Q, NONE = range(6)


def paired(reference, found):
    return pair(
        np.array(reference, dtype=np.int64),
        np.array(found, dtype=np.int64),
        fs_hz=FS,
        n_samples=100_000,
    ).tolist()


def test_a_pair_lies_within_150_ms_and_every_beat_is_in_one_at_most():
    assert paired([1000, 2000], [1000, 2000]) == [0, 1]
    assert paired([1000, 2000], [1054, 2055]) == [0, -1]
    assert paired([1000], [990, 1004]) in ([-1, 0], [0, -1])
    assert paired([1000, 1040], [1030]) == [1]
    assert paired([], [500]) == [-1]
    assert paired([500], []) == []


def test_the_first_beat_is_paired_as_any_other():
    # bxb may pair the first test beat from afar, or pass it over without counting it.
    assert paired([100, 400], [395, 700]) == [1, -1]
    assert paired([100], [20, 102]) == [-1, 0]
    assert paired([0, 300], [0, 300]) == [0, 1]


beats = st.lists(st.integers(150, 400), min_size=1, max_size=40).map(np.cumsum)


@given(beats, st.data())
def test_moved_and_missing_beats_find_their_own(reference, data):
    n = len(reference)
    shift = data.draw(st.lists(st.integers(-20, 20), min_size=n, max_size=n))
    kept = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    found = (reference + shift)[kept]
    assert paired(reference, found) == np.flatnonzero(kept).tolist()


def test_what_lies_in_fibrillation_is_known():
    notes = Annotations(
        samples=np.array([10, 20, 30, 40, 50]),
        symbols=np.array(["N", "[", "!", "]", "["]),
        subtypes=np.zeros(5, dtype=np.int64),
        aux=("",) * 5,
        fs_hz=FS,
    )
    inside = in_fibrillation(notes, np.array([5, 20, 35, 40, 45, 60]))
    assert inside.tolist() == [False, True, True, True, False, True]


@pytest.fixture
def side(store):
    return open_store(store, "test")


def detection(side, kept, extra=()):
    """A store as a detector would make it: some annotated beats, and some that are none."""
    own = np.flatnonzero(kept)
    sample = np.concatenate([side.beats["sample"][own], np.array(extra, dtype=np.int64)])
    record = np.concatenate([side.beats["record"][own], np.zeros(len(extra), dtype=np.int64)])
    order = np.lexsort((sample, record))
    found = {
        "position": sample[order],  # these recordings are at the store's rate
        "sample": sample[order],
        "record": record[order],
        "symbol": np.full(len(order), "?"),
        "y": np.zeros(len(order), dtype=np.int64),
    }
    return replace(side, beats=found)


def called(data, kind):
    probabilities = np.zeros((len(data), 5), dtype=np.float32)
    probabilities[:, kind] = 1
    return probabilities


def test_missed_beats_are_negatives_of_their_class_and_false_ones_positives_of_theirs(side):
    y = side.beats["y"]
    first_v = int(np.flatnonzero(y == V)[0])
    kept = np.arange(len(y)) != first_v
    first = side.beats["sample"][side.beats["record"] == 0]
    between = int(first[3] + first[4]) // 2
    data = detection(side, kept, extra=[between]).cut(BeatSpec(signal=SIGNAL))
    outcomes = of_detected_beats(side, data, called(data, N))
    matrix = outcomes.confusion(outcomes.record, len(side.records)).sum(0)
    assert matrix[:5].sum(1).tolist() == np.bincount(y, minlength=5).tolist()
    assert matrix[V].tolist() == [(y == V).sum() - 1, 0, 0, 0, 0, 1]
    assert matrix[NONE].tolist() == [1, 0, 0, 0, 0, 0]
    assert np.isnan(outcomes.probabilities[~outcomes.judged]).all()
    lost = outcomes.sample[outcomes.called == NONE]
    assert lost.tolist() == [side.beats["sample"][first_v]]


def test_detections_in_fibrillation_count_neither_way(side, recordings, tmp_path):
    first = side.beats["sample"][side.beats["record"] == 0]
    between = int(first[3] + first[4]) // 2
    everywhere = np.ones(len(side.beats["y"]), dtype=bool)
    data = detection(side, everywhere, extra=[between]).cut(BeatSpec(signal=SIGNAL))
    assert len(of_detected_beats(side, data, called(data, V)).truth) == len(data)

    folder = shutil.copytree(recordings, tmp_path / "fibrillating")
    notes = side.annotations(side.records[0].name)
    at = np.searchsorted(notes.samples, between)
    write_annotations(
        folder / side.records[0].name,
        "atr",
        samples=np.insert(notes.samples, at, [between - 1, between + 1]),
        symbols=np.insert(notes.symbols, at, ["[", "]"]),
        fs_hz=notes.fs_hz,
    )
    prepare(asked("wfdb", folder), tmp_path / "marked")
    marked = open_store(tmp_path / "marked", "test")
    assert marked.beats["sample"].tolist() == side.beats["sample"].tolist()
    assert len(of_detected_beats(marked, data, called(data, V)).truth) == len(data) - 1


@pytest.mark.parametrize("is_detected", [False, True])
def test_a_beat_without_a_class_is_in_the_corner(side, is_detected):
    y = side.beats["y"].copy()
    y[5] = -1
    side = replace(side, beats={**side.beats, "y": y})
    if is_detected:
        data = detection(side, np.ones(len(y), dtype=bool)).cut(BeatSpec(signal=SIGNAL))
        outcomes = of_detected_beats(side, data, called(data, S))
    else:
        data = side.cut(BeatSpec(signal=SIGNAL))
        outcomes = of_annotated_beats(side, data, called(data, S))
    matrix = outcomes.confusion(outcomes.record, len(side.records)).sum(0)
    assert matrix[NONE, NONE] == 1
    assert matrix.sum() == len(y)
    assert matrix[:5, S].sum() == len(y) - 1


def test_detected_beats_are_cut_where_the_signal_has_its_peaks(side):
    found = with_detected_beats(side)
    assert set(found.beats) == set(side.beats)
    data = found.cut(BeatSpec(signal=SIGNAL))
    assert len(data) >= 0.95 * len(side.beats["y"])
    middle = data.spec.before
    peak = np.abs(data.windows[:, 0]).argmax(1)
    assert np.median(np.abs(peak - middle)) <= 1
    assert (data.sample < [side.records[0].n_samples]).all()


def test_evaluation_of_detected_beats_counts_every_annotated_one(bundle_folder, store):
    bundle = load(bundle_folder)
    annotated = evaluate(bundle, store)
    detected = evaluate(bundle, store, beats="detected")
    assert set(detected) == set(annotated)
    beats = sum(part["beats"] for part in annotated["records"].values())
    missed, false = (sum(detected[name].values()) for name in ("missed", "false_beats"))
    found = np.sum(detected["confusion"])
    assert found + missed == beats
    assert sum(part["beats"] for part in detected["records"].values()) == beats
    cells = detected["ec57"]["records"]
    assert missed == sum(record[f"{kind}o"] for record in cells.values() for kind in "NSVFQ")
    assert detected["accuracy"] == pytest.approx(
        np.trace(detected["confusion"]) / (found + missed + false)
    )
    assert detected["protocol"]["beats"] == "detected"
    assert "data_prep.dsp.r_peaks" in detected["protocol"]["counting"]
    assert annotated["missed"] == dict.fromkeys("NSVFQ", 0)
