import json
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace

import onnx
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecg_nas.bundle.manifest import MANIFEST, MODEL, load
from ecg_nas.cli import main
from ecg_nas.errors import BundleError
from ecg_nas.inference._onnx_file import read_header
from ecg_nas.inference.verify import check_model, verify


def verify_command(folder, *words):
    return CliRunner().invoke(main, ["verify", str(folder), *words])


@pytest.fixture(scope="module")
def copy(bundle_folder, tmp_path_factory):
    """A copy to alter; each test puts back what it altered."""
    return shutil.copytree(bundle_folder, tmp_path_factory.mktemp("verify") / "copy")


def test_a_whole_bundle_is_found_whole(bundle_folder):
    result = verify_command(bundle_folder, "--json", "-")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["files"] == len(list(bundle_folder.iterdir()))
    assert (found["opset"], found["ir_version"]) == (18, 10)
    assert found["golden_difference"] <= 1e-5
    result = verify_command(bundle_folder)
    assert "opset 18, IR 10" in result.stdout


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_flipped_bit_of_any_file_is_refused_and_its_file_named(bundle_folder, copy, data):
    name = data.draw(st.sampled_from(sorted(path.name for path in bundle_folder.iterdir())))
    whole = (bundle_folder / name).read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    flipped = whole[at] ^ 1 << data.draw(st.integers(0, 7))
    (copy / name).write_bytes(whole[:at] + bytes([flipped]) + whole[at + 1 :])
    try:
        result = verify_command(copy)
    finally:
        (copy / name).write_bytes(whole)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert name in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_the_header_is_what_onnx_reads(bundle_folder):
    model = onnx.load(bundle_folder / MODEL)
    header = read_header((bundle_folder / MODEL).read_bytes())
    assert header.ir_version == model.ir_version
    assert header.opsets == {entry.domain: entry.version for entry in model.opset_import}


@given(st.binary(max_size=60))
def test_no_header_is_read_from_noise_but_by_refusing_it(content):
    with suppress(ValueError):  # UnicodeDecodeError is one
        read_header(content)


def test_a_cut_off_header_is_refused(bundle_folder):
    content = (bundle_folder / MODEL).read_bytes()
    with pytest.raises(ValueError, match="ends within"):
        read_header(content[:-1])


def test_other_versions_than_the_manifest_states_are_refused(bundle_folder):
    manifest = load(bundle_folder).manifest
    for change in ({"opset": 17}, {"ir_version": 9}):
        with pytest.raises(BundleError, match=r"model\.onnx must be of opset"):
            check_model(bundle_folder / MODEL, replace(manifest, **change))


def test_other_answers_than_the_golden_ones_are_refused(bundle_folder, tmp_path):
    """Someone who can make digests cannot make another model pass for this one."""
    from bundles import tiny_bundle

    from ecg_nas.bundle.manifest import entry

    folder = shutil.copytree(bundle_folder, tmp_path / "copy")
    other = tiny_bundle(tmp_path / "other", seed=1)
    shutil.copyfile(other / MODEL, folder / MODEL)
    manifest = load(bundle_folder).manifest
    files = {**manifest.files, MODEL: entry(folder / MODEL)}
    (folder / MANIFEST).write_text(replace(manifest, files=files).to_text())
    with pytest.raises(BundleError, match=r"must reproduce golden\.npz"):
        verify(folder)


def test_verify_needs_no_torch_and_no_onnx(bundle_folder):
    code = f"""
import sys
for name in ("torch", "torch_geometric", "onnx", "onnxscript", "safetensors", "pyarrow", "pymoo"):
    sys.modules[name] = None
from ecg_nas.cli import main
main(["verify", {str(bundle_folder)!r}])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "whole" in done.stdout


def test_what_is_no_bundle_is_refused_in_one_line(tmp_path):
    result = verify_command(tmp_path)
    assert result.exit_code == 2
    assert "manifest.json" in result.stderr
