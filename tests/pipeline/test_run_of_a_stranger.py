"""Values of other types in a run's files, and flips in any of them: one line, or nothing amiss."""

import json
import shutil
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from main_job import settings

from data_prep.errors import DataError
from ecg_nas.assessment.evaluate import assess
from ecg_nas.bundle.manifest import load
from ecg_nas.cli import main
from ecg_nas.errors import EcgNasError, RunError
from ecg_nas.pipeline.main_job import execute
from ecg_nas.report import evaluation_part
from ecg_nas.runs import checksums
from ecg_nas.runs.listing import check

VALUES = (None, True, -1, 1e300, "x", "<script>alert(1)</script>", [], [[]], ["a"], {}, {"a": 1})
MEMBERS = ("config", "final", "held_out", "int8", "robustness", "summary", "evaluations/*")


@pytest.fixture(scope="module")
def complete(whole, store, tmp_path_factory):
    """A complete run with an evaluation of its bundle."""
    run = shutil.copytree(whole[0], tmp_path_factory.mktemp("complete") / "run")
    assessment = assess(load(run / "bundle"), store, split="train", beats="detected")
    with checksums.rewriting(run, evaluation_part.place(assessment)):
        evaluation_part.add_to_run(assessment, run)
    return run


@pytest.fixture
def copied(complete, tmp_path):
    return shutil.copytree(complete, tmp_path / "copied")


def said(*words):
    """Run a command; it must end well, or with one line."""
    result = CliRunner().invoke(main, [*map(str, words)])
    assert result.exit_code in (0, 1, 2), result.output
    assert "Traceback" not in result.output
    assert "unexpected" not in result.stderr
    if result.exit_code:
        assert len([line for line in result.stderr.splitlines() if "Error" in line]) == 1
    return result


def places(value, at=()):
    """Yield the path of each value of a JSON document; of lists, the first two items."""
    yield at
    items = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = list(enumerate(value))[:2]
    for name, one in items:
        yield from places(one, (*at, name))


def put(content, at, value):
    content = json.loads(json.dumps(content))
    if not at:
        return value
    holder = content
    for name in at[:-1]:
        holder = holder[name]
    holder[at[-1]] = value
    return content


def mutated(run, member, rng, count):
    """Yield, one after another, files of a run with one value of another kind in it."""
    (file,) = run.glob(f"{member}.json")
    text = file.read_text(encoding="utf-8")
    content = json.loads(text)
    every = list(places(content))
    for place in rng.choice(len(every), min(count, len(every)), replace=False):
        at = every[place]
        value = VALUES[int(rng.integers(len(VALUES)))]
        file.write_text(json.dumps(put(content, at, value)), encoding="utf-8")
        yield at, value
    file.write_text(text, encoding="utf-8")


def read_all(run, out):
    """Read a run as a person does; return how many commands were refused."""
    refused = 0
    for words in (
        ("report", run, "--out", out / "r.html"),
        ("runs", "show", run),
        ("runs", "list", run.parent),
    ):
        (out / "r.html").unlink(missing_ok=True)
        refused += said(*words).exit_code != 0
        if words[0] == "report" and (out / "r.html").exists():
            assert "<script" not in (out / "r.html").read_text(encoding="utf-8")
    return refused


WRONG = {
    "config": [("settings.method", []), ("data.split", {}), ("versions", "x"), ("begun", 7)],
    "final": [("patients", "abc"), ("losses", ["a"]), ("beats.N", "many"), ("slot", None)],
    "held_out": [("temperature", "x"), ("folds", {}), ("confusion", [[1e300]]), ("beats", True)],
    "int8": [("verdict", []), ("verdict.limits", {"x": "y"}), ("verdict.refused", 1)],
    "robustness": [("conditions", {"a": 1}), ("conditions", [["x"]])],
    "evaluations/*": [("result.records", []), ("strips", None), ("result.protocol.beats", 3),
                      ("result.interval", {"accuracy": "x"}), ("result.confusion", [["1"]]),
                      ("result.classes", ["N"])],
}  # fmt: skip


@pytest.mark.parametrize("member", WRONG)
def test_values_of_other_kinds_are_one_line(copied, tmp_path, member):
    (file,) = copied.glob(f"{member}.json")
    content = json.loads(file.read_text(encoding="utf-8"))
    for at, value in WRONG[member]:
        text = json.dumps(put(content, at.split("."), value))
        file.write_text(text, encoding="utf-8")
        result = said("report", copied, "--out", tmp_path / "r.html")
        assert result.exit_code == 1, at
        assert file.name in result.stderr
        assert not (tmp_path / "r.html").exists()
        assert said("runs", "list", copied.parent).exit_code == 0
        said("runs", "show", copied)


@pytest.mark.slow
@pytest.mark.parametrize("member", MEMBERS)
def test_many_values_of_other_kinds_are_one_line(copied, tmp_path, member):
    rng = np.random.default_rng(4)
    refused = [read_all(copied, tmp_path) > 0 for _ in mutated(copied, member, rng, 60)]
    sys.stdout.write(f"{member}: {len(refused)} values, {sum(refused)} refused\n")


def refusal(config, run):
    """Return why a search refused to go on with a run; ``None`` if it did not."""
    try:
        execute(config, run, workers=1)
    except (EcgNasError, DataError) as error:
        return str(error)
    return None


@pytest.mark.slow
@pytest.mark.parametrize("member", ["config", "final", "held_out", "int8", "robustness"])
def test_a_search_on_such_a_run_ends_in_one_line_or_well(copied, store, member):
    config = settings(copied.parent, store)
    for at, value in mutated(copied, member, np.random.default_rng(5), 3):
        assert "\n" not in (refusal(config, copied) or ""), (at, value)


def test_no_flip_in_a_file_of_a_run_is_unnoticed(copied):
    found = check(copied)
    assert found["files_checked"] >= 15
    rng = np.random.default_rng(6)
    files = [path for path in sorted(copied.rglob("*")) if path.is_file()]
    for file in files:
        if file.name in ("lock", "run.sqlite-shm", "run.sqlite-wal"):
            continue
        content = file.read_bytes()
        for bit in rng.integers(8 * len(content), size=2):
            flipped = bytearray(content)
            flipped[bit // 8] ^= 1 << (bit % 8)
            file.write_bytes(flipped)
            if file.name == "run.sqlite":  # free room in it is nobody's; see test_row_digests
                continue
            with pytest.raises(RunError) as error:
                check(copied)
            assert file.name in str(error.value)
            assert "\n" not in str(error.value)
        file.write_bytes(content)
    assert check(copied) == found


def test_a_file_that_is_gone_is_noticed_and_what_somebody_put_in_is_not_ours(copied):
    (copied / "my notes.txt").write_text("mine")
    assert check(copied)["files_checked"]
    (copied / "final.safetensors").unlink()
    with pytest.raises(RunError, match=r"final\.safetensors, it is gone"):
        check(copied)


def test_a_search_does_not_take_an_altered_file_for_what_it_wrote(copied, store):
    weights = bytearray((copied / "final.safetensors").read_bytes())
    weights[-1] ^= 1
    (copied / "final.safetensors").write_bytes(weights)
    with pytest.raises(RunError, match=r"final\.safetensors, it was altered"):
        execute(settings(copied.parent, store), copied, workers=1)


def test_a_run_that_goes_on_has_its_digests_at_its_end(copied, store):
    def stop(event):
        raise KeyboardInterrupt

    config = settings(copied.parent, store, budget=4)
    with pytest.raises(KeyboardInterrupt):
        execute(config, copied, workers=1, on_event=stop)
    assert check(copied)["files_checked"] is None
    said("runs", "show", copied, "--check")
    execute(config, copied, workers=1)
    assert check(copied)["files_checked"] >= 15
    assert "the files are whole" in said("runs", "show", copied, "--check").stdout


def test_what_is_added_later_has_digests(copied, tmp_path):
    before = check(copied)["files_checked"]
    said("report", copied, "--out", copied / "report.html")
    said("report", copied, "--out", tmp_path / "other.html")
    assert check(copied)["files_checked"] == before
    keys = said("runs", "show", copied, "--json", "-").stdout
    other = min((one for one in json.loads(keys)["candidates"]), key=lambda one: one["score"] or 0)[
        "key"
    ]
    result = said("export", copied, "--architecture", other, "--out", tmp_path / "bundle")
    assert result.exit_code == 0, result.stderr
    assert check(copied)["files_checked"] > before
