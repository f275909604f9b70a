import ast

from ecg_nas import methods
from ecg_nas.benchmark import _code
from ecg_nas.benchmark.harness import code_of

SOURCE = '''"""What it is."""

import os  # a comment

LIMIT = 3
"""How many."""


def f(x):
    """Return more."""
    # why
    return x + "# no comment"
'''
SAME = '''import os
LIMIT = 3
def f(x):
    """Return something
    else.
    """
    return x + "# no comment"'''


def lines(source):
    return list(_code._code(source, ast.parse(source)))


def test_what_only_explains_does_not_count():
    assert lines(SOURCE) == lines(SAME)
    assert lines(SOURCE) != lines(SOURCE.replace("x +", "2 * x +"))


def test_imports_are_followed_wherever_they_are(tmp_path, monkeypatch):
    files = {
        "a": "def f():\n    from ecg_nas.b import thing\n",
        "b": "import ecg_nas.c\nimport numpy\n",
        "c": "x = 1\n",
        "d": "y = 1\n",
    }
    for name, text in files.items():
        (tmp_path / f"{name}.py").write_text(text)

    def path(module):
        found = tmp_path / f"{module.partition('.')[2]}.py"
        return found if found.exists() else None

    monkeypatch.setattr(_code, "_path", path)

    def digest():
        _code.digest.cache_clear()
        return _code.digest("ecg_nas.a")

    first = digest()
    (tmp_path / "d.py").write_text("y = 2\n")
    assert digest() == first
    (tmp_path / "c.py").write_text("x = 2\n")
    assert digest() != first
    _code.digest.cache_clear()


def test_methods_do_not_share_a_digest_unless_they_share_the_code():
    assert code_of("nasbench201", "dcl-enas") == code_of("nasbench201", "dcl-enas:regression")
    assert code_of("nasbench201", "dcl-enas") != code_of("nasbench201", "random")


def test_a_plug_in_from_elsewhere_counts_too(tmp_path, monkeypatch):
    monkeypatch.setattr(methods, "__path__", [*methods.__path__, str(tmp_path)])
    plugin = tmp_path / "mine.py"

    def digest():
        _code.digest.cache_clear()
        return _code.digest("ecg_nas.methods.mine")

    nothing = digest()
    plugin.write_text("x = 1\n")
    first = digest()
    plugin.write_text("x = 2\n")
    assert len({nothing, first, digest()}) == 3
    _code.digest.cache_clear()
