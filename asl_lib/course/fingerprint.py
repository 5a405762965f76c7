"""Which code of `asl_lib` a notebook's results depend on, as a hash: a training is repeated when that code changes."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent
FOUND_BY_NAME = ("asl_lib.data.sets", "asl_lib.models")
"""Folders of files that registries import by name: each counts only for the runs that use it."""
PLOTS = "asl_lib.plots"
TOP_LEVEL = "asl_lib"
"""It passes on names of its subpackages, and computes nothing."""


def code_hash(source: str, *, modules: Iterable[str] = (), plots: bool = True, package: Path = PACKAGE) -> str:
    """Return a hash of the modules that `source` imports, directly and through each other.

    Comments, docstrings and layout do not count; data files (YAML) beside the modules do.

    Args:
        source: Python code, such as the cells of a notebook.
        modules: modules that `source` uses without an import: a data set's, a model's.
        plots: whether pictures are part of the results. They are not part of a training's.
        package: folder of `asl_lib`.
    """
    left_out = () if plots else (PLOTS,)
    named = (module for module in modules if _path(package, module))
    waiting = {*named, *_imports(ast.parse(source), package)}
    reached: set[str] = set()
    while waiting:
        module = waiting.pop()
        if module in reached or _is_inside(module, *left_out):
            continue
        reached.add(module)
        by_name = () if _is_inside(module, *FOUND_BY_NAME) else FOUND_BY_NAME
        waiting |= {imported for imported in _imports_of(package, module) if not _is_inside(imported, *by_name)}
    data = {path for module in reached for path in _found(package, module).parent.glob("*.yaml")}
    digests = [f"{module} {_digest(package, module)}" for module in sorted(reached)]
    digests += [f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in sorted(data)]
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def _is_inside(module: str, *folders: str) -> bool:
    return any(module == folder or module.startswith(f"{folder}.") for folder in folders)


def _path(package: Path, module: str) -> Path | None:
    """Return the file of a module of `asl_lib`, or None where it is no module."""
    first, *rest = module.split(".")
    if first != "asl_lib":
        return None
    path = package.joinpath(*rest)
    candidates = (path.parent / f"{path.name}.py", path / "__init__.py")
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def _found(package: Path, module: str) -> Path:
    path = _path(package, module)
    if path is None:
        raise ValueError(f"asl_lib has no module {module}.")
    return path


@cache
def _parse(package: Path, module: str) -> ast.Module:
    """Return the syntax tree of a module without its docstrings, those of attributes included."""
    tree = ast.parse(_found(package, module).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(body := getattr(node, "body", None), list):
            node.body = [line for line in body if not _is_text(line)]  # type: ignore[attr-defined]
    return tree


def _is_text(statement: ast.AST) -> bool:
    value = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


@cache
def _digest(package: Path, module: str) -> str:
    return hashlib.sha256(ast.dump(_parse(package, module)).encode()).hexdigest()


@cache
def _imports_of(package: Path, module: str) -> frozenset[str]:
    return frozenset(_imports(_parse(package, module), package))


def _imports(tree: ast.AST, package: Path) -> Iterator[str]:
    """Yield the modules of `asl_lib` that a tree imports anywhere but for type checkers."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name != TOP_LEVEL and _path(package, alias.name))
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == TOP_LEVEL:
            yield _source_of(package, TOP_LEVEL, node.attr)
        elif isinstance(node, ast.ImportFrom) and _path(package, node.module or ""):
            yield from (_source_of(package, node.module or "", alias.name) for alias in node.names)
        else:
            yield from _imports(node, package)


def _source_of(package: Path, module: str, name: str) -> str:
    """Return the module that `from module import name` takes the name from: a package may only pass it on."""
    if _path(package, f"{module}.{name}"):
        return f"{module}.{name}"
    if _found(package, module).name == "__init__.py":
        for node in ast.walk(_parse(package, module)):
            if isinstance(node, ast.ImportFrom) and name in [alias.asname or alias.name for alias in node.names]:
                return _source_of(package, node.module or "", name)
    return module
