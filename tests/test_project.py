"""Rules of the project that no linter checks."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("ecg_nas", "search_spaces", "data_prep")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def tracked_files() -> list[Path]:
    try:
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def python_files(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def mentions(path: Path, requirement: str) -> bool:
    module = re.split(r"[<>=!\[]", requirement)[0].replace("-", "_")
    module = {"scikit_learn": "sklearn"}.get(module, module)
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
    return any(module in file.read_text(encoding="utf-8") for file in files)


def command_lines() -> dict[str, str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return dict(re.findall(r"<!-- command: ([\w-]+) -->\n```sh\n(.*)\n```\n", text))


def test_no_file_is_longer_than_400_lines():
    long = {
        str(path.relative_to(ROOT)): lines
        for path in python_files(*PACKAGES, "tests")
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert not long


def test_no_function_is_longer_than_80_lines():
    long = {}
    for path in python_files(*PACKAGES):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                # The body alone: a docstring may be as long as the contract needs.
                body = node.body[1:] if ast.get_docstring(node) else node.body
                if body and (node.end_lineno or 0) - body[0].lineno + 1 > 80:
                    long[f"{path.relative_to(ROOT)}:{node.name}"] = node.end_lineno
    assert not long


def test_no_file_names_a_place_on_someones_machine():
    # Split so that this file does not find itself.
    machine = re.compile("/ho" + "me/|/ro" + "ot/|/Us" + r"ers/\w|/wo" + "rk/|[A-Z]:\\\\Us" + "ers")
    named = []
    for path in tracked_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        named += [
            f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
            for number, line in enumerate(text.splitlines(), 1)
            if machine.search(line)
        ]
    assert not named


def test_readme_has_the_two_commands_each_one_line():
    commands = command_lines()
    assert set(commands) == {"first-run", "tests"}
    first, second = commands["first-run"], commands["tests"]
    assert "ecg-nas search --data synthetic --preset quick --out runs/first" in first
    assert second.split(" && ")[-1].startswith(".venv-dev/bin/pytest")
    for command in commands.values():
        parts = command.split(" && ")
        assert parts[0].startswith("python3.11 -m venv ")
        assert " install -c constraints.txt " in parts[1]
        assert subprocess.run(["bash", "-n", "-c", command], check=False).returncode == 0


def test_readme_commands_name_commands_and_options_that_exist():
    import click

    from ecg_nas.cli import main

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL))
    calls = re.findall(r"(?:^|/bin/)ecg-nas (.*)$", blocks, flags=re.MULTILINE)
    assert len(calls) >= 5
    context = click.Context(main)
    for call in calls:
        name, *words = call.split()
        command = main.get_command(context, name)
        assert command is not None, f"no command {name!r} in {call!r}"
        known = {option for param in command.params for option in param.opts}
        assert {word for word in words if word.startswith("--")} <= known, call


def test_every_dependency_says_where_it_is_used_and_is_pinned():
    lines = (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    pinned = {
        line.partition("==")[0]
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if "==" in line
    }
    extras = PROJECT["optional-dependencies"]
    for requirement in PROJECT["dependencies"] + [r for rs in extras.values() for r in rs]:
        [line] = [line for line in lines if f'"{requirement}"' in line]
        comment = line.partition("#")[2]
        assert comment.strip(), f"{requirement} does not say where it is used"
        for named in re.findall(r"[.\w]+(?:/[.\w]*\w)+", comment):
            assert (ROOT / named).exists(), f"{requirement} names {named}, which is not there"
            if named.startswith(PACKAGES):
                assert mentions(ROOT / named, requirement), f"{named} does not use {requirement}"
        assert re.split(r"[<>=!\[]", requirement)[0].lower() in pinned


def test_every_package_that_is_imported_is_declared():
    own = {*PACKAGES, *sys.stdlib_module_names}
    imported = set()
    for path in python_files(*PACKAGES):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add((node.module or "").partition(".")[0])
    extras = PROJECT["optional-dependencies"]
    declared = {
        re.split(r"[<>=!\[]", requirement)[0].replace("-", "_")
        for requirement in PROJECT["dependencies"] + extras["search"]
    }
    assert imported - own <= declared


def test_constraints_fix_one_version_each():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", pin) for pin in pins)
    assert len({pin.partition("==")[0] for pin in pins}) == len(pins)
    assert "torch==2.13.0" in pins  # without a local version: any build of it may serve


def test_ci_runs_the_readme_commands_and_tests_last():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    steps = re.findall(r'^step "([\w ]+)', script, flags=re.MULTILINE)
    assert steps[-2:] == ["Tests", "All passed"]
    assert {"Lint", "Types", "Layers", "First run"} <= set(steps)
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o100


def imported(path: Path) -> set[str]:
    """Name all that a file imports, each also with the names taken from it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for name in found if name.partition(".")[0] in PACKAGES}


def test_a_module_with_an_underscore_is_imported_from_its_own_folder_only():
    wrong = []
    for path in python_files(*PACKAGES):
        here = ".".join(path.relative_to(ROOT).parent.parts)
        for name in imported(path):
            parts = name.split(".")
            wrong += [
                f"{path.relative_to(ROOT)}: {name}"
                for place, part in enumerate(parts)
                if part.startswith("_") and not part.startswith("__")
                if ".".join(parts[:place]) != here
            ]
    assert not wrong


REGISTRIES = {
    "data_prep/io/formats": "FORMAT",
    "data_prep/sources": "SOURCE",
    "data_prep/tasks": "TASK",
    "ecg_nas/methods": "METHOD",
    "ecg_nas/predictor": "PREDICTOR",
    "search_spaces": "SPACE",
}
"""Each folder in which every module is a plug-in but ``base`` and names with an underscore."""


@pytest.mark.parametrize("folder", REGISTRIES)
def test_every_module_of_a_registry_is_a_plug_in_that_imports_no_torch(folder):
    package = folder.replace("/", ".")
    files = {path.stem for path in (ROOT / folder).glob("*.py")}
    plugins = {name for name in files if name != "base" and not name.startswith("_")}
    code = (
        f"import sys, {package} as registry\n"
        "print(*registry.available())\n"
        "for name in registry.available():\n"
        "    registry.load(name)\n"
        "assert not {'torch', 'torch_geometric', 'pydantic', 'click'} & set(sys.modules)"
    )
    environment = {name: value for name, value in os.environ.items() if name != "ECG_NAS_PLUGINS"}
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment
    )
    assert ran.returncode == 0, ran.stderr
    assert set(ran.stdout.split()) == {name.replace("_", "-") for name in plugins}
    for name in plugins:
        text = (ROOT / folder / f"{name}.py").read_text(encoding="utf-8")
        assert f"\n{REGISTRIES[folder]} = " in text
