"""A stored output that another execution does not give is found."""

from types import SimpleNamespace

import nbformat
import pytest

from asl_lib.course.notebooks import BatchError
from scripts import check_notebooks


def stored(folder, name, output):
    """Return a run of a notebook that prints 2, and has stored an output."""
    cell = nbformat.v4.new_code_cell("# NBVAL_CHECK_OUTPUT\nprint(1 + 1)", execution_count=1)
    cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=output)]
    notebook = nbformat.v4.new_notebook(cells=[cell])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, folder / f"{name}.ipynb")
    return SimpleNamespace(notebook=SimpleNamespace(path=folder / f"{name}.ipynb", name=name))


def test_a_stored_output_that_the_cell_does_not_give_fails_and_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(check_notebooks, "FOLDER", tmp_path)
    check_notebooks.check(stored(tmp_path, "05_right", "2\n"))
    with pytest.raises(BatchError, match=r"(?s)06_wrong\.ipynb.*outputs differ.*'3"):
        check_notebooks.check(stored(tmp_path, "06_wrong", "3\n"))
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("05_right: 1 passed in ")
    assert second.startswith("06_wrong: FAILED after ")
    assert "1 passed" in (tmp_path / "05_right.txt").read_text()
