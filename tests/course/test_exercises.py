"""Running all cells of a notebook leaves a reader's answers as they are; without its exercises it lacks nothing."""

import ast

import nbformat
import pytest

from asl_lib.course.notebooks import is_exercise
from tests.conftest import ROOT
from tests.notebooks.wrong_answers import answers_of, find_faults

NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))


def cells_of(notebook, tag):
    """Return the syntax tree of each code cell with a tag."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code" and tag in cell.metadata.get("tags", [])]
    return [ast.parse(cell.source) for cell in cells]


def bound(statements, guarded=frozenset()):
    """Yield each name that statements bind outside functions, and the names that `is ...` was asked about before."""
    for node in statements:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name, guarded
            continue
        for inner in ast.iter_child_nodes(node):
            if isinstance(inner, ast.expr):
                yield from ((name.id, guarded) for name in ast.walk(inner) if is_target(name))
        asked = {compare.left.id for compare in ast.walk(getattr(node, "test", node)) if asks(compare)}
        inside = guarded | asked if isinstance(node, ast.If) else guarded
        yield from bound(getattr(node, "body", []), inside)
        yield from bound(getattr(node, "orelse", []), guarded)


def is_target(node):
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


def asks(node):
    """Return whether an expression is `name is ...`."""
    return (
        isinstance(node, ast.Compare)
        and isinstance(node.left, ast.Name)
        and isinstance(node.ops[0], ast.Is)
        and isinstance(node.comparators[0], ast.Constant)
        and node.comparators[0].value is ...
    )


def overwritten(notebook):
    """Return the names of answers that a solution binds without asking whether they are still `...`."""
    answers = {
        target.id
        for cell in cells_of(notebook, "exercise")
        for node in cell.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and node.value.value is ...
        for target in node.targets
    }
    bindings = [binding for cell in cells_of(notebook, "solution") for binding in bound(cell.body)]
    return sorted({name for name, guarded in bindings if name in answers and name not in guarded})


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_solution_takes_the_place_of_a_reader_s_answer(path):
    assert overwritten(nbformat.read(path, as_version=4)) == []


@pytest.mark.parametrize(
    ("solution", "found"),
    [
        ("if a is ... and b is ...:\n    a, b = 1, 2", []),
        ("if a is ...:\n    a, b = 1, 2", ["b"]),
        ("a = b = 1", ["a", "b"]),
        ("if a is ...:\n    for a in range(2):\n        b = a", ["b"]),
        ("def a():\n    b = 1\nif b is ...:\n    b = a", ["a"]),
        ("if a is ...:\n    pass\nelse:\n    a = 1\nif b is ...:\n    with c() as b:\n        pass", ["a"]),
    ],
)
def test_a_solution_that_overwrites_an_answer_is_named(solution, found):
    def cell(source, tag):
        return nbformat.v4.new_code_cell(source, metadata={"tags": [tag]})

    notebook = nbformat.v4.new_notebook(cells=[cell("a = ...\nb = ...", "exercise"), cell(solution, "solution")])
    assert overwritten(notebook) == found


FUNCTIONS = ast.FunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom
COMPREHENSIONS = ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


def names_of(node):
    """Yield the names that a cell binds for the cells after it."""
    for inner in ast.iter_child_nodes(node):
        if isinstance(inner, ast.FunctionDef | ast.ClassDef):
            yield inner.name
        elif not isinstance(inner, COMPREHENSIONS):
            if isinstance(inner, ast.alias):
                yield (inner.asname or inner.name).partition(".")[0]
            elif is_target(inner):
                yield inner.id
            yield from names_of(inner)


def dependence(notebook):
    """Return the names that the cells of exercises give to others, and the functions whose names they take."""
    theirs, ours, functions = set(), set(), set()
    given, taken = set(), set()
    for cell in (cell for cell in notebook.cells if cell.cell_type == "code"):
        tree = ast.parse("\n".join(line for line in cell.source.splitlines() if not line.startswith(("%", "!"))))
        names = set(names_of(tree))
        if is_exercise(cell):
            theirs |= names - ours
            taken |= names & functions
        else:
            ours |= names
            used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
            given |= used & (theirs - ours)
            functions |= {
                name for part in tree.body if isinstance(part, FUNCTIONS) for name in names_of(ast.Module([part]))
            }
    return sorted(given), sorted(taken)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_neither_needs_its_exercises_nor_loses_a_function_to_them(path):
    assert dependence(nbformat.read(path, as_version=4)) == ([], [])


@pytest.mark.parametrize(
    ("exercise", "after", "found"),
    [
        ("a = 1", "a", (["a"], [])),
        ("a = 1", "a = 2\nprint(a)", ([], [])),
        ("[a for a in range(2)]", "a", ([], [])),
        ("for row, b in []:\n    pass", "print([b])", (["b"], ["row"])),
        ("import c.d\nimport math as np", "def f():\n    return c", (["c"], ["np"])),
    ],
)
def test_functions_lost_without_or_to_exercises_are_named(exercise, after, found):
    cell = nbformat.v4.new_code_cell
    cells = ["import numpy as np\ndef row():\n    pass", exercise, after]
    notebook = nbformat.v4.new_notebook(cells=[cell(source) for source in cells])
    notebook.cells[1].metadata["tags"] = ["check"]
    assert dependence(notebook) == found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_check_first_asks_for_an_answer(path):
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if "check" in cell.metadata.get("tags", [])]
    assert not [cell.id for cell in cells if not answers_of(cell.source)]


ASKED = 'assert a is not ..., "Give a first."\n'


@pytest.mark.parametrize(
    ("check", "found"),
    [
        (
            f'{ASKED}assert isinstance(a, int), "A whole number, please."\nassert a == 3, "It should be 3."',
            "",
        ),
        (ASKED, "a = None is accepted."),
        (f'{ASKED}assert isinstance(a, int), "A whole number, please."', "a = 4 is accepted."),
        (f'{ASKED}assert a + 1 == 4, "It should be 3, and 1 more 4."', "a = None ends in TypeError"),
        (f"{ASKED}assert isinstance(a, int) and a == 3", "a = None is refused without a word."),
    ],
)
def test_a_check_that_accepts_a_wrong_answer_or_ends_in_a_traceback_is_named(check, found):
    """`make test-notebooks` asks this of every check, with what its notebook has computed."""
    faults = find_faults(check, answers_of(check), {"a": 3})
    assert found in "\n".join(faults)
    assert bool(faults) == bool(found)
