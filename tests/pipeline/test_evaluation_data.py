"""What a bundle is evaluated on: by default the test patients that its search left alone."""

import json
import shutil

import pytest
from bundles import tiny_bundle
from click.testing import CliRunner
from data_requests import asked

from data_prep.errors import DataError
from data_prep.events import ignore
from data_prep.store.dataset import open_store
from ecg_nas.bundle.manifest import load
from ecg_nas.cli import main
from ecg_nas.methods.engine.run_store import RunStore
from ecg_nas.pipeline.evaluation_data import evaluation_data
from ecg_nas.runs import config as settings
from ecg_nas.runs.config import RunConfig
from ecg_nas.runs.data import store_folder


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ECG_NAS_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def own(_small_folder, tmp_path_factory):
    """Settings of a search on a folder of recordings, with patients and a split of its own."""
    folder = tmp_path_factory.mktemp("tables")
    table, split = folder / "patients.csv", folder / "mine.toml"
    rows = [f"p{index},{name}\n" for index, name in enumerate(["ann", "ben", "cid"] * 2)]
    table.write_text("record,patient\n" + "".join(rows), encoding="utf-8")
    split.write_text('train = ["ann", "cid"]\ntest = ["ben"]\n', encoding="utf-8")
    return asked(records=_small_folder, patients=table, split=str(split))


@pytest.fixture(scope="module")
def run(own, tmp_path_factory):
    """The folder of that search, as far as an evaluation looks at it."""
    side = open_store(store_folder(own, ignore), "train")
    folder = tmp_path_factory.mktemp("run")
    saved = {
        "settings": settings.to_json(RunConfig(data=own)),
        "data": {"source": "wfdb", "split": "file", "fingerprint": side.fingerprint},
        "versions": {},
        "begun": "2031-01-02T03:04:05+00:00",
    }
    (folder / "config.json").write_text(json.dumps(saved), encoding="utf-8")
    RunStore(folder / "run.sqlite").close()
    tiny_bundle(folder / "bundle", split="file", fingerprint=side.fingerprint)
    return folder


def evaluate(*words):
    return CliRunner().invoke(main, ["evaluate", *map(str, words), "--json", "-"])


def test_the_bundle_of_a_run_is_evaluated_on_the_test_patients_of_the_run(run, own):
    result = evaluate(run / "bundle", "--data", own.sets[0].records)
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert set(found["records"]) == {"p1", "p4"}
    assert found["protocol"]["data_split"] == "file"
    assert found["warnings"] == []  # the very data set that the bundle was trained on


def test_without_its_run_a_bundle_of_a_split_from_a_file_asks_for_it(run, own, tmp_path):
    copy = shutil.copytree(run / "bundle", tmp_path / "copy")
    result = evaluate(copy, "--data", own.sets[0].records)
    assert result.exit_code == 2
    assert "with --split" in result.stderr.splitlines()[-1]
    words = ("--split", own.split, "--patients", own.sets[0].patients)
    found = json.loads(evaluate(copy, "--data", own.sets[0].records, *words).stdout)
    assert set(found["records"]) == {"p1", "p4"}
    assert found["warnings"] == []


def test_what_is_given_wins(run, own):
    request = asked(records=own.sets[0].records, split="standard")
    found = evaluation_data(load(run / "bundle"), request)
    assert (found.split, found.sets[0].patients) == ("standard", own.sets[0].patients)


def test_other_recordings_are_not_taken_for_those_of_the_run(run, own, tmp_path):
    other = shutil.copytree(own.sets[0].records, tmp_path / "other")
    with pytest.raises(DataError, match="other recordings"):
        evaluation_data(load(run / "bundle"), asked(records=other))
    found = evaluation_data(load(run / "bundle"), asked(records=other, split="standard"))
    assert found.sets[0].patients is None


def test_the_split_that_a_bundle_names_is_taken_for_its_own_source(tmp_path):
    bundle = load(tiny_bundle(tmp_path / "bundle", source="mitdb", split="strict"))
    assert evaluation_data(bundle, asked("mitdb")).split == "strict"
    assert evaluation_data(bundle, asked("synthetic")).split_name() == "standard"


def test_a_prepared_store_has_its_split_patients_and_annotators(run, small_store):
    words = (run / "bundle", "--data", small_store)
    assert "leave --split out" in evaluate(*words, "--split", "standard").stderr
    assert "leave them out" in evaluate(*words, "--annotators", "atr").stderr
