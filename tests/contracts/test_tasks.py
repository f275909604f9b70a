"""What every task must be; a new file in ``data_prep/tasks`` is tested without being named here."""

import json
import pickle
import re
from dataclasses import replace

import numpy as np
import pytest

from data_prep import tasks
from data_prep.beats.beat_spec import BeatSpec
from data_prep.beats.labels import label
from data_prep.dsp.signal_spec import SignalSpec
from data_prep.errors import DataError
from data_prep.io.annotations import BEAT_SYMBOLS
from data_prep.sources.mitdb import SOURCE
from ecg_nas.figures.class_styles import OTHER, badge
from ecg_nas.metrics.classification import headline, macro_f1, named_score, score_of

AAMI = tasks.load("aami")


@pytest.fixture(params=tasks.available())
def task(request):
    return tasks.load(request.param)


def test_the_folder_is_the_registry(task):
    assert {"aami", "aami3", "ectopy"} <= set(tasks.available())
    assert "base" not in tasks.available()
    with pytest.raises(DataError, match=r"must be one of aami, aami3, .*got 'nought'"):
        tasks.load("nought")
    assert task.name in tasks.available()
    assert task.description


def test_it_travels_as_json_and_as_pickle(task):
    read = tasks.Task.from_json(json.loads(json.dumps(task.to_json())))
    assert read == task == pickle.loads(pickle.dumps(task))
    assert hash(read) == hash(task)


def test_it_travels_in_the_signals_specification(task):
    spec = BeatSpec(signal=SOURCE.signal.for_task(task))
    written = spec.to_json()["signal"]
    assert BeatSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec
    assert written["classes"] == list(task.classes)
    assert written["mapping"] == task.mappings[0].name
    # The task of files that name none, so that stores, runs and bundles of before are read.
    assert ("task" in written) == (task != AAMI)
    other = ["B", "C"]
    with pytest.raises(DataError, match="classes must be those of the task"):
        SignalSpec.from_json({**written, "classes": other})


def test_every_symbol_of_a_beat_has_a_class_or_a_reason(task):
    left_out = dict(task.left_out)
    for one in task.mappings:
        of = task.mapping(one.name)
        assert set(of) | set(left_out) == BEAT_SYMBOLS
        labels = label(sorted(BEAT_SYMBOLS), of, task.classes)
        assert set(labels.unmapped) == set(left_out)
        assert set(labels.y.tolist()) - {-1} == set(range(len(task.classes)))
    assert all(left_out.values())
    with pytest.raises(DataError, match="must be aami, bxb; got 'nought'"):
        AAMI.mapping("nought")


def test_a_class_is_written_as_a_beat_that_its_own_mapping_reads_back(task):
    for one in task.mappings:
        of = task.mapping(one.name)
        assert {of[kind.symbol] for kind in task.kinds} == set(task.classes)
        assert all(of[kind.symbol] == kind.letter for kind in task.kinds)


def test_classes_are_told_apart_without_their_colour(task):
    assert len({(kind.colour, kind.shape) for kind in task.kinds}) == len(task.kinds)
    for kind in task.kinds:
        assert kind.colour in badge(1, 1, kind.letter, kind.letter, task)
    assert OTHER in badge(1, 1, "?", "?", task)
    common = task.kind(task.common)
    assert common is not None
    assert common.is_scored


def test_the_score_is_over_the_scored_classes(task):
    n = len(task.classes)
    y = np.repeat(np.arange(n), 4)
    figures = headline(y, y, task)
    assert tuple(figures) == task.figures
    assert set(figures.values()) == {1.0}
    counts = np.diag(np.full(n, 4))
    counts[task.index(task.scored[-1])] = 0  # neither there nor predicted
    assert macro_f1(counts, task) is None
    promised = named_score(0.5, task)
    assert promised["headline"] == {"name": task.headline, "value": 0.5}
    assert promised["macro_f1_nsv"] == (0.5 if task.headline == "macro_f1_nsv" else None)
    assert score_of(promised) == score_of({"macro_f1_nsv": 0.5}) == 0.5


def test_what_the_three_are():
    aami3, ectopy = tasks.load("aami3"), tasks.load("ectopy")
    assert AAMI.classes == ("N", "S", "V", "F", "Q")
    assert (AAMI.scored, AAMI.claimed) == (("N", "S", "V"), ("N", "S", "V"))
    assert aami3.classes == aami3.scored == ("N", "S", "V")
    assert set(dict(aami3.left_out)) == set("F/fQ?")
    assert {s: c for s, c in AAMI.mapping("aami").items() if c in "NSV"} == aami3.mapping("aami")
    assert ectopy.classes == ("N", "E")
    assert ectopy.headline == "macro_f1_ne"
    assert {ectopy.mapping("aami")[symbol] for symbol in "AaJSnVrEF"} == {"E"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kinds": AAMI.kinds[:1]}, "two or more different classes"),
        ({"kinds": AAMI.kinds * 2}, "two or more different classes"),
        ({"kinds": AAMI.kinds[:3]}, "map symbols to each of its classes"),
        ({"kinds": tuple(replace(k, is_scored=False) for k in AAMI.kinds)}, "made of"),
        ({"common": "X"}, "classes of its own"),
        ({"runs_of": ("X",)}, "classes of its own"),
        ({"headline": "Macro F1"}, "small letters"),
        ({"ec57": ("f",)}, "v and s only"),
        ({"mappings": ()}, "a mapping of symbols"),
        ({"left_out": (("F", "no"),)}, "one class, or leave it out"),
    ],
)
def test_a_task_that_is_none_is_refused(change, message):
    with pytest.raises(DataError, match=message):
        replace(AAMI, **change)


@pytest.mark.parametrize(
    "change",
    [{"letter": "<"}, {"letter": "NN"}, {"colour": 'red" onload="x'}, {"shape": "star"},
     {"symbol": ""}, {"name": ""}],
)  # fmt: skip
def test_a_class_that_cannot_be_drawn_is_refused(change):
    with pytest.raises(DataError, match="a class must"):
        replace(AAMI.kinds[1], **change)


@pytest.mark.parametrize(
    "change",
    [lambda v: v.pop("kinds"), lambda v: v.update(more=1), lambda v: v.update(mappings=[]),
     lambda v: v.update(description=3), lambda v: v["left_out"].update(x=1),
     lambda v: v["kinds"][0].update(letter=1)],
)  # fmt: skip
def test_json_that_is_no_task_is_refused(change):
    values = json.loads(json.dumps(AAMI.to_json()))
    change(values)
    with pytest.raises(DataError, match=re.escape("a task must be what its to_json() writes")):
        tasks.Task.from_json(values)
