"""What users write about data, and runs that were begun before it was one request."""

import dataclasses
import json
from pathlib import Path

import pytest

from data_prep.store.request import DataRequest, DataSetRequest
from ecg_nas.errors import ConfigError
from ecg_nas.runs.config import differences, from_json, resolve, to_json
from ecg_nas.runs.data_settings import request_of

# The settings of a run as they were saved when each was one of the run's own.
FLAT = {
    "data": "mitdb",
    "records": "somewhere/mitdb",
    "split": "strict",
    "labels": "mine.toml",
    "patients": None,
    "leads": ["MLII"],
    "annotators": ["atr", "man"],
    "causal": False,
}
SAME = DataRequest(
    sets=(
        DataSetRequest(
            source="mitdb",
            records=Path("somewhere/mitdb"),
            labels=Path("mine.toml"),
            leads=("MLII",),
            annotators=("atr", "man"),
        ),
    ),
    split="strict",
)


def written(folder, text):
    file = folder / "settings.toml"
    file.write_text(text, encoding="utf-8")
    return file


def one(request):
    (only,) = request.sets
    return only.source, None if only.records is None else str(only.records)


def test_a_run_begun_before_has_the_same_settings():
    now = dataclasses.replace(resolve(), data=SAME)
    before = {name: value for name, value in to_json(now).items() if name != "data"} | FLAT
    assert from_json(before) == now
    assert differences(before, json.loads(json.dumps(to_json(now)))) == []
    other = dataclasses.replace(SAME, split="standard")
    (named,) = differences(before, to_json(dataclasses.replace(now, data=other)))
    assert named == "data.split (strict, now standard)"


@pytest.mark.parametrize("folder", ["prepared/store", "no/longer/there"])
def test_a_run_begun_before_on_a_folder_keeps_it(folder):
    before = {**FLAT, "data": folder}
    assert one(from_json(before).data) == (None, folder)  # records were of no account beside it


def test_data_may_move_but_not_change():
    here, moved = to_json(resolve(flags={"data": "mitdb"})), to_json(resolve(flags={"data": "dir"}))
    assert differences(here, moved) == []
    leads = to_json(resolve(flags={"data": "mitdb", "leads": ("MLII",)}))
    assert differences(here, leads) == ["data.sets.0.leads (None, now ['MLII'])"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mitdb", ("mitdb", None)),
        ("mitdb=some/dir", ("mitdb", "some/dir")),
        ("some/dir", (None, "some/dir")),
        ("a=b", (None, "a=b")),
    ],
)
def test_data_are_a_name_a_folder_or_both(text, expected):
    assert one(request_of({"data": text})) == expected
    assert one(request_of({"data": (text,)})) == expected
    assert one(resolve(flags={"data": (text,)}).data) == expected


def test_flat_keys_and_tables_of_a_file_are_the_same_request(tmp_path):
    flat = "".join(
        f"{name} = {json.dumps(value)}\n" for name, value in FLAT.items() if value is not None
    )
    assert resolve(file=written(tmp_path, flat)).data == SAME
    table = (
        'split = "strict"\n[[data]]\nsource = "mitdb"\nrecords = "somewhere/mitdb"\n'
        'labels = "mine.toml"\nleads = ["MLII"]\nannotators = ["atr", "man"]\n'
    )
    assert resolve(file=written(tmp_path, table)).data == SAME


def test_several_data_sets_are_listed(tmp_path):
    file = written(
        tmp_path,
        '[[data]]\nsource = "mitdb"\n'
        '[[data]]\nsource = "wfdb"\nrecords = "own"\nrole = "external test"\n',
    )
    sets = resolve(file=file).data.sets
    assert [(s.source, s.role) for s in sets] == [("mitdb", "train"), ("wfdb", "external test")]
    listed = resolve(file=file, flags={"data": ("synthetic", "mitdb=dir"), "leads": ("II",)}).data
    assert [s.name for s in listed.sets] == ["synthetic", "mitdb"]
    assert [s.leads for s in listed.sets] == [("II",), ("II",)]
    assert request_of({"data": ("synthetic", "own")}).sets[1].records == Path("own")


def test_flags_win_over_what_the_file_says_of_the_one_data_set(tmp_path):
    file = written(tmp_path, 'data = "mitdb"\nrecords = "there"\nleads = ["MLII"]\n')
    assert one(resolve(file=file, flags={"split": "strict"}).data) == ("mitdb", "there")
    assert one(resolve(file=file, flags={"data": ("mitdb",)}).data) == ("mitdb", "there")
    assert one(resolve(file=file, flags={"records": "here"}).data) == ("mitdb", "here")
    # The folder of one source is not that of another; the rest holds.
    other = resolve(file=file, flags={"data": ("synthetic",)}).data
    assert (one(other), other.sets[0].leads) == (("synthetic", None), ("MLII",))


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"data": ("mitdb", "synthetic"), "records": "dir"}, "NAME=DIR"),
        ({"data": ("mitdb=dir",), "records": "other"}, "leave one out"),
        ({"data": ("dir",), "records": "other"}, "leave one out"),
        ({"data": [{"source": "mitdb"}], "leads": ["II"]}, r"\[\[data\]\] tables"),
        ({"data": []}, "none"),
        ({"data": ["mitdb", 5]}, "5"),
    ],
)
def test_what_does_not_go_together_is_refused(options, named):
    with pytest.raises(ConfigError, match=named) as caught:
        request_of(options)
    assert "\n" not in str(caught.value)
