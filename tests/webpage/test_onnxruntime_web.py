"""onnxruntime-web: fetched by npm, kept in the cache, checked, and turned into a plain script."""

import shutil
import sys

import pytest
from page_runtime import stand_in_package

from ecg_nas.errors import BundleError, RunError
from ecg_nas.webpage import onnxruntime_web


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of the right form, which stands in for the pinned one; nothing is in the cache."""
    file = tmp_path / "given.tgz"
    monkeypatch.setattr(onnxruntime_web, "SHA256", stand_in_package(file))
    monkeypatch.setenv("ECG_NAS_CACHE", str(tmp_path / "cache"))
    return file


def install_npm(tmp_path, monkeypatch, script):
    """Put a program named npm in front of all others."""
    folder = tmp_path / "bin"
    folder.mkdir()
    npm = folder / "npm"
    npm.write_text(f"#!{sys.executable}\n{script}\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_a_given_file_is_used_and_its_exports_become_global(package):
    runtime = onnxruntime_web.load(package)
    assert runtime.wasm == b"\0asm"
    assert runtime.script == (
        "const a=1,b=2,c=3;globalThis.ort={InferenceSession:a,Tensor:b,env:c};\n"
    )
    assert not onnxruntime_web.cached().exists()


def test_a_file_that_is_not_the_pinned_package_is_refused(package, tmp_path):
    other = tmp_path / "other.tgz"
    other.write_bytes(package.read_bytes() + b"x")
    with pytest.raises(BundleError, match=r"must be onnxruntime-web [\d.]+ as npm packs it"):
        onnxruntime_web.load(other)
    with pytest.raises(BundleError, match="can be read"):
        onnxruntime_web.load(tmp_path / "none.tgz")


def test_a_package_that_exports_something_else_is_refused(tmp_path, monkeypatch):
    file = tmp_path / "given.tgz"
    digest = stand_in_package(file, "const a=1;export{a as InferenceSession};")
    monkeypatch.setattr(onnxruntime_web, "SHA256", digest)
    with pytest.raises(BundleError, match="must export InferenceSession, Tensor, env"):
        onnxruntime_web.load(file)


def test_npm_fetches_it_once_into_the_cache(package, tmp_path, monkeypatch):
    note = tmp_path / "calls"
    install_npm(
        tmp_path,
        monkeypatch,
        "import shutil, sys\n"
        f"open({str(note)!r}, 'a').write(' '.join(sys.argv[1:]) + '\\n')\n"
        f"shutil.copy({str(package)!r}, {onnxruntime_web.cached().name!r})",
    )
    for _ in range(2):
        assert onnxruntime_web.load().wasm == b"\0asm"
    (call,) = note.read_text().splitlines()
    assert call.startswith(f"pack onnxruntime-web@{onnxruntime_web.VERSION} --ignore-scripts")
    assert [file.name for file in onnxruntime_web.cached().parent.iterdir()] == [
        onnxruntime_web.cached().name
    ]
    onnxruntime_web.cached().write_bytes(b"damaged")
    onnxruntime_web.load()  # fetched anew
    assert len(note.read_text().splitlines()) == 2


@pytest.mark.parametrize(
    ("script", "phrase"),
    [
        ("import sys; print('npm error code E404', file=sys.stderr); sys.exit(1)", "code E404"),
        ("pass", "it ended with 0"),
        (f"open({onnxruntime_web.cached().name!r}, 'wb').write(b'x')", "serves something else"),
    ],
)
def test_what_npm_cannot_fetch_leaves_nothing(package, tmp_path, monkeypatch, script, phrase):
    install_npm(tmp_path, monkeypatch, script)
    with pytest.raises(RunError, match=phrase) as caught:
        onnxruntime_web.load()
    assert "--runtime" in str(caught.value)
    assert not list(onnxruntime_web.cached().parent.iterdir())


def test_without_npm_it_says_how_to_go_on(package, monkeypatch, tmp_path):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(RunError, match=r"npm must be installed.*npm pack onnxruntime-web@.*--run"):
        onnxruntime_web.load()


def test_a_cache_that_cannot_be_written_is_named(package, tmp_path, monkeypatch):
    install_npm(tmp_path, monkeypatch, "pass")
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(RunError, match="ECG_NAS_CACHE"):
        onnxruntime_web.load()
