import json
import re
from html.parser import HTMLParser

import pytest

from ecg_nas.algorithm import Proposal
from ecg_nas.errors import RunError
from ecg_nas.evaluation.base import Candidate, Evaluation
from ecg_nas.report import page
from ecg_nas.store import RunStore
from search_spaces import Architecture

FIGURES = {"se": 0.9, "ppv": 0.8, "f1": 0.847}
METRICS = {
    "confusion": [[90, 5, 5, 0, 0], [3, 7, 0, 0, 0], [1, 0, 9, 0, 0], [0] * 5, [0] * 5],
    "per_class": {
        **dict.fromkeys("SVN", FIGURES),
        "Q": {"se": None, "ppv": None, "f1": None},
        "F": {"se": None, "ppv": 0.0, "f1": 0.0},
    },
    "folds": [{"score": 0.7}, {"score": 0.61}],
    "params": 12345,
    "macs": 67890,
}
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
OUTCOMES = [("initial", 0.5), ("initial", None), ("predictor", 0.71), ("predictor", 0.6)]


def architecture(index):
    return Architecture(
        space="ecg1d",
        ops=("conv7", f"pool{index}"),
        edges=((0, 1), (1, 2), (2, 3)),
        macro=(("stem_kernel", 7),),
        representation=(("rr", "patient"),),
    )


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "my <b>run"
    folder.mkdir()
    config = {
        "settings": {"method": "dcl-enas", "space": "ecg1d", "seed": 7, "folds": {"n_folds": 2}},
        "data": {"source": "synthetic", "split": "standard", "fingerprint": "f00d"},
        "versions": {"torch": "2"},
        "begun": "2031-01-02T03:04:05+00:00",
    }
    (folder / "config.json").write_text(json.dumps(config))
    with RunStore(folder / "run.sqlite") as store:
        proposals = [
            Proposal(architecture=architecture(slot), origin=origin)
            for slot, (origin, _) in enumerate(OUTCOMES)
        ]
        store.propose(0, proposals)
        for slot, (_, score) in enumerate(OUTCOMES):
            store.add(
                Candidate(slot=slot, architecture=architecture(slot), seed=slot),
                Evaluation(
                    slot=slot,
                    score=score,
                    metrics={} if score is None else METRICS,
                    seconds=60.0,
                    failure="loss <is> not finite" if score is None else None,
                ),
            )
    return folder


class Reader(HTMLParser):
    """Collects the words, and every place from which a browser would load something."""

    def __init__(self, text):
        super().__init__()
        self.words, self.loads, self.open = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "link", "br", "use", "path", "input", "img"):
            self.open.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "xlink:href", "data") and not value.startswith("#"):
                self.loads.append(value)
        if tag in ("script", "link", "iframe"):
            self.loads.append(tag)

    def handle_endtag(self, tag):
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_data(self, data):
        self.words += data.split()


def test_the_page_says_what_was_found(run):
    text = page.render(run)
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
    text = page.render(run)
    rows = re.findall(r'<th scope="row">([NSVFQ])</th>', text)
    assert rows == list("NSVFQ")
    drawn = re.search(r'id="confusion-.*?</svg>', text, re.DOTALL).group()
    ticks = re.findall(r">([NSVFQ])</text>", drawn)
    assert ticks == list("NSVFQ") * 2


def test_the_page_needs_nothing_else(run):
    text = page.render(run)
    read = Reader(text)
    assert read.loads == []
    assert read.open == []  # every element is closed
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)
    assert text.count("<svg") == 4


def test_what_comes_from_outside_is_escaped(run):
    text = page.render(run)
    assert "<b>run" not in text
    assert "my &lt;b&gt;run" in text


def test_the_final_training_is_told_when_it_is_the_winners(run):
    (run / "final.json").write_text(json.dumps(FINAL))
    words = " ".join(Reader(page.render(run)).words)
    assert "anew on all 2 training patients for 12 epochs" in words
    assert "fell from 1.500 to 0.250" in words
    (run / "final.json").write_text(json.dumps(FINAL | {"slot": 0}))
    assert "anew on all" not in " ".join(Reader(page.render(run)).words)


def test_a_run_that_has_just_begun_has_a_page(run):
    (run / "run.sqlite").unlink()
    RunStore(run / "run.sqlite").close()
    assert "No candidate has been evaluated yet" in page.render(run)


def test_same_run_same_page_written_whole(run, tmp_path):
    page.write(run, tmp_path / "a.html")
    page.write(run, tmp_path / "b.html")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    with pytest.raises(RunError, match="folder that exists"):
        page.write(run, tmp_path / "nowhere" / "c.html")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "b.html", run.name]


def test_what_is_no_run_is_refused(tmp_path, run):
    with pytest.raises(RunError, match=r"folder with a config\.json"):
        page.write(tmp_path, tmp_path / "r.html")
    (run / "config.json").write_text("{")
    with pytest.raises(RunError, match="readable JSON"):
        page.write(run, tmp_path / "r.html")
    (run / "config.json").write_text("{}")
    with pytest.raises(RunError, match="lacks"):
        page.write(run, tmp_path / "r.html")
    assert not (tmp_path / "r.html").exists()
