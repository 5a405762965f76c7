"""The rooms of `asl_lib`: imports run one way, without circles, and names are plain technical English."""

import ast
import re
import subprocess
from functools import cache

import pytest

from tests.conftest import ROOT

PACKAGE = ROOT / "asl_lib"
ROOMS = ("_util", "data", "landmarks", "features", "models", "training", "evaluation", "plots", "live", "course")
"""A module imports from its own room and from rooms to the left of it."""
EXPENSIVE = {
    "tensorflow", "keras", "tcn", "mediapipe", "sklearn", "scipy", "matplotlib", "seaborn", "distributed", "dask",
    "kagglehub", "nbconvert", "nbformat", "nbgrader", "papermill", "pose_format.utils",
}  # fmt: skip
"""Packages whose import takes half a second or more: functions may import them when they are needed."""
COMMANDS = "asl_lib.course.cli"
"""Its functions import the rooms that they use: all of them together take seconds, and `asl --help` less than one."""


@cache
def modules():
    """Return the syntax tree of every module of the package, by name."""
    trees = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        trees[name] = ast.parse(path.read_text(encoding="utf-8"))
    return trees


def imports_of(tree):
    """Yield (line, imported module) of each import of `asl_lib`, those in functions and for type checkers included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the room"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield node.lineno, inner if inner in modules() else node.module


def room_of(module):
    return module.split(".")[1] if module.count(".") else ""


def arrows():
    """Yield (module, line, imported module) of each import from one module of the package into another."""
    for name, tree in modules().items():
        for line, imported in imports_of(tree):
            if imported.partition(".")[0] == "asl_lib" and imported != name:
                yield name, line, imported


def test_the_package_contains_exactly_its_ten_subpackages():
    entries = {path.name for path in PACKAGE.iterdir() if path.name != "__pycache__"}
    assert entries == {*ROOMS, "__init__.py"}


def is_above(module, other):
    return ROOMS.index(room_of(module)) > ROOMS.index(room_of(other))


def test_imports_between_subpackages_run_one_way():
    wrong = [
        f"{module}, line {line}: {imported}"
        for module, line, imported in arrows()
        if module != "asl_lib"
        and (imported == "asl_lib" or ROOMS.index(room_of(imported)) > ROOMS.index(room_of(module)))
    ]
    assert not wrong, "\n".join(wrong)


def circles():
    """Return the groups of modules that import each other in a circle."""
    reached = {name: set() for name in modules()}
    for module, _, imported in arrows():
        reached[module].add(imported)
    while True:
        more = {name: set().union(found, *(reached[inner] for inner in found)) for name, found in reached.items()}
        if more == reached:
            break
        reached = more
    return {frozenset(other for other in reached[name] if name in reached[other]) for name in reached} - {frozenset()}


def test_no_modules_import_each_other_in_a_circle():
    assert circles() == set()


def test_the_import_graph_has_at_most_nine_levels():
    below = {room: set() for room in ROOMS}
    for module, _, imported in arrows():
        if module != "asl_lib" and room_of(module) != room_of(imported):
            below[room_of(module)].add(room_of(imported))
    floors = {}
    for room in ROOMS:
        floors[room] = 1 + max((floors.get(lower, 0) for lower in below[room]), default=0)
    assert max(floors.values()) <= 9, floors


def imported_by(node):
    """Return the modules that an import statement imports."""
    return [node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]


def takes_long(module):
    """Return whether the import of a module takes long: it is expensive, or imports such a module at its top."""
    body = getattr(modules().get(module), "body", [])
    body = [*body, *(inner for node in body if isinstance(node, ast.With) for inner in node.body)]
    tops = [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = [module, *(name for node in tops for name in imported_by(node))]
    return any(f"{name}.".startswith(f"{package}.") for name in names for package in EXPENSIVE)


def test_functions_import_only_slow_packages():
    wrong = []
    for name, tree in modules().items():
        functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
        statements = {id(node): node for function in functions for node in ast.walk(function)}
        for node in statements.values():
            if isinstance(node, ast.Import | ast.ImportFrom) and name != COMMANDS:
                wrong += [
                    f"{name}, line {node.lineno}: {inner}" for inner in imported_by(node) if not takes_long(inner)
                ]
    assert not wrong, "\n".join(wrong)


def exceptions():
    """Return the exception classes of the package, with their modules."""
    found = {}
    for name, tree in modules().items():
        for node in ast.walk(tree):
            bases = [ast.unparse(base).rpartition(".")[2] for base in getattr(node, "bases", [])]
            if any(re.search(r"(Error|Exception|Interrupt|Exit|Warning)$", base) for base in bases):
                found[node.name] = name
    return found


def test_there_are_at_most_eight_exception_classes():
    assert len(exceptions()) <= 8, exceptions()


# The words stand here in two parts: a search of the repository finds none of them in this file.
WORDS = [
    r"\b(Page|_)?Look" + r"er\b", r"\b_?look" + r"er\b", r"\bBoo" + r"th\b", r"\bSig" + r"ned\(", r"\bSa" + r"id\(",
    r"\bCa" + r"lm\b", r"\bjud" + r"ge\(", r"\bEY" + r"E\b", r"settle_" + r"eye", r"\bwhole_" + r"file\b",
    r"as unfin" + r"ished\b", r"in_even_" + r"time", r"somebody nobody " + r"wrote down", r"\"\"\"Say " + r"whether",
    r"Mend " + r"the", r"who comes " + r"when", r"What can be " + r"had",
]  # fmt: skip
WORDS_OF_CODE = [r"\bsa" + r"y: Callable", r"\bsa" + r"y\(", r"\bsa" + r"y="]
SEARCHED = ("asl_lib", "benchmarks", "docs", "notebooks", "params", "scripts", "tests", "*.md", "Makefile")


def search(word, *places):
    """Return the lines of the repository with a word, shortened; the changelog tells what was."""
    command = ["git", "grep", "-n", "-I", "--untracked", "-P", word, "--", *places, ":!CHANGELOG.md"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return "\n".join(line[:160] for line in done.stdout.splitlines())


@pytest.mark.parametrize("word", WORDS)
def test_no_replaced_name_is_left(word):
    assert not search(word, *SEARCHED)


@pytest.mark.parametrize("word", WORDS_OF_CODE)
def test_status_messages_are_logged(word):
    assert not search(word, "*.py")
