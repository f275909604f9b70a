"""``ecg-nas ec57`` from the command line."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from data_prep.io.record import read_annotations, write_annotations
from ecg_nas.cli import main


@pytest.fixture
def pair(tmp_path, write_patient):
    """A record with two annotators: .qrs misses a beat and calls another V."""
    path = write_patient(tmp_path, "p0")
    truth = read_annotations(path, "atr")
    symbols = truth.symbols.tolist()
    symbols[10] = "V"
    keep = [i for i in range(len(symbols)) if i != 20]
    write_annotations(
        path,
        "qrs",
        samples=truth.samples[keep],
        symbols=[symbols[i] for i in keep],
        fs_hz=truth.fs_hz,
    )
    return path


def run(*arguments):
    return CliRunner().invoke(main, ["ec57", *map(str, arguments)])


def test_json_holds_the_cells_and_figures(pair):
    result = run(pair, "--test", "qrs", "--start", 0, "--json", "-")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["mapping"], found["start_s"]) == ("bxb", 0)
    record = found["records"]["p0"]
    assert record["No"] + record["So"] + record["Vo"] == 1
    assert record["Nv"] == 1
    assert sum(record[row + column] for row in "NSVFQOX" for column in "nsvfqox") == 60
    assert record["q_se"] == pytest.approx(59 / 60)
    assert found["sum"]["Nv"] == 1
    names = {"q_se", "q_ppv", "v_se", "v_ppv", "s_se", "s_ppv", "rr_error_ms"}
    assert names <= found["gross"].keys()
    assert names <= found["average"].keys()
    assert found["runs"]["ventricular"]["couplets"]["missed"] == 0


def test_people_get_the_table_and_lines_get_a_file(pair):
    lines = pair.with_name("lines.txt")
    result = run(pair, "--test", "qrs", "--start", 0, "--lines", lines)
    assert result.exit_code == 0, result.output
    assert lines.read_text().splitlines()[1].startswith("  p0    ")
    assert result.stdout.startswith(lines.read_text())
    assert "Total QRS complexes: 60" in result.stdout


def no_test_file(pair):
    return [pair, "--test", "xyz"], "must have an annotation file p0.xyz"


def no_record(pair):
    return [pair.with_name("p9"), "--test", "qrs"], "must have a header p9.hea"


def truncated(pair):
    file = pair.with_name("p0.qrs")
    file.write_bytes(file.read_bytes()[:-5])
    return [pair, "--test", "qrs"], "is it truncated?"


def no_annotations(pair):
    pair.with_name("p0.qrs").write_bytes(b"")
    return [pair, "--test", "qrs"], "p0.qrs must end with an end mark"


def start_after_the_end(pair):
    return [pair, "--test", "qrs"], "must start within the record"


def negative_start(pair):
    return [pair, "--test", "qrs", "--start", -1], "--start"


def twice(pair):
    return [pair, pair, "--test", "qrs", "--start", 0], "must be named once; p0 is there again"


def nothing(pair):
    return ["--test", "qrs"], "Missing argument"


def no_test(pair):
    return [pair], "Missing option '--test'"


def lines_to_nowhere(pair):
    target = pair.parent / "no" / "lines.txt"
    return [pair, "--test", "qrs", "--start", 0, "--lines", target], "in a folder that exists"


@pytest.mark.parametrize(
    "case",
    [
        no_test_file, no_record, truncated, no_annotations, start_after_the_end, negative_start,
        twice, nothing, no_test, lines_to_nowhere,
    ],
)  # fmt: skip
def test_bad_input_is_one_clear_line(pair, case):
    arguments, message = case(pair)
    result = run(*arguments)
    assert result.exit_code != 0
    assert message in result.stderr
    assert result.stderr.startswith("Error: ")
    assert len(result.stderr.strip().splitlines()) == 1
    assert result.stdout == ""


@pytest.mark.real
def test_golden_lines_come_out_of_the_command(data_dir: Path, tmp_path: Path):
    names = ("100", "106", "108", "119", "200", "201", "207", "208", "213", "222", "223", "232")
    target = tmp_path / "lines.txt"
    folder = data_dir / "ec57"
    records = [data_dir / "mitdb" / name for name in names]
    result = run(*records, "--test", "tst", "--test-dir", folder, "--lines", target)
    assert result.exit_code == 0, result.output
    assert target.read_bytes() == (folder / "bxb_lines.txt").read_bytes()
    assert (folder / "sumstats.txt").read_text() in result.stdout
    assert (folder / "rxr_v_sumstats.txt").read_text() in result.stdout
