import json
import re

import pytest
from pages import Reader

from ecg_nas.errors import RunError
from ecg_nas.methods.engine.run_store import RunStore
from ecg_nas.report import run_page

FINAL = {
    "slot": 2,
    "patients": ["p1", "p2"],
    "training": {"epochs": 12},
    "beats": {"N": 90, "S": 10, "V": 10, "F": 0, "Q": 0},
    "seconds": 75.0,
    "device": "cpu",
    "losses": [1.5, 0.25],
    "spec": {"signal": {}},
}


def test_the_page_says_what_was_found(run):
    text = run_page.render(run)
    words = " ".join(Reader(text).words)
    for phrase in (
        "dcl-enas in the space ecg1d, seed 7",
        "training patients of synthetic",
        "begun 2031-01-02 03:04 UTC",
        "0.710",
        "12,345",
        "67,890",
        "4 candidates trained, 2 chosen by the predictor",
        "evaluation 3 (predictor)",
        "failed: loss <is> not finite",
        "stem kernel 7",
        "Research use only, not a medical device",
        "folds.n_folds 2",
        "the score flatters it",
    ):
        assert phrase in words, phrase
    assert "pool2" in words  # the winner's cell is drawn
    assert "anew on all" not in words


def test_classes_keep_the_order_of_the_confusion_matrix(run):
    text = run_page.render(run)
    rows = re.findall(r'<th scope="row">([NSVFQ])</th>', text)
    assert rows == list("NSVFQ")
    drawn = re.search(r'id="confusion-.*?</svg>', text, re.DOTALL).group()
    ticks = re.findall(r">([NSVFQ])</text>", drawn)
    assert ticks == list("NSVFQ") * 2


def test_the_page_needs_nothing_else(run):
    text = run_page.render(run)
    read = Reader(text)
    assert read.loads == []
    assert read.open == []  # every element is closed
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)
    assert text.count("<svg") == 4


def test_what_comes_from_outside_is_escaped(run):
    text = run_page.render(run)
    assert "<b>run" not in text
    assert "my &lt;b&gt;run" in text


def test_the_final_training_is_told_when_it_is_the_winners(run):
    (run / "final.json").write_text(json.dumps(FINAL))
    words = " ".join(Reader(run_page.render(run)).words)
    assert "anew on all 2 training patients for 12 epochs" in words
    assert "fell from 1.500 to 0.250" in words
    (run / "final.json").write_text(json.dumps(FINAL | {"slot": 0}))
    assert "anew on all" not in " ".join(Reader(run_page.render(run)).words)


def test_a_run_that_has_just_begun_has_a_page(run):
    (run / "run.sqlite").unlink()
    RunStore(run / "run.sqlite").close()
    assert "No candidate has been evaluated yet" in run_page.render(run)


def test_same_run_same_page_written_whole(run, tmp_path):
    run_page.write(run, tmp_path / "a.html")
    run_page.write(run, tmp_path / "b.html")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    with pytest.raises(RunError, match="folder that exists"):
        run_page.write(run, tmp_path / "nowhere" / "c.html")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "b.html", run.name]


def test_what_is_no_run_is_refused(tmp_path, run):
    with pytest.raises(RunError, match=r"folder with a config\.json"):
        run_page.write(tmp_path, tmp_path / "r.html")
    (run / "config.json").write_text("{")
    with pytest.raises(RunError, match="readable JSON"):
        run_page.write(run, tmp_path / "r.html")
    (run / "config.json").write_text("{}")
    with pytest.raises(RunError, match="lacks"):
        run_page.write(run, tmp_path / "r.html")
    assert not (tmp_path / "r.html").exists()
