"""Classes of beats, and what belongs to one data set, stand in a task or a source alone."""

import ast
import re
from pathlib import Path

import pytest

from data_prep import tasks
from data_prep.sources import mitdb

ROOT = Path(__file__).parent.parent
LETTERS = {letter for name in tasks.available() for letter in tasks.load(name).classes}
# Rooms that speak of other things by such letters: EC57's own classes and WFDB's symbols, the
# simulation's kinds of beats, units.
ROOMS = ("data_prep/tasks", "data_prep/ec57", "data_prep/io", "data_prep/simulation")
ALLOWED = {
    "data_prep/sources/synthetic.py": set("NSVF"),  # the simulation's kinds, the symbols it writes
    "ecg_nas/assessment/detected_beats.py": {"N"},  # a WFDB symbol that stands for any beat
    "ecg_nas/assessment/ec57_comparison.py": {"Q"},  # EC57's symbol for unclassifiable
    "ecg_nas/cli/benchmark_predictor.py": {"N"},  # a number
    "ecg_nas/cli/classify.py": {"V"},  # volts
    "ecg_nas/cli/ec57.py": {"V", "S"},  # EC57's own classes
    "ecg_nas/figures/strip.py": {"V"},  # a line down
}
SCORES = {  # the name of a figure that results promise
    "ecg_nas/metrics/classification.py",
    "ecg_nas/report/out_of_fold_part.py",
    "ecg_nas/run_json.py",
}
SOURCES = sorted(
    path
    for package in ("ecg_nas", "data_prep", "search_spaces")
    for path in (ROOT / package).rglob("*.py")
)
SCRIPTS = sorted(
    path for path in (ROOT / "ecg_nas").rglob("*") if path.suffix in (".js", ".html", ".css")
)


def named(path):
    return path.relative_to(ROOT).as_posix()


def texts(path):
    """Return the text constants of a module, without its docstrings, and its numbers by keyword."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    told = {
        node.body[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    } | {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    constants = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and node not in told and isinstance(node.value, str)
    ]
    lengths = [
        node.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword)
        and node.arg == "minlength"
        and isinstance(node.value, ast.Constant)
    ]
    return constants, lengths


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_no_module_names_a_class(path):
    constants, lengths = texts(path)
    assert 5 not in lengths
    if named(path).startswith(ROOMS):
        return
    assert {text for text in constants if text in LETTERS} <= ALLOWED.get(named(path), set())
    # As several in one text: "NSV", "N, S, V", "S_f1".
    listed = re.compile(r"\b[NSV](,? [NSV]){1,2}\b|^[NSVFQ]{3,5}$|\b[NSVFQ]_(f1|se|ppv)\b")
    assert [text for text in constants if listed.search(text)] == []
    if named(path) not in SCORES:
        assert [text for text in constants if "nsv" in text] == []


@pytest.mark.parametrize("path", SCRIPTS, ids=named)
def test_no_script_or_template_names_a_class(path):
    text = path.read_text(encoding="utf-8")
    quoted = {letter for letter in re.findall(r"""["'`]([A-Z])["'`]""", text) if letter in LETTERS}
    # Volts, and the fields of a WFDB header.
    assert quoted <= ({"V"} if path.name in ("csv.js", "wfdb.js") else set())
    assert re.search(r"N, S|S and V|nsv|[NSV]_f1", text) is None


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_records_stand_with_their_data_set(path):
    if path.parent.name == "sources":
        return
    records = {*mitdb.DS1, *mitdb.DS2, *mitdb.PACED} - {"200", "212"}  # formats, epochs
    known = records | {"DS1", "DS2"}
    assert known.isdisjoint(texts(path)[0])
