"""Which runs become stale when the library changes."""

import shutil

import pytest

from asl_lib.course import notebooks
from asl_lib.course.fingerprint import code_hash
from asl_lib.course.notebooks import Run, find_notebooks
from tests.conftest import ROOT

VALUES = {"run": "demo"}


@pytest.fixture
def stale(tmp_path, monkeypatch):
    """Return a function that adds to files in a copy of the library, and names the runs that this makes stale."""
    copy = tmp_path / "changed" / "asl_lib"
    shutil.copytree(ROOT / "asl_lib", copy, ignore=shutil.ignore_patterns("__pycache__"))

    def keys(values, folder):
        monkeypatch.setattr(notebooks, "PACKAGE", folder)
        return {book.name: Run(book, values).key for book in find_notebooks(ROOT / "notebooks")}

    def change(text, *names, **values):
        for name in names:
            path = copy / name
            assert path.is_file(), f"asl_lib has no {name}"
            path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")
        before, after = (keys({**VALUES, **values}, folder) for folder in (ROOT / "asl_lib", copy))
        return {book[:2] for book in before if before[book] != after[book]}

    return change


COMMENT, CODE = '\n\n# A comment.\n"""A docstring."""\n', "\nCHANGED = 1\n"


def test_a_comment_or_a_docstring_makes_nothing_stale(stale):
    assert stale(COMMENT, "plots/style.py", "features/recipe.py", "models/lstm.py", "data/registry.py") == set()


def test_a_changed_plot_makes_no_training_stale(stale):
    assert stale(CODE, "plots/style.py") <= {"11", "12", "13"}


def test_a_changed_recipe_makes_every_training_on_landmarks_stale(stale):
    assert stale(CODE, "features/recipe.py") >= {"03", "04", "05", "06", "07", "09"}


@pytest.mark.parametrize(("name", "book"), [("lstm", "05"), ("tcn", "06"), ("transformer", "07"), ("i3d", "10")])
def test_a_changed_model_makes_only_its_own_notebook_stale(stale, name, book):
    assert book in stale(CODE, f"models/{name}.py") <= {book, "12"}


def test_a_changed_data_set_makes_only_runs_on_it_stale(stale):
    assert stale(CODE, "data/sets/lsa64.py") == set()
    assert {"01", "02", "05"} <= stale("", dataset="lsa64")


def test_a_changed_lexicon_of_the_demo_makes_its_clips_stale(stale):
    assert "01" in stale("\n# a sign more\n", "data/demo/lexicon.yaml")


def test_the_command_line_and_the_live_page_make_nothing_stale(stale):
    assert stale(CODE, "course/cli.py") == set()


@pytest.mark.parametrize("source", ["import asl_lib\nasl_lib.fit()", "from asl_lib import fit"])
def test_public_names_are_resolved_to_their_modules(source):
    assert code_hash(source) == code_hash("from asl_lib.training.fit import fit")
    assert code_hash(source) != code_hash("from asl_lib import read_clips")
