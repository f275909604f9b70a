"""evaluate, export and report through the command line."""

import json
import re
import shutil

import pytest
from bundles import ectopic_recordings, tiny_bundle
from click.testing import CliRunner
from data_requests import asked

from data_prep.store.dataset import open_store
from data_prep.store.prepare import prepare
from ecg_nas.assessment import test_set_ledger
from ecg_nas.bundle.manifest import load
from ecg_nas.cli import main
from ecg_nas.inference.verify import verify
from ecg_nas.methods.engine.run_store import RunStore


def ecg_nas(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


def refused(*words):
    """Return the one line of a refusal; what was being done may stand before it."""
    result = ecg_nas(*words)
    assert result.exit_code in (1, 2), result.output
    assert result.stdout == ""
    *stages, line = result.stderr.splitlines()
    assert not [stage for stage in stages if stage.startswith(("Error", "Traceback"))]
    return line


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A signal store and a bundle trained, so to say, on its other side."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "recordings").mkdir()
    prepare(asked("wfdb", ectopic_recordings(folder / "recordings")), folder / "store")
    fingerprint = open_store(folder / "store", "train").fingerprint
    tiny_bundle(folder / "bundle", fingerprint=fingerprint)
    return folder


@pytest.fixture
def store(made, tmp_path):
    shutil.copytree(made / "store", tmp_path / "store")
    return tmp_path / "store"


def test_evaluate_prints_figures_with_their_protocol(made, store):
    result = ecg_nas("evaluate", made / "bundle", "--data", store)
    assert result.exit_code == 0, result.stderr
    assert result.stderr == ""
    for phrase in ("macro F1 over N, S, V", "fold score", "Protocol: test patients of wfdb"):
        assert phrase in result.stdout
    assert "not causal; test patients looked at 1 time\n" in result.stdout
    assert "looked at 2 times" in ecg_nas("evaluate", made / "bundle", "--data", store).stdout


def test_evaluate_json_has_the_promised_keys(made, store, tmp_path):
    result = ecg_nas("evaluate", made / "bundle", "--data", store, "--json", "-")
    assert result.exit_code == 0, result.stderr
    values = json.loads(result.stdout)
    promised = """classes confusion accuracy macro_f1_nsv per_class fold_score ec57 without_record
        interval params macs bytes protocol"""
    assert set(promised.split()) <= set(values)
    assert set(values["protocol"]) >= {
        "split", "mapping", "start_s", "causal", "beats", "test_openings",
    }  # fmt: skip
    assert {"mapping", "start_s", "gross", "average", "records"} <= set(values["ec57"])
    assert set(values["per_class"]["N"]) == {"se", "ppv", "f1"}
    assert set(values["bytes"]) == {"fp32", "int8"}
    file = tmp_path / "e.json"
    assert ecg_nas("evaluate", made / "bundle", "--data", store, "--json", file).exit_code == 0
    again = json.loads(file.read_text())
    assert again["protocol"].pop("test_openings") == values["protocol"].pop("test_openings") + 1
    assert again == values


def test_evaluate_prepares_a_named_source_in_the_cache(made, tmp_path, monkeypatch):
    monkeypatch.setenv("ECG_NAS_CACHE", str(tmp_path / "cache"))
    words = ("evaluate", made / "bundle", "--data", "wfdb", "--records", made / "recordings")
    result = ecg_nas(*words)
    assert result.exit_code == 0, result.stderr
    assert "looked at 2 times" in ecg_nas(*words).stdout
    assert list((tmp_path / "cache").rglob(test_set_ledger.FILE))


LABELS = '"N" = "N"\n"A" = "V"\n"V" = "S"\n'


def test_evaluate_takes_other_leads_and_labels_when_asked(made, tmp_path, monkeypatch):
    monkeypatch.setenv("ECG_NAS_CACHE", str(tmp_path / "cache"))
    (tmp_path / "mine.toml").write_text(LABELS)
    data = ("evaluate", made / "bundle", "--data", "wfdb", "--records", made / "recordings")
    plain = json.loads(ecg_nas(*data, "--json", "-").stdout)
    chosen = ("--leads", "V1,MLII", "--labels", tmp_path / "mine.toml")
    result = ecg_nas(*data, *chosen, "--json", "-")
    assert result.exit_code == 0, result.stderr
    other = json.loads(result.stdout)
    assert other["protocol"]["leads"] == ["V1", "MLII"]
    assert other["protocol"]["mapping"] == "mine"
    assert "leads ['V1', 'MLII'] in place of" in result.stderr
    beats = {name: sum(row) for name, row in zip("NSVFQ", other["confusion"], strict=True)}
    was = {name: sum(row) for name, row in zip("NSVFQ", plain["confusion"], strict=True)}
    assert beats == {**was, "S": was["V"], "V": was["S"]}
    assert "2 leads" in refused(*data, "--leads", "V1")
    assert "aVF" in refused(*data, "--leads", "MLII,aVF")


def test_evaluate_refuses_leads_and_labels_that_a_store_was_not_made_with(made, store, tmp_path):
    (tmp_path / "mine.toml").write_text(LABELS)
    data = ("evaluate", made / "bundle", "--data", store)
    assert "with --leads" in refused(*data, "--leads", "V1,MLII")
    assert "with --labels" in refused(*data, "--labels", tmp_path / "mine.toml")
    assert not (store / test_set_ledger.FILE).exists()


def test_evaluate_on_detected_beats_says_so(made, store):
    result = ecg_nas("evaluate", made / "bundle", "--data", store, "--beats", "detected")
    assert result.exit_code == 0, result.stderr
    words = " ".join(result.stdout.split())
    assert "as Q missed" in words
    assert "no beat" in words
    assert "detected beats, not causal" in words
    assert "R peaks found by data_prep.dsp.r_peaks" in words


def test_evaluate_writes_a_page(made, store, tmp_path):
    words = ("evaluate", made / "bundle", "--data", store, "--report")
    assert ecg_nas(*words, tmp_path / "e.html").exit_code == 0
    assert "</html>" in (tmp_path / "e.html").read_text()
    assert "--report" in refused(*words, tmp_path / "no" / "e.html")
    assert len(test_set_ledger.read(store)) == 1


def test_evaluate_warns_of_figures_on_training_patients(made, store):
    result = ecg_nas("evaluate", made / "bundle", "--data", store, "--side", "train")
    assert result.exit_code == 0
    assert "Warning: these are the patients that the model was trained on" in result.stderr
    assert "Protocol: train patients" in result.stdout


def test_evaluate_says_how_its_older_options_are_spelt_now(made, store):
    data = ("evaluate", made / "bundle", "--data", store)
    assert "--side train" in refused(*data, "--split", "train")
    assert "write --split strict" in refused(*data, "--data-split", "strict")
    assert not (store / test_set_ledger.FILE).exists()


def test_evaluate_refuses_bad_input_in_one_line(made, store, tmp_path):
    assert "manifest.json" in refused("evaluate", tmp_path / "no", "--data", store)
    shutil.copytree(made / "bundle", tmp_path / "altered")
    (tmp_path / "altered" / "model.onnx").write_bytes(b"x")
    assert "model.onnx was altered" in refused("evaluate", tmp_path / "altered", "--data", store)
    assert "prepared store" in refused("evaluate", made / "bundle", "--data", tmp_path / "none")
    line = refused("evaluate", made / "bundle", "--data", store, "--side", "every")
    assert "--side" in line
    assert "train" in line
    assert not (store / test_set_ledger.FILE).exists()


@pytest.fixture
def run(made, tmp_path):
    """A finished run, as far as exporting and reporting look at it."""
    folder = tmp_path / "my-run"
    shutil.copytree(made / "bundle", folder / "bundle")
    config = {
        "settings": {"method": "random", "space": "ecg1d", "seed": 0},
        "data": {"source": "wfdb", "split": "standard", "fingerprint": "0"},
        "versions": {},
        "begun": "2031-01-02T03:04:05+00:00",
    }
    (folder / "config.json").write_text(json.dumps(config))
    RunStore(folder / "run.sqlite").close()
    return folder


def test_export_takes_the_bundle_out_of_the_run(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert ecg_nas("export", run).exit_code == 0
    verify(tmp_path / "exports" / "my-run")
    result = ecg_nas("export", run, "--out", tmp_path / "out", "--json", "-")
    assert json.loads(result.stdout)["golden_difference"] <= 1e-5
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        path.name for path in (run / "bundle").iterdir()
    }


def test_export_refuses_bad_input_in_one_line(run, tmp_path):
    assert "told with --out" in refused("export", tmp_path / "no", "--out", tmp_path / "out")
    (run / "bundle" / "golden.npz").unlink()
    assert "golden.npz" in refused("export", run, "--out", tmp_path / "out")
    shutil.rmtree(run / "bundle")
    assert "must be finished" in refused("export", run, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_evaluating_the_bundle_of_a_run_adds_to_its_report(run, store, tmp_path):
    result = ecg_nas("evaluate", run / "bundle", "--data", store)
    assert result.exit_code == 0, result.stderr
    assert f"report of the run: {run / 'report.html'}" in result.stdout
    page = (run / "report.html").read_text()
    assert page.count("Test patients of wfdb, reference beats") == 1
    assert "The most confident mistakes" in page
    (tmp_path / "sibling").mkdir()
    shutil.copytree(run, tmp_path / "sibling" / "run")
    sibling = tmp_path / "sibling" / "run"
    shutil.rmtree(sibling / "bundle")
    fingerprint = load(run / "bundle").manifest.training["fingerprint"]
    tiny_bundle(sibling / "bundle", seed=1, fingerprint=fingerprint)
    result = ecg_nas("evaluate", sibling / "bundle", "--data", store)
    assert "OTHER CANDIDATE(S) OF THE SAME RUN" in result.stderr
    page = (sibling / "report.html").read_text()
    assert "OTHER CANDIDATE(S) OF THE SAME RUN" in page
    assert page.count("Test patients of wfdb, reference beats") == 1  # the earlier is replaced
    words = ("evaluate", sibling / "bundle", "--data", store, "--beats", "detected")
    assert ecg_nas(*words).exit_code == 0
    page = (sibling / "report.html").read_text()
    assert "Test patients of wfdb, detected beats" in page
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_report_writes_one_page(run, tmp_path):
    result = ecg_nas("report", run, "--out", tmp_path / "r.html")
    assert result.exit_code == 0, result.stderr
    assert "</html>" in (tmp_path / "r.html").read_text()
    assert "config.json" in refused("report", tmp_path, "--out", tmp_path / "s.html")
    assert not (tmp_path / "s.html").exists()
