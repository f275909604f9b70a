import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from bundles import TRAINING, int8_bundle

from data_prep import tasks
from ecg_nas.bundle import atomic_folder
from ecg_nas.bundle.manifest import GOLDEN, MANIFEST, MODEL, entry, load
from ecg_nas.errors import BundleError
from ecg_nas.export.model_card import model_card
from ecg_nas.inference.verify import verify


@pytest.fixture
def copy(bundle_folder, tmp_path):
    shutil.copytree(bundle_folder, tmp_path / "copy")
    return tmp_path / "copy"


def change_manifest(folder, change):
    path = folder / MANIFEST
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content, indent=2))


def test_a_whole_bundle_is_read_and_verified(bundle_folder):
    bundle = load(bundle_folder)
    assert bundle.classes == ("N", "S", "V", "F", "Q")
    assert bundle.manifest.training["seeds"] == TRAINING["seeds"]
    assert bundle.manifest.training["patients"] == 2  # names stay at home
    assert bundle.manifest.training["folds"]["folds"] == [{"score": 0.7, "patients": 1}]
    assert bundle.spec.reference_beat
    assert [tensor.name for tensor in bundle.manifest.inputs] == [
        "window",
        "context",
        "scale",
        "reference",
    ]
    assert (bundle_folder / MANIFEST).read_text() == bundle.manifest.to_text()
    report = verify(bundle_folder)
    assert report["golden_difference"] <= 1e-5
    assert report["bytes"] == (bundle_folder / MODEL).stat().st_size


def test_figures_of_altered_recordings_may_be_there_and_follow_the_schema(copy):
    """Bundles of this format were written before there were such figures."""
    plain = load(copy).manifest
    assert plain.robustness is None
    assert "robustness" not in (copy / MANIFEST).read_text()
    assert "Robustness" not in model_card(plain)
    told = replace(
        plain,
        robustness=[{"name": "as recorded", "macro_f1_nsv": 0.5, "S_f1": None, "V_f1": 0.25}],
    )
    (copy / MANIFEST).write_text(told.to_text())
    assert load(copy).manifest == told
    assert "| as recorded | 0.500 | undefined | 0.250 |" in model_card(told)
    change_manifest(copy, lambda content: content["robustness"][0].update(S_f1="good"))
    with pytest.raises(BundleError, match=r"robustness\.0\.S_f1"):
        load(copy)
    other = replace(plain, robustness=[{"name": "as recorded", "macro_f1_nsv": 0.5}])
    (copy / MANIFEST).write_text(other.to_text())
    with pytest.raises(BundleError, match=r"robustness\.0 must have .* macro_f1_nsv, S_f1, V_f1"):
        load(copy)


def test_a_task_that_is_none_is_refused(copy):
    """Its colours and letters go into pages: whoever writes a manifest can give it a digest."""
    plain = load(copy).manifest
    evil = tasks.load("ectopy").to_json()
    evil["kinds"][0]["colour"] = 'red" onload="alert(1)'
    signal = {**plain.spec["signal"], "classes": ["N", "E"], "task": evil}
    changed = replace(plain, classes=["N", "E"], spec={**plain.spec, "signal": signal})
    (copy / MANIFEST).write_text(changed.to_text())
    with pytest.raises(BundleError, match="must have a colour"):
        load(copy)


@pytest.mark.parametrize("name", [MODEL, GOLDEN, MANIFEST, "README.md", "MODEL_CARD.md"])
def test_a_flipped_byte_is_found_and_its_file_named(copy, name):
    rng = np.random.default_rng(0)
    whole = (copy / name).read_bytes()
    for at in [0, len(whole) - 1, *rng.integers(0, len(whole), 20)]:
        (copy / name).write_bytes(
            whole[:at] + bytes([whole[at] ^ 1 << int(rng.integers(8))]) + whole[at + 1 :]
        )
        with pytest.raises(BundleError, match=name) as caught:
            load(copy)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [MODEL, GOLDEN, MANIFEST, "README.md"])
def test_a_missing_file_is_named(copy, name):
    (copy / name).unlink()
    with pytest.raises(BundleError, match=name):
        load(copy)


def test_what_is_no_bundle_is_refused(copy, tmp_path):
    with pytest.raises(BundleError, match=r"folder with a manifest\.json"):
        load(tmp_path / "nowhere")
    for text in ("", "[]", "{", "[" * 100_000, '{"format": "other"}', "\x00"):
        (copy / MANIFEST).write_text(text)
        with pytest.raises(BundleError, match=r"manifest\.json"):
            load(copy)


def test_another_format_version_says_so(copy):
    change_manifest(copy, lambda content: content.update(format_version=1))
    with pytest.raises(BundleError, match=r"reads bundles of format 2.* is of format 1; the same "):
        load(copy)


def test_a_schema_error_says_where(copy):
    change_manifest(copy, lambda content: content["inputs"][0].update(shape="wide"))
    with pytest.raises(BundleError, match=r"inputs\.0\.shape"):
        load(copy)
    change_manifest(copy, lambda content: content["inputs"][0].update(shape=[4, 90], more=1))
    with pytest.raises(BundleError, match=r"inputs\.0\.more"):
        load(copy)


def test_classes_are_letters_that_are_known(copy):
    """They stand in pages and annotation files: whoever writes a manifest can give it a digest."""
    plain = load(copy).manifest
    evil = ['"><script>alert(1)</script>', *plain.classes[1:]]
    spec = {**plain.spec, "signal": {**plain.spec["signal"], "classes": evil}}
    for changed in (
        replace(plain, classes=evil),
        replace(plain, classes=evil, spec=spec),
        replace(plain, classes=plain.classes[::-1]),
    ):
        (copy / MANIFEST).write_text(changed.to_text())
        with pytest.raises(BundleError, match="classes must be those of "):
            load(copy)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"context_names": ["pre_s"]}, "context_names must be those of its spec, pre/mean-1"),
        ({"usual_qrs": [[0.0] * 25]}, "2 leads of 25 values, as its spec says; .* has 25"),
        ({"usual_qrs": [[0.0] * 25, [0.0] * 24]}, "has 25, 24 values"),
    ],
)
def test_what_is_said_of_beats_is_of_those_of_its_spec(copy, change, message):
    altered = replace(load(copy).manifest, **change)
    (copy / MANIFEST).write_text(altered.to_text())
    with pytest.raises(BundleError, match=message):
        load(copy)


def test_golden_arrays_of_another_shape_are_refused_in_words(tmp_path):
    folder = int8_bundle(tmp_path / "both")
    arrays = dict(np.load(folder / GOLDEN))
    plain = load(folder).manifest
    for changed, message in (
        ({name: values[:0] for name, values in arrays.items()}, "must hold beats; it holds none"),
        ({**arrays, "probabilities_int8": arrays["probabilities"][:3]}, r"give \(3, 5\)"),
    ):
        np.savez(folder / GOLDEN, **changed)
        files = {**plain.files, GOLDEN: entry(folder / GOLDEN)}
        (folder / MANIFEST).write_text(replace(plain, files=files).to_text())
        with pytest.raises(BundleError, match=message):
            verify(folder)


def test_a_better_figure_written_into_the_manifest_is_found(copy):
    change_manifest(copy, lambda content: content["training"].update(fold_score=0.99))
    with pytest.raises(BundleError, match=r"manifest\.json was altered"):
        load(copy)


def no_bundle(folder):
    (folder / "notes.txt").write_text("mine")


def words_of_ours(folder):
    (folder / MANIFEST).write_text('{"about": "ecg-nas bundle"}')
    (folder / MODEL).write_text("mine")


def cut_off(folder):
    text = (folder / MANIFEST).read_text()
    (folder / MANIFEST).write_text(text[: len(text) // 2])


def a_folder_of_mine(folder):
    (folder / "data").mkdir()
    (folder / "data" / "patients.csv").write_text("mine")


def a_link_in_place_of_a_file(folder):
    (folder / MODEL).unlink()
    (folder / MODEL).symlink_to(folder / GOLDEN)


def a_link_for_a_manifest(folder):
    (folder / MANIFEST).rename(folder.parent / "elsewhere.json")
    (folder / MANIFEST).symlink_to(folder.parent / "elsewhere.json")


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (no_bundle, "notes.txt"),
        (words_of_ours, "manifest.json, model.onnx"),
        (cut_off, "manifest.json"),
        (a_folder_of_mine, "data"),
        (a_link_in_place_of_a_file, "model.onnx"),
        (a_link_for_a_manifest, "manifest.json"),
    ],
)
def test_what_we_did_not_write_is_never_removed(copy, tmp_path, spoil, named):
    target = shutil.copytree(copy, tmp_path / "target")
    if spoil is words_of_ours:
        shutil.rmtree(target)
        target.mkdir()
    spoil(target)
    before = {path: path.read_bytes() for path in target.rglob("*") if path.is_file()}
    with pytest.raises(BundleError, match=f"holds other files: .*{named}") as error:
        atomic_folder.copy(copy, target)
    assert "\n" not in str(error.value)
    assert {path: path.read_bytes() for path in target.rglob("*") if path.is_file()} == before
    assert not list(tmp_path.glob(".target*"))


def test_what_comes_while_a_bundle_is_made_is_not_removed(copy, tmp_path):
    target = shutil.copytree(copy, tmp_path / "target")

    def write():
        with atomic_folder.placed(target) as part:
            (part / MANIFEST).write_text("{}")
            (target / "late.txt").write_text("mine")

    with pytest.raises(BundleError, match=r"late\.txt"):
        write()
    assert (target / "late.txt").read_text() == "mine"
    assert load(target).manifest == load(copy).manifest
    assert not list(tmp_path.glob(".target*"))


def test_a_link_is_not_replaced(copy, tmp_path):
    real = shutil.copytree(copy, tmp_path / "real")
    (tmp_path / "link").symlink_to(real)
    with pytest.raises(BundleError, match="link: name the folder"):
        atomic_folder.copy(copy, tmp_path / "link")
    assert (tmp_path / "link").is_symlink()


def test_a_bundle_is_as_open_as_the_umask_says(copy, tmp_path):
    before = os.umask(0o077)
    try:
        atomic_folder.copy(copy, tmp_path / "closed")
    finally:
        os.umask(before)
    assert (tmp_path / "closed").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", [MANIFEST, MODEL, GOLDEN])
def test_a_member_that_is_no_plain_file_is_not_read(copy, name):
    (copy / name).unlink()
    os.mkfifo(copy / name)
    with pytest.raises(BundleError, match="no plain file"):
        load(copy)
    (copy / name).unlink()
    (copy / name).symlink_to("/dev/zero")
    with pytest.raises(BundleError, match="no plain file"):
        load(copy)


def test_a_huge_member_is_not_read(copy):
    with (copy / MODEL).open("r+b") as file:
        file.truncate(1 << 40)  # a hole: it takes no room on disk
    with pytest.raises(BundleError, match=r"1,099,511,627,776 bytes"):
        load(copy)


def test_a_copy_is_the_same_bundle_without_what_lies_beside(copy, tmp_path):
    (copy / "notes.txt").write_text("mine")
    atomic_folder.copy(copy, tmp_path / "a" / "b")
    assert load(tmp_path / "a" / "b").manifest == load(copy).manifest
    assert not (tmp_path / "a" / "b" / "notes.txt").exists()
    atomic_folder.copy(copy, tmp_path / "a" / "b")
    atomic_folder.copy(copy, copy)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / MANIFEST).write_text("{}")
    with pytest.raises(BundleError, match="holds other files"):
        atomic_folder.copy(copy, tmp_path / "other")
    (copy / MODEL).write_bytes(b"")
    with pytest.raises(BundleError, match=r"model\.onnx was altered"):
        atomic_folder.copy(copy, tmp_path / "c")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "copy", "other"]


def test_deploy_works_where_torch_is_not_installed(bundle_folder):
    code = f"""
import sys
for name in ("torch", "torch_geometric", "onnx", "onnxscript"):
    sys.modules[name] = None
from pathlib import Path
from ecg_nas.assessment import evaluate
from ecg_nas.inference import classifier, verify
verify.verify(Path({str(bundle_folder)!r}))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == done.stderr == ""


def test_a_spec_that_leaves_a_part_to_its_default_is_read_so_everywhere(copy):
    def without_signal(content):
        content["spec"].pop("signal")

    change_manifest(copy, without_signal)
    content = json.loads((copy / MANIFEST).read_text())
    content.pop("digest")
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    content["digest"] = hashlib.sha256(text.encode()).hexdigest()
    (copy / MANIFEST).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    with pytest.raises(BundleError):  # other leads than those of its inputs
        verify(copy)
    assert "lead(s)" in model_card(load(copy).manifest)
