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
    """Return a function that changes a file in a copy of the library, and names the runs that this makes stale."""

    def keys(values, folder):
        monkeypatch.setattr(notebooks, "PACKAGE", folder)
        return {book.name: Run(book, values).key("") for book in find_notebooks(ROOT / "notebooks")}

    def change(name, text, **values):
        values = {**VALUES, **values}
        changed = tmp_path / "changed" / "asl_lib"
        shutil.copytree(ROOT / "asl_lib", changed, ignore=shutil.ignore_patterns("__pycache__"))
        path = changed / name
        assert path.is_file(), f"asl_lib has no {name}"
        path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")
        before, after = keys(values, ROOT / "asl_lib"), keys(values, changed)
        return {book[:2] for book in before if before[book] != after[book]}

    return change


@pytest.mark.parametrize("name", ["plots/style.py", "features/recipe.py", "models/lstm.py", "data/registry.py"])
def test_a_comment_or_a_docstring_makes_nothing_stale(stale, name):
    assert stale(name, '\n\n# A comment.\n"""A docstring."""\n') == set()


def test_a_changed_plot_makes_no_training_stale(stale):
    assert stale("plots/style.py", "\nCHANGED = 1\n") <= {"11", "12", "13"}


def test_a_changed_recipe_makes_every_training_on_landmarks_stale(stale):
    assert stale("features/recipe.py", "\nCHANGED = 1\n") >= {"03", "04", "05", "06", "07", "09"}


@pytest.mark.parametrize(("name", "book"), [("lstm", "05"), ("tcn", "06"), ("transformer", "07"), ("i3d", "10")])
def test_a_changed_model_makes_only_its_own_notebook_stale(stale, name, book):
    assert book in stale(f"models/{name}.py", "\nCHANGED = 1\n") <= {book, "12"}


def test_a_changed_data_set_makes_only_runs_on_it_stale(stale):
    assert stale("data/sets/lsa64.py", "\nCHANGED = 1\n") == set()


def test_a_changed_data_set_makes_runs_on_it_stale(stale):
    assert {"01", "02", "05"} <= stale("data/sets/lsa64.py", "\nCHANGED = 1\n", dataset="lsa64")


def test_a_changed_lexicon_of_the_demo_makes_its_clips_stale(stale):
    assert "01" in stale("data/demo/lexicon.yaml", "\n# a sign more\n")


def test_the_command_line_and_the_live_page_make_nothing_stale(stale):
    assert stale("course/cli.py", "\nCHANGED = 1\n") == set()


@pytest.mark.parametrize("source", ["import asl_lib\nasl_lib.fit()", "from asl_lib import fit"])
def test_names_of_the_face_stand_for_the_modules_that_they_come_from(source):
    assert code_hash(source) == code_hash("from asl_lib.training.fit import fit")
    assert code_hash(source) != code_hash("from asl_lib import read_clips")
