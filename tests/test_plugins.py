"""The files of docs/plugins.md, written into a folder of plug-ins and used from there."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tables import write_ecg1d

ROOT = Path(__file__).parents[1]
EXAMPLES = re.findall(
    r"<!-- plug-in: (\S+) -->\n```python\n(.*?)```",
    (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8"),
    flags=re.DOTALL,
)
SETTINGS = """
[training]
epochs = 1
batch = 32
[folds]
n_folds = 2
[confirm]
candidates = 0
[final]
epochs = 1
"""


@pytest.fixture(scope="module")
def plugins(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plugins")
    for name, text in EXAMPLES:
        file = folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def recordings(tmp_path_factory, write_patient):
    folder = tmp_path_factory.mktemp("recordings")
    for index in range(8):
        write_patient(folder, f"p{index}-1", seed=index)
    return folder


def python(plugins, *words, **variables):
    """Run Python where ``plugins`` are known."""
    folders = os.pathsep.join(map(str, plugins if isinstance(plugins, list) else [plugins]))
    environment = {**os.environ, "ECG_NAS_PLUGINS": folders, **variables}
    return subprocess.run(
        [sys.executable, *map(str, words)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def command(plugins, *words):
    return python(plugins, "-m", "ecg_nas", *words)


def said(result):
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_the_page_has_an_example_of_each_kind():
    assert {name.partition("/")[0] for name, _ in EXAMPLES} == {
        "formats",
        "methods",
        "predictors",
        "sources",
        "spaces",
        "tasks",
    }


def test_they_are_listed_beside_our_own(plugins):
    sources = said(command(plugins, "sources", "--json", "-"))["sources"]
    assert {"clinic", "mitdb"} <= {source["name"] for source in sources}
    spaces = {s["name"]: s for s in said(command(plugins, "spaces", "--json", "-"))["spaces"]}
    assert spaces["chain"]["summary"] == "Eight operations in a chain."
    assert "ecg1d" in spaces


def test_method_space_and_source_search_together(plugins, recordings, tmp_path):
    settings = tmp_path / "settings.toml"
    settings.write_text(SETTINGS, encoding="utf-8")
    words = ["search", "--data", "clinic", "--records", recordings]
    words += ["--space", "chain", "--task", "pvc"]
    words += ["--method", "greedy", "--budget", 3, "--device", "cpu", "--workers", 2]
    words += ["--config", settings, "--out", tmp_path / "run", "--json", "-"]
    summary = said(command(plugins, *words))
    assert summary["evaluations"] == 3
    assert (tmp_path / "run" / "bundle" / "model.onnx").is_file()
    manifest = (tmp_path / "run" / "bundle" / "manifest.json").read_text(encoding="utf-8")
    assert '"macro_f1_nv"' in manifest
    verified = command(plugins, "verify", tmp_path / "run" / "bundle")
    assert verified.returncode == 0, verified.stderr


def test_a_predictor_is_compared_like_our_own(plugins, tmp_path):
    table = tmp_path / "table.json"
    write_ecg1d(table)
    words = ["benchmark-predictor", "ecg1d", "--table", table, "--labels", 20, "--seeds", 2]
    found = said(command(plugins, *words, "--predictor", "ridge", "--json", "-"))
    assert found["labels"]["20"]["ridge"]["kendall_tau"]["mean"] > 0


def test_a_file_of_another_format_is_shown(plugins, tmp_path):
    beats = np.exp(-(((np.arange(5000) % 200) - 100) ** 2) / 20)
    recording = tmp_path / "mine.npz"
    np.savez(recording, signal=np.stack([beats, -beats], 1), fs_hz=250.0, leads=["II", "V1"])
    shown = command(plugins, "show", recording, "--out", tmp_path / "strip.svg")
    assert shown.returncode == 0, shown.stderr
    assert "V1" in (tmp_path / "strip.svg").read_text(encoding="utf-8")
    unknown = command([], "show", recording, "--out", tmp_path / "strip.svg")
    assert unknown.returncode != 0
    recording.write_bytes(recording.read_bytes()[:3000])
    refused(command(plugins, "show", recording, "--out", "never.svg"), recording, "must hold")


SEARCH = """
import json, sys
from dataclasses import replace
from ecg_nas import methods, predictor
from ecg_nas.evaluation.landscape import SyntheticEvaluator
from ecg_nas.methods.base import Outcome
from small_settings import small
from search_spaces import load

space = load("chain")
landscape = SyntheticEvaluator(space)
found = {}
for name, chosen in (("random", {}), ("greedy:timid", {}), ("dcl-enas", {}),
                     ("dcl-enas", {"predictor_name": "ridge", "predictor": None})):
    method = methods.load(name)
    if name != "greedy:timid":
        method = replace(method, config=small(method.config, **chosen))
    algorithm = method.start(space, 30, 0)
    archs, origins = [], []
    while proposals := algorithm.ask():
        archs += [proposal.architecture for proposal in proposals]
        origins += [proposal.origin for proposal in proposals]
        algorithm.tell([
            Outcome(architecture=p.architecture, score=landscape.value(p.architecture))
            for p in proposals
        ])
    for arch in archs:
        space.check(arch)
    found[f"{name} {chosen.get('predictor_name')}"] = {
        "keys": [arch.key for arch in archs],
        "origins": origins,
        "best": max(map(landscape.value, archs)),
    }
json.dump(found, sys.stdout)
"""


def test_a_chain_of_eight_is_searched_with_any_method_and_predictor(plugins):
    found = said(
        python(plugins, "-c", SEARCH, PYTHONPATH=os.pathsep.join([*sys.path, str(ROOT / "tests")]))
    )
    for name, search in found.items():
        assert len(set(search["keys"])) == 30, name
    random = found.pop("random None")
    assert set(random["origins"]) == {"initial"}
    assert found["greedy:timid None"]["origins"] == ["initial"] * 6 + ["evolution"] * 24
    for name in ("dcl-enas None", "dcl-enas ridge"):
        assert found[name]["origins"] == ["initial"] * 8 + ["predictor"] * 22
        assert found[name]["best"] > random["best"]
    assert found["dcl-enas None"]["keys"] != found["dcl-enas ridge"]["keys"]


@pytest.fixture
def broken(tmp_path):
    def write(name, text):
        file = tmp_path / "mine" / name
        file.parent.mkdir(parents=True)
        file.write_text(text, encoding="utf-8")
        return file

    return write


def refused(result, *says):
    assert result.returncode == 2, result.stderr
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    for text in says:
        assert str(text) in result.stderr


SEARCHING = ("search", "--out", "never")
KINDS = {
    "formats": ("show", "mine.npz", "--out", "never.svg"),
    "methods": (*SEARCHING, "--method", "mine"),
    "spaces": (*SEARCHING, "--space", "mine"),
    "sources": ("prepare", "mine", "--out", "never"),
    "tasks": ("prepare", "synthetic", "--task", "mine", "--out", "never"),
    "predictors": ("benchmark-predictor", "ecg1d", "--table", "TABLE", "--predictor", "mine"),
}


def words_of(kind, folder):
    table = folder / "table.json"
    write_ecg1d(table)
    return [table if word == "TABLE" else word for word in KINDS[kind]]


@pytest.mark.parametrize("kind", KINDS)
def test_a_broken_plug_in_is_one_line_that_names_its_file(kind, broken, tmp_path):
    file = broken(f"{kind}/mine.py", "import nothing_like_this\n")
    words = words_of(kind, tmp_path)
    refused(command(tmp_path / "mine", *words), file, "nothing_like_this")
    file.write_text("x =\n", encoding="utf-8")
    refused(command(tmp_path / "mine", *words), file, "SyntaxError")
    file.write_text("x = 1\n", encoding="utf-8")
    refused(command(tmp_path / "mine", *words), file, "must end with")


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("methods", "regularized_evolution"),
        ("spaces", "ecg1d"),
        ("sources", "mitdb"),
        ("predictors", "npenas_gin"),
        ("formats", "edf"),
        ("tasks", "aami"),
    ],
)
def test_a_name_that_is_there_already_is_refused(kind, name, broken, tmp_path):
    file = broken(f"{kind}/{name}.py", "x = 1\n")
    refused(command(tmp_path / "mine", *words_of(kind, tmp_path)), file, "a name of its own")


@pytest.mark.parametrize("kind", ["methods", "spaces", "sources", "formats", "tasks"])
def test_a_folder_that_is_not_there_is_said(kind, plugins, tmp_path):
    words = words_of(kind, tmp_path)
    refused(command([plugins, tmp_path / "no"], *words), tmp_path / "no", "ECG_NAS_PLUGINS")


def test_an_installed_package_brings_plug_ins_too(tmp_path, plugins):
    package = tmp_path / "clinic_plugins"
    package.mkdir()
    (package / "__init__.py").touch()
    for name, text in EXAMPLES:
        (package / name).parent.mkdir(exist_ok=True)
        (package / name).write_text(text, encoding="utf-8")
    facts = tmp_path / "clinic-1.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: clinic\nVersion: 1\n")
    (facts / "entry_points.txt").write_text("[ecg_nas.plugins]\nclinic = clinic_plugins\n")
    code = (
        "import search_spaces; from data_prep import sources\n"
        "from ecg_nas import methods, predictor\n"
        "print(methods.load('greedy').config.n_init, predictor.load('ridge').config.penalty,"
        "sources.load('clinic').name, search_spaces.load('chain').name)"
    )
    path = os.pathsep.join([*sys.path, str(tmp_path)])
    found = python([], "-c", code, PYTHONPATH=path)
    assert found.stdout.split() == ["2", "1.0", "clinic", "chain"], found.stderr
