"""Which code a result was made with: a digest that comments and docstrings do not change."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import io
import sys
import tokenize
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

_OURS = ("ecg_nas", "search_spaces")


@lru_cache
def digest(*modules: str) -> str:
    """Return 16 hex digits over ``modules`` and all that they import of these packages.

    Imports inside functions count. Equal digests mean equal code; different ones that something
    was changed, which need not have changed a result.
    """
    found: dict[str, str] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        path = None if name in found else _path(name)
        if path is not None:
            source = path.read_text(encoding="utf-8")
            tree = ast.parse(source)
            found[name] = "\n".join(_code(source, tree))
            waiting += _imported(tree)
    text = "\x1f".join(f"{name}\x1e{code}" for name, code in sorted(found.items()))
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _path(module: str) -> Path | None:
    """Return where the source of ``module`` is; ``None`` for other packages and for no module."""
    package, *parts = module.split(".")
    spec = importlib.util.find_spec(package) if package in _OURS else None
    if spec is None or spec.origin is None:
        return None
    # Not find_spec(module), which imports what stands above it: torch, perhaps.
    place = Path(spec.origin).parent.joinpath(*parts)
    found = [place / "__init__.py", place.with_suffix(".py")]
    # A registry, once imported, knows in which other folders its plug-ins lie.
    above = sys.modules.get(module.rpartition(".")[0])
    found += [Path(folder, f"{place.name}.py") for folder in getattr(above, "__path__", ())]
    return next((path for path in found if path.is_file()), None)


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _code(source: str, tree: ast.Module) -> Iterator[str]:
    """Yield the lines of ``source`` without what only explains.

    Lines rather than a dump of ``tree``, which differs between versions of Python.
    """
    said: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            said.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    ends = {
        token.start[0]: token.start[1]
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    for number, line in enumerate(source.splitlines(), 1):
        code = line[: ends.get(number)].rstrip()
        if code and number not in said:
            yield code
