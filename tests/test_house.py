"""How the house is laid out: rooms, names and sizes that no linter checks."""

import ast
import statistics
from collections import defaultdict
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("data_prep", "search_spaces", "ecg_nas")

# The same thing in its room.
SHARED_NAMES = {"base", "config", "errors"}
# A command and the room that does it.
COMMANDS = {path.stem for path in (ROOT / "ecg_nas" / "cli").glob("*.py")}
# The table of a benchmark and its space, a format or source of one kind of file.
PLUG_INS = {
    path.stem
    for folder in ("search_spaces", "data_prep/sources", "data_prep/io/formats", "data_prep/tasks")
    for path in (ROOT / folder).glob("*.py")
}


def modules() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def trees() -> dict[Path, ast.Module]:
    return {
        path.relative_to(ROOT): ast.parse(path.read_text(encoding="utf-8")) for path in modules()
    }


def functions(tree: ast.Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    # The body alone: a docstring may be as long as the contract needs.
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    own = bool(positional) and positional[0].arg in ("self", "cls")
    return len(positional) + len(arguments.kwonlyargs) - own


def test_a_folder_holds_at_most_fourteen_modules():
    rooms = defaultdict(int)
    for path in modules():
        if path.name != "__init__.py" and path.parent != ROOT / "ecg_nas" / "cli":
            rooms[str(path.parent.relative_to(ROOT))] += 1
    assert not {room: n for room, n in rooms.items() if n > 14}


def test_a_file_name_occurs_once_unless_it_is_the_same_thing_in_its_room():
    named = defaultdict(list)
    for path in modules():
        if path.stem not in SHARED_NAMES | COMMANDS | PLUG_INS | {"__init__"}:
            named[path.stem].append(str(path.relative_to(ROOT)))
    assert not {name: paths for name, paths in named.items() if len(paths) > 1}


def test_a_module_with_an_underscore_is_imported_from_its_own_folder_only():
    strays = []
    for path, tree in trees().items():
        here = ".".join(path.parent.parts)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for alias in node.names:
                    parts = f"{node.module}.{alias.name}".split(".")
                    strays += [
                        f"{path}: {'.'.join(parts)}"
                        for index, part in enumerate(parts)
                        if part.startswith("_")
                        and (ROOT / Path(*parts[: index + 1])).with_suffix(".py").exists()
                        and ".".join(parts[:index]) != here
                    ]
    assert not strays


def test_functions_are_short_and_take_few_parameters():
    bodies = [body_lines(function) for tree in trees().values() for function in functions(tree)]
    assert statistics.median(bodies) <= 7
    many = [
        f"{path}:{function.name} ({parameters(function)})"
        for path, tree in trees().items()
        if path.parts[:2] != ("ecg_nas", "cli")
        for function in functions(tree)
        if parameters(function) > 8
    ]
    assert len(many) <= 4, many


@pytest.mark.parametrize("package", PACKAGES)
def test_no_modules_import_each_other_in_a_circle(package):
    graph = grimp.build_graph(package, exclude_type_checking_imports=True)
    # Depth first; a module met again on the way is on a circle.
    done: set[str] = set()

    def circle(module: str, way: list[str]) -> list[str] | None:
        if module in way:
            return [*way[way.index(module) :], module]
        if module in done:
            return None
        for imported in sorted(graph.find_modules_directly_imported_by(module)):
            if found := circle(imported, [*way, module]):
                return found
        done.add(module)
        return None

    for module in sorted(graph.modules):
        assert circle(module, []) is None
