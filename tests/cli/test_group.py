"""The command group: lazy, and one line an error."""

import errno
import json
import subprocess
import sys
import unicodedata
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from data_prep.errors import DataError
from ecg_nas.cli import HEADINGS, main
from ecg_nas.cli._errors import as_click_error
from ecg_nas.errors import BundleError, ConfigError, RunError


def commands() -> dict[tuple[str, ...], click.Command]:
    """Every command and subcommand, by its words."""
    context = click.Context(main)
    found: dict[tuple[str, ...], click.Command] = {}
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            found |= {(name, sub): inner for sub, inner in command.commands.items()}
        else:
            found[name,] = command
    return found


def failing(error: BaseException) -> click.Command:
    @click.command()
    def command() -> None:
        raise error

    return command


@pytest.fixture
def run_failing(monkeypatch):
    """Run the group with a command that raises."""

    def run(error: BaseException, *options: str):
        monkeypatch.setattr(main, "list_commands", lambda ctx: ["fail"])
        monkeypatch.setattr(main, "get_command", lambda ctx, name: failing(error))
        return CliRunner().invoke(main, [*options, "fail"])

    return run


def test_help_imports_nothing_heavy():
    code = """
import sys
from data_prep.errors import DataError
from ecg_nas.cli import HEADINGS, main
try:
    main(["--help"])
except SystemExit as end:
    assert end.code == 0
heavy = {"numpy", "torch", "scipy", "rich", "pydantic", "sklearn", "wfdb", "matplotlib", "jinja2",
         "onnxruntime", "neurokit2", "sqlite3", "multiprocessing"}
print("loaded:", sorted(heavy & set(sys.modules)), file=sys.stderr)
"""
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert ran.stderr.strip() == "loaded: []"
    assert "search" in ran.stdout


def test_help_lists_every_command_once_under_one_of_four_headings():
    lines = CliRunner().invoke(main, ["--help"]).stdout.splitlines()
    under, heading = {}, ""
    for line in lines:
        if line and not line.startswith(" "):
            heading = line.removesuffix(":")
        elif line.startswith("  ") and heading.lower() in HEADINGS:
            under.setdefault(line.split()[0], []).append(heading.lower())
    assert sorted(under) == sorted(main.list_commands(click.Context(main)))
    assert all(len(headings) == 1 for headings in under.values())
    assert {heading for [heading] in under.values()} == set(HEADINGS)
    assert under["search"] == ["search"]
    assert under["classify"] == ["model"]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_has_help_with_a_runnable_example(words):
    command = commands()[words]
    result = CliRunner().invoke(main, [*words, "--help"])
    assert result.exit_code == 0, result.output
    assert "Example:" in result.stdout
    example = next(
        line.split()
        for line in result.stdout.splitlines()
        if line.strip().startswith(f"ecg-nas {' '.join(words)}")
    )
    # The example parses: its options exist, with values of their kind, and nothing is missing.
    known = {option for param in command.params for option in param.opts}
    options = [word for word in example if word.startswith("--")]
    assert set(options) <= known
    required = {
        param.opts[0]
        for param in command.params
        if isinstance(param, click.Option) and param.required
    }
    assert required <= set(options)
    for param in command.params:
        if isinstance(param, click.Option):
            assert param.help, f"{param.opts[0]} has no help"


def test_no_command_at_all_shows_the_help():
    result = CliRunner().invoke(main, [])
    assert result.exit_code == 2
    assert "Data:" in result.stderr


@pytest.mark.parametrize(
    "words",
    [["serch"], ["spaces", "--jason"], ["spaces", "extra"], ["spaces", "--json"], ["--verbose"]],
    ids=" ".join,
)
def test_a_misused_command_line_is_one_line_and_2(words):
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("Error: ")


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (ConfigError("the preset must be one of a, b; got 'c'"), 2, "got 'c'"),
        (BundleError("the bundle must hold model.onnx"), 2, "model.onnx"),
        (RunError("the run is in use"), 1, "in use"),
        (PermissionError(13, "Permission denied", "out"), 1, "out: permission denied"),
        (OSError(28, "No space left on device"), 1, "free some space"),
        (ModuleNotFoundError("No module named 'torch'", name="torch"), 1, "'ecg-nas[search]'"),
        (ModuleNotFoundError("No module named 'torch.nn'", name="torch.nn"), 1, "needs torch"),
        (ModuleNotFoundError("No module named 'scipy'", name="scipy"), 1, "incomplete"),
        (ZeroDivisionError("division\nby zero"), 1, "unexpected ZeroDivisionError: division by"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (click.Abort(), 130, "interrupted"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_a_failure_is_one_line_and_an_exit_code(run_failing, error, code, says):
    result = run_failing(error)
    assert result.exit_code == code
    assert result.stdout == ""
    assert result.stderr.strip().count("\n") == 0
    assert result.stderr.strip().startswith("Error: ")
    assert says in result.stderr


def test_debug_shows_the_traceback(run_failing):
    error = ConfigError("no")
    assert run_failing(error, "--debug").exception is error


def test_errors_of_the_data_are_bad_input():
    from data_prep.errors import DataError
    from search_spaces.base import ArchitectureError

    assert as_click_error(DataError("no records")).exit_code == 2
    assert as_click_error(ArchitectureError("no such space")).exit_code == 2


def test_json_to_standard_output_is_all_that_is_there():
    result = CliRunner().invoke(main, ["sources", "--json", "-"])
    assert result.exit_code == 0
    assert {source["name"] for source in json.loads(result.stdout)["sources"]} >= {"mitdb"}


def test_json_to_a_file_leaves_no_part_behind(tmp_path):
    target = tmp_path / "spaces.json"
    result = CliRunner().invoke(main, ["spaces", "--json", str(target)])
    assert result.exit_code == 0
    names = {space["name"] for space in json.loads(target.read_text())["spaces"]}
    assert names >= {"ecg1d", "nasbench201"}
    assert all(name in result.stdout for name in names)
    assert list(tmp_path.iterdir()) == [target]


def test_json_where_it_cannot_go_is_refused_before_the_work(tmp_path):
    for target in (tmp_path, tmp_path / "missing" / "x.json"):
        result = CliRunner().invoke(main, ["spaces", "--json", str(target)])
        assert result.exit_code == 2
        assert result.stdout == ""


def test_json_knows_numpy_and_undefined_values(tmp_path):
    import numpy as np

    from ecg_nas.cli._output import write_json

    target = tmp_path / "result.json"
    write_json(
        str(target),
        {"a": np.float64("nan"), "b": np.arange(2), "c": [float("inf"), 1.5], 3: np.int64(7)},
    )
    assert json.loads(target.read_text()) == {"a": None, "b": [0, 1], "c": [None, 1.5], "3": 7}


def test_python_runs_the_package_too():
    words = [sys.executable, "-m", "ecg_nas", "--version"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith("python -m ecg_nas ")


def test_control_characters_of_strangers_do_not_reach_the_terminal(run_failing, tmp_path):
    (tmp_path / "a\x1b]0;title\x07\u202e").mkdir()
    result = CliRunner().invoke(main, ["runs", "list", str(tmp_path)])
    assert result.exit_code == 0
    failed = run_failing(ConfigError("a \x1b[2J\x9b31m\u202e word"))
    assert r"\x1b[2J\x9b31m\u202e word" in failed.stderr
    for text in (result.stdout, result.stderr, failed.stderr):
        assert not {c for c in text if unicodedata.category(c) == "Cc"} - {"\n", "\t"}
        assert "\u202e" not in text


@pytest.mark.parametrize(
    ("redirected", "says"),
    [
        ("2>&-", "standard error must be open"),
        (">&-", "standard output must be open"),
        (">/dev/full", "standard output must take the result (No space left on device)"),
        ("--json - >/dev/full", "standard output must take the result"),
        ("--json /dev/full", "no space left on device"),
    ],
)
def test_a_standard_stream_that_is_closed_or_full_is_a_failure(redirected, says):
    if "/dev/full" in redirected and not Path("/dev/full").exists():
        pytest.skip("this system has no device that is always full")
    line = f"exec {sys.executable} -m ecg_nas spaces {redirected}"
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert says in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_a_full_disk_is_a_failure_and_no_bad_input(run_failing):
    error = DataError("there must be room for a")
    error.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    assert run_failing(error).exit_code == 1
    assert run_failing(DataError("other")).exit_code == 2
