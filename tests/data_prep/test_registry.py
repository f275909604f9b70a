import importlib
import os
import sys
from dataclasses import dataclass

import pytest

from data_prep.errors import DataError
from data_prep.registry import VARIABLE, Registry


@dataclass
class Thing:
    name: str


GOOD = "from {here} import Thing\nTHING = Thing({name!r})\n"


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """Of a package with ``first`` and ``two_words``, and of a folder of plug-ins with ``third``."""
    package, plugins = tmp_path / "things", tmp_path / "plugins"
    files = {
        package / "__init__.py": "",
        package / "base.py": "",
        package / "_helper.py": "",
        package / "parts" / "__init__.py": "",
        package / "first.py": GOOD.format(here=__name__, name="first"),
        package / "two_words.py": GOOD.format(here=__name__, name="two-words"),
        plugins / "things" / "third.py": GOOD.format(here=__name__, name="third"),
    }
    for file, text in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv(VARIABLE, str(plugins))
    module = importlib.import_module("things")
    yield Registry(
        package="things",
        path=module.__path__,
        folder="things",
        what="thing",
        constant="THING",
        kind=Thing,
        error=DataError,
    )
    for name in [name for name in sys.modules if name.split(".")[0] == "things"]:
        del sys.modules[name]


def test_modules_are_plug_ins_but_base_underscores_and_packages(registry):
    assert registry.available() == ["first", "third", "two-words"]
    assert [registry.load(name).name for name in registry.available()] == registry.available()


@pytest.mark.parametrize("name", ["two_words", "base", "parts", "_helper", "", "first.py"])
def test_an_unknown_name_is_answered_with_all(registry, name):
    with pytest.raises(DataError, match="thing must be one of first, third, two-words; got"):
        registry.load(name)


def test_a_constant_has_the_name_of_its_file(registry, tmp_path):
    file = tmp_path / "plugins" / "things" / "third.py"
    file.write_text(GOOD.format(here=__name__, name="fourth"), encoding="utf-8")
    with pytest.raises(DataError, match=r"third.py must have the name of its file, 'third'"):
        registry.load("third")


def test_a_fault_of_our_own_keeps_its_traceback(registry, tmp_path):
    (tmp_path / "things" / "first.py").write_text("import no_such_package\n", encoding="utf-8")
    with pytest.raises(ModuleNotFoundError):
        registry.load("first")
    (tmp_path / "plugins" / "things" / "third.py").write_text("1 / 0\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"third.py raises ZeroDivisionError: division by zero"):
        registry.load("third")


def test_a_folder_named_twice_counts_once(registry, tmp_path, monkeypatch):
    plugins = str(tmp_path / "plugins")
    monkeypatch.setenv(VARIABLE, os.pathsep.join([plugins, plugins, ""]))
    again = Registry(**{name: getattr(registry, name) for name in Registry.__dataclass_fields__})
    assert again.available() == registry.available()
