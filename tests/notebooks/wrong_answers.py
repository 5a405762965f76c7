"""A plugin for nbval: after each check of an exercise, the same check with wrong answers, in the same kernel.

`make test-notebooks` has executed all that a check needs, the solution's right answer included. Each answer is then
replaced by wrong ones, of wrong types and nearly right: the check must refuse every one in words, without a traceback.
"""

import ast
import inspect
from collections import defaultdict

import nbformat


def pytest_collection_modifyitems(items):
    """Insert a test behind each check cell of an executed notebook."""
    for item in [item for item in items if "check" in tags(item)]:
        if names := answers_of(item.cell.source):
            call = f"faults = find_faults({item.cell.source!r}, {names}, globals())"
            source = [
                inspect.getsource(find_faults),
                call,
                'assert not faults, "\\n".join(faults)',
                "del find_faults, faults",
            ]
            cell = nbformat.v4.new_code_cell("\n".join(source))
            about = {"cell_num": item.cell_num, "cell": cell, "options": defaultdict(bool)}
            test = type(item).from_parent(item.parent, name=f"{item.name}, with wrong answers", **about)
            items.insert(items.index(item) + 1, test)


def tags(item):
    return getattr(item, "cell", {}).get("metadata", {}).get("tags", [])


def answers_of(check):
    """Return the names that a check compares with `...` in its asserts: those of a learner's answers."""
    asserts = [node.test for node in ast.walk(ast.parse(check)) if isinstance(node, ast.Assert)]
    about = [test for test in asserts if any(is_asked(node) for node in ast.walk(test))]
    found = {node.id for test in about for node in ast.walk(test) if isinstance(node, ast.Name)}
    bound = {node.id for test in about for node in ast.walk(test) if isinstance(getattr(node, "ctx", None), ast.Store)}
    return sorted(found - bound - {"all", "any"})


def is_asked(node):
    """Return whether an expression is `... is ...` or `... is not ...`, on its right the three dots themselves."""
    return isinstance(node, ast.Compare) and getattr(node.comparators[0], "value", None) is ...


def find_faults(check, names, space):
    """Return a sentence for each wrong answer that a check accepts, or that ends it with anything but its own words.

    Args:
        check: the source of the check's cell.
        names: of the answers; in `space` they are right.
        space: what the notebook's cells have defined.
    """
    import contextlib
    import io
    from numbers import Real

    import numpy as np
    import pandas as pd

    def wrong_answers(right):
        """Yield what is wrong for any question, then what is nearly right."""
        yield from (..., None, "some text", [], pd.Series([1.0, 2.0]), np.array(["a", "b"]), lambda *_, **__: None)
        if isinstance(right, Real):
            yield from (right + 1, -right - 1) if isinstance(right, int) else (right + 0.1 * abs(right) + 0.1, np.nan)
        elif isinstance(right, np.ndarray):
            yield from (right[:-1], np.roll(right, 1, axis=0))
        elif isinstance(right, list | tuple):
            yield right[:-1]
        elif isinstance(right, dict | pd.Series):
            yield from ({}, dict.fromkeys(right.keys(), "some text"))
        elif isinstance(right, pd.DataFrame):
            yield right.iloc[:-1]

    faults = []
    for name in names:
        for wrong in wrong_answers(space[name]):
            if type(wrong) is type(space[name]) and repr(wrong) == repr(space[name]):
                continue  # such as an empty list where nothing was to be found
            tried = f"{name} = {repr(wrong)[:80]}"
            try:
                with contextlib.redirect_stdout(io.StringIO()):
                    exec(check, {**space, name: wrong})
                faults.append(f"{tried} is accepted.")
            except AssertionError as error:
                if len(str(error)) < 10:
                    faults.append(f"{tried} is refused without a word.")
            except Exception as error:  # noqa: BLE001, whatever it is, a learner would see it
                faults.append(f"{tried} ends in {type(error).__name__}: {error}")
    return faults
