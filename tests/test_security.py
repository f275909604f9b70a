"""The page on security names a test for each threat, and each of them exists."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def rows():
    lines = (ROOT / "SECURITY.md").read_text(encoding="utf-8").splitlines()
    table = [line for line in lines if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[1:]]


def functions_of(file):
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_each_threat_has_a_test_that_exists():
    assert len(rows()) >= 20
    for threat, outcome, tests in rows():
        assert threat
        assert outcome
        named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", tests)
        assert named, threat
        assert tests.count("::") == len(named), threat
        for file, test in named:
            assert test in functions_of(file), (file, test)


def test_it_is_linked_from_the_readme():
    assert "(SECURITY.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
