import json

import pyarrow.parquet
import pytest
from click.testing import CliRunner
from official_files import architectures, frame, members, record, tar

from ecg_nas.cli import main

CELL = ("010001000", "input,maxpool3x3,output")


def invoke(*arguments):
    return CliRunner().invoke(main, ["import-table", *map(str, arguments)])


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "a.tar"
    path.write_bytes(tar(members(architectures(2))))
    return path


def test_writes_the_table_and_says_what_it_is(archive, tmp_path):
    out, told = tmp_path / "t.parquet", tmp_path / "t.json"
    result = invoke(archive, "--out", out, "--json", told)
    assert result.exit_code == 0, result.output
    assert "nasbench201, 2 cells, values are means of 2 to 3 runs" in result.stdout
    assert "not every cell of the space" in result.stdout
    assert f"table: {out}" in result.stdout
    assert pyarrow.parquet.read_table(out).num_rows == 2
    found = json.loads(told.read_text())
    assert found.keys() == {
        "benchmark",
        "source",
        "cells",
        "complete",
        "runs",
        "columns",
        "out",
    }


def test_standard_output_is_json_alone(tmp_path):
    source = tmp_path / "a.tfrecord"
    source.write_bytes(frame(record("a" * 32, 108, *CELL)) * 3)
    result = invoke(source, "--out", tmp_path / "t.parquet", "--json", "-")
    assert json.loads(result.stdout)["runs"] == [3, 3]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.tar", "--out", "t"], "does not exist"),
        (["FILE"], "--out"),
        (["FILE", "--out", "-"], "must be a file"),
        (["FILE", "--out", "nowhere/t"], "its folder must exist"),
        (["FILE", "--out", "FILE"], "another file than the official one"),
        (["CUT", "--out", "OUT"], "cut off"),
        (["TEXT", "--out", "OUT"], "starts with b'Dear rea'"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(archive, tmp_path, arguments, message):
    (tmp_path / "cut.tar").write_bytes(archive.read_bytes()[:5_000])
    (tmp_path / "text").write_text("Dear reader")
    places = {"FILE": archive, "CUT": tmp_path / "cut.tar", "TEXT": tmp_path / "text"}
    places["OUT"] = tmp_path / "t.parquet"
    before = archive.read_bytes()
    result = invoke(*(places.get(word, word) for word in arguments))
    assert result.exit_code != 0
    assert message in result.stderr
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    assert not result.stdout
    assert not places["OUT"].exists()
    assert archive.read_bytes() == before
