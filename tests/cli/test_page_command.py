"""``ecg-nas page``: the file that it writes, without torch."""

import json
import subprocess
import sys

import pytest
from bundles import tiny_bundle
from click.testing import CliRunner
from page_runtime import stand_in_package

from ecg_nas.cli import main
from ecg_nas.webpage import onnxruntime_web

EXTRA = ("onnx", "onnxscript", "pyarrow", "pymoo", "safetensors", "torch", "torch_geometric")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A bundle and a package that stands in for the browser's runtime, with its SHA-256."""
    folder = tmp_path_factory.mktemp("made")
    tiny_bundle(folder / "bundle")
    return folder, stand_in_package(folder / "runtime.tgz")


def write_page(*words):
    return CliRunner().invoke(main, ["page", *map(str, words)])


def test_it_writes_one_file_and_says_what_it_is_not(made, tmp_path, monkeypatch):
    folder, digest = made
    monkeypatch.setattr(onnxruntime_web, "SHA256", digest)
    words = (folder / "bundle", "--out", tmp_path / "p.html", "--runtime", folder / "runtime.tgz")
    result = write_page(*words)
    assert result.exit_code == 0, result.stderr
    assert "not a medical device" in result.stdout
    assert [file.name for file in tmp_path.iterdir()] == ["p.html"]
    values = json.loads(write_page(*words, "--json", "-").stdout)
    assert values["bytes"] == (tmp_path / "p.html").stat().st_size


def test_it_refuses_in_one_line_and_writes_nothing(made, tmp_path):
    folder, _ = made
    out = tmp_path / "p.html"
    runtime = ("--runtime", folder / "runtime.tgz")
    for words, phrase in (
        ((folder / "bundle", "--out", out, *runtime), "is not: get it with npm pack"),
        ((tmp_path, "--out", out, *runtime), "manifest.json"),
        ((folder / "bundle", "--out", tmp_path / "no" / "p.html", *runtime), "folder must exist"),
        ((folder / "bundle", "--out", "-", *runtime), "must be a file"),
        ((folder / "bundle", "--out", out, "--runtime", tmp_path / "none.tgz"), "does not exist"),
    ):
        result = write_page(*words)
        assert result.exit_code in (1, 2)
        assert phrase in result.stderr
        assert len(result.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_it_runs_where_torch_is_not_installed(made, tmp_path):
    folder, digest = made
    code = f"""
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {EXTRA!r}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Missing())
from ecg_nas.webpage import onnxruntime_web
onnxruntime_web.SHA256 = {digest!r}
from ecg_nas.cli import main
main(["page", {str(folder / "bundle")!r}, "--out", {str(tmp_path / "p.html")!r},
      "--runtime", {str(folder / "runtime.tgz")!r}])
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "p.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
