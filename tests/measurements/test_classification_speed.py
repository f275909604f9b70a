"""What ``bench classify`` measures, on a few minutes."""

import json

import pytest
from bundles import int8_bundle
from click.testing import CliRunner

from ecg_nas.cli import main
from ecg_nas.measurements import classification_speed


def test_bench_classify_has_the_promised_keys(bundle_folder, monkeypatch):
    monkeypatch.setattr(classification_speed, "_TILE_S", 60.0)
    monkeypatch.setattr(classification_speed, "_REPEATS", 2)
    words = ["bench", "classify", str(bundle_folder), "--hours", "0.2", "--json", "-"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert {"duration_s", "seconds", "times_real_time", "peak_mib"} <= set(found)
    assert found["duration_s"] == 720
    assert found["beats"] > 500
    assert found["times_real_time"] == pytest.approx(720 / found["seconds"])
    assert set(found["latency_ms"]) == set(found["beats_per_s"]) == {"ours", "onnxruntime"}
    assert found["int8"] is None


def test_both_models_are_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(classification_speed, "_TILE_S", 60.0)
    monkeypatch.setattr(classification_speed, "_REPEATS", 2)
    words = ["bench", "classify", str(int8_bundle(tmp_path / "both")), "--hours", "0.2"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.stderr
    for form in ("float32", "INT8"):
        assert f"{form}: " in result.stdout
    assert result.stdout.count("onnxruntime alone") == 4
