"""Runs of strangers: whatever their files say, a page has no markup of theirs, or is refused."""

import json
import re
import shutil
import sqlite3
import threading
from contextlib import closing
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from browser import browser, find
from bundles import SIGNAL, ectopic_recordings, tiny_bundle
from data_requests import asked

from data_prep import tasks
from data_prep.beats.beat_spec import BeatSpec
from data_prep.store.prepare import prepare
from ecg_nas.assessment.evaluate import assess
from ecg_nas.bundle.manifest import load
from ecg_nas.errors import RunError
from ecg_nas.evaluation.base import Candidate, Evaluation
from ecg_nas.figures.strip import Beats, Mark, strip
from ecg_nas.methods.base import Proposal
from ecg_nas.methods.engine.run_store import RunStore
from ecg_nas.report import evaluation_part, run_page
from ecg_nas.report._html import POLICY
from ecg_nas.report._stored_drawing import rebuilt
from search_spaces import Architecture

EVIL = (
    '"><script>window.was_run = 1</script><img src=x onerror="window.was_run = 1">'
    "<svg/onload=window.was_run=1>{{ 7 * 7 }}</style></text></svg>$\\frac{1}{2}$"
)
ALLOWED = {
    *("html", "head", "meta", "title", "style", "body", "main", "header", "section", "p", "h1"),
    *("h2", "h3", "b", "br", "code", "span", "small", "div", "figure", "figcaption", "table"),
    *("caption", "thead", "tbody", "tr", "th", "td", "svg", "g", "defs", "clippath", "path"),
    *("rect", "text", "use", "circle", "tspan"),
}


class Markup(HTMLParser):
    """Collects what in a page might act."""

    def __init__(self, text):
        super().__init__()
        self.policies, self.faults, self.ids = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag not in ALLOWED:
            self.faults.append(tag)
        for name, value in attrs:
            points = name in ("href", "xlink:href", "src", "data", "action", "formaction", "srcset")
            if name.startswith("on") or (points and not value.startswith("#")):
                self.faults.append((tag, name))
            if "url(" in (value or "") and not re.search(r"url\(#[\w.-]+\)", value):
                self.faults.append((tag, name, value))
            if name == "id":
                self.ids.append(value)
        found = dict(attrs)
        if found.get("http-equiv") == "Content-Security-Policy":
            self.policies.append(found["content"])

    def handle_decl(self, decl):
        if decl != "DOCTYPE html":
            self.faults.append(decl)


def refuse_markup(page):
    read = Markup(page)
    assert read.faults == []
    assert read.policies == [POLICY]
    assert page.index("Content-Security-Policy") < page.index("<style")
    assert len(read.ids) == len(set(read.ids))


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    """What a run keeps of an evaluation."""
    folder = tmp_path_factory.mktemp("evaluated")
    (folder / "recordings").mkdir()
    prepare(asked("wfdb", ectopic_recordings(folder / "recordings")), folder / "store")
    tiny_bundle(folder / "bundle", spec=BeatSpec(signal=SIGNAL))
    assessment = assess(load(folder / "bundle"), folder / "store", split="train", beats="detected")
    evaluation_part.add_to_run(assessment, folder)
    (file,) = (folder / evaluation_part.FOLDER).iterdir()
    return json.loads(file.read_text(encoding="utf-8"))


def keep(run, saved):
    folder = run / evaluation_part.FOLDER
    folder.mkdir(exist_ok=True)
    (folder / "x.json").write_text(json.dumps(saved), encoding="utf-8")


def poisoned(value, at=()):
    """Return ``value`` with every free text evil."""
    if isinstance(value, dict):
        return {name: poisoned(one, (*at, name)) for name, one in value.items()}
    if isinstance(value, list):
        return [poisoned(one, at) for one in value]
    kept = {"task", "strips", "classes", "truth", "called", "beats", "start_s"}
    return EVIL if isinstance(value, str) and not kept & set(at) else value


@pytest.fixture
def hostile(run, evaluated):
    """A run whose every text tries to be markup."""
    config = json.loads((run / "config.json").read_text())
    config = poisoned(config) | {"versions": {EVIL: EVIL}}
    config["settings"][EVIL] = {EVIL: [EVIL]}
    (run / "config.json").write_text(json.dumps(config))
    record = evaluated["result"]["records"]
    saved = poisoned(evaluated)
    saved["key"] = f"key{EVIL}"
    saved["result"]["records"] = {name + EVIL: one for name, one in record.items()}
    saved["result"]["without_record"] = {
        name + EVIL: one for name, one in evaluated["result"]["without_record"].items()
    }
    saved["result"]["warnings"] = [EVIL]
    keep(run, saved)
    (run / "run.sqlite").unlink()
    for slot, failure in enumerate((None, EVIL)):
        architecture = Architecture(
            space="none", ops=(EVIL,), edges=((0, 1), (1, 2)), macro=((EVIL, EVIL),)
        )
        with RunStore(run / "run.sqlite") as store:
            store.propose(slot, [Proposal(architecture=architecture, origin=EVIL)])
            store.add(
                Candidate(slot=slot, architecture=architecture, seed=1),
                Evaluation(
                    slot=slot,
                    score=None if failure else 0.5,
                    metrics={"params": 1, "macs": 1},
                    seconds=1.0,
                    failure=failure,
                ),
            )
    with closing(sqlite3.connect(run / "run.sqlite")) as db:  # as a format without digests had it
        db.execute("DROP TABLE digests")
        db.execute("DELETE FROM meta")
        db.execute("PRAGMA user_version = 1")
        db.commit()
    return run


def test_no_text_of_a_run_becomes_markup(hostile):
    page = run_page.render(hostile)
    refuse_markup(page)
    assert page.count("window.was_run") > 20  # it is there, to be read


def test_a_key_that_is_none_is_refused(hostile):
    with closing(sqlite3.connect(hostile / "run.sqlite")) as db:
        db.execute("UPDATE proposals SET key = ?", (EVIL,))
        db.commit()
    with pytest.raises(RunError, match="a key must be 16 hex digits"):
        run_page.render(hostile)


@pytest.fixture
def listening():
    """A server's address, and what it is asked for."""
    asked = []

    class Noting(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *words):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Noting) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/x", asked
        server.shutdown()


@pytest.mark.skipif(find() is None, reason="no Chromium: name one in ECG_NAS_TEST_CHROMIUM")
def test_in_a_browser_nothing_of_a_hostile_run_acts(hostile, listening, tmp_path):
    address, asked = listening
    outside = f"<img src='{address}'><iframe src='{address}'></iframe><link href='{address}'>"
    page = run_page.render(hostile).replace("</main>", f"</main>{EVIL}{outside}")
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    with browser(tmp_path / "profile") as tab:
        tab.open((tmp_path / "page.html").as_uri())
        assert tab.evaluate("window.was_run === undefined")
        # That even markup which slipped through would not act, the policy sees to.
        assert tab.evaluate("document.querySelectorAll('script').length") > 0
        assert asked == []


def drawn(name="strip"):
    rng = np.random.default_rng(0)
    times = np.arange(0.5, 5, 0.8)
    letters = list("NSVFQ–")
    return strip(
        rng.normal(0, 1, (1500, 2)).astype(np.float32),
        250.0,
        ("MLII & <x>", "V1"),
        task=tasks.load("aami"),
        annotators=[Beats(name='a "<b>', times_s=times, classes=letters, letters=letters)],
        marks=[Mark(time_s=1.0, text="V→N"), Mark(time_s=1.2, text="–→N")],
        line_s=3.0,
        title=EVIL,
        note="note",
        name=name,
    )


def shape(svg):
    return re.sub(r"\s+", " ", re.sub(r'id="[^"]*"|url\(#[^)]*\)| xmlns="[^"]*"', "", svg))


def test_a_strip_is_drawn_anew_as_it_was():
    found = rebuilt(drawn("old"), name="new")
    plain = re.sub(r"<(rect|path|circle)([^>]*)></\1>", r"<\1\2/>", found)
    assert shape(plain).replace("&#x27;", "'") == shape(drawn()).replace("&#x27;", "'")
    assert 'id="new-0"' in found
    assert "url(#new-1)" in found
    assert not re.search(r'["#]old', found)
    assert Markup(found).faults == []


def inside(text):
    return drawn().replace("</svg>", f"{text}</svg>")


@pytest.mark.parametrize(
    "svg",
    [
        EVIL,
        None,
        7,
        ["<svg/>"],
        "<script>1</script>",
        "<svg><script>1</script></svg>",
        inside("<script>1</script>"),
        inside("<foreignObject><p>x</p></foreignObject>"),
        inside('<a href="javascript:1"><text>x</text></a>'),
        inside('<image href="https://a.test/x.png"/>'),
        inside('<use href="https://a.test/x.svg#a"/>'),
        inside("<style>@import 'https://a.test/x.css';</style>"),
        inside('<rect style="fill:url(https://a.test/)" x="1"/>'),
        inside('<rect onload="1" x="1"/>'),
        inside('<rect fill="url(https://a.test/)"/>'),
        inside('<g clip-path="url(https://a.test/#a)"/>'),
        inside('<g clip-path="url(#nowhere)"/>'),
        inside('<animate attributeName="href" values="javascript:1"/>'),
        inside('<svg width="1"/>'),
        inside('<path d="M0 0 url(x)"/>'),
        inside('<x:script xmlns:x="http://www.w3.org/1999/xhtml">1</x:script>'),
        inside("<!-- x --><rect/>"),
        inside("<g>" * 30 + "</g>" * 30),
        inside("<g>" * 200_000 + "</g>" * 200_000),
        '<!DOCTYPE svg [<!ENTITY a "aaaa">]><svg xmlns="http://www.w3.org/2000/svg">&a;</svg>',
        '<?xml-stylesheet href="https://a.test/x"?>' + drawn(),
        drawn()[:-20],
        " " * (5 << 20),
    ],
)  # fmt: skip
def test_a_stored_drawing_that_is_no_strip_is_refused(run, evaluated, svg):
    keep(run, evaluated | {"strips": [svg] * len(evaluated["strips"])})
    with pytest.raises(RunError, match=r"x\.json must be as ecg-nas evaluate wrote it") as error:
        run_page.render(run)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 600


def test_strips_of_a_run_stay_in_its_page(run, evaluated):
    assert evaluated["strips"]
    keep(run, evaluated)
    shutil.copy(run / "evaluations" / "x.json", run / "evaluations" / "y.json")  # the same ids
    page = run_page.render(run)
    refuse_markup(page)
    assert page.count('<figure class="strip">') == 2 * len(evaluated["strips"])
