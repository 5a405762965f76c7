"""A stored output that another execution does not give is found, and so is a failure of what runs beside it."""

import shlex
import sys
from types import SimpleNamespace

import nbformat
import pytest

from asl_lib.course.notebooks import BatchError
from scripts import check_notebooks
from tests.conftest import wait_until


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


@pytest.mark.parametrize(("status", "failures"), [(0, []), (3, []), (0, ["06_tcn"]), (3, ["06_tcn"])])
def test_the_check_fails_where_a_notebook_or_the_command_beside_it_fails(tmp_path, monkeypatch, status, failures):
    monkeypatch.setattr(check_notebooks, "FOLDER", tmp_path)
    monkeypatch.setattr(check_notebooks, "cores", lambda: 4)
    monkeypatch.setattr(check_notebooks, "planned_runs", lambda values, notebooks: [])

    def in_order(runs, do, *, busy):
        wait_until(lambda: busy() == 0)  # the command ends
        return list(failures)

    monkeypatch.setattr(check_notebooks, "in_order", in_order)
    command = shlex.join([sys.executable, "-c", f"raise SystemExit({status})"])
    monkeypatch.setattr("sys.argv", ["check_notebooks", "--beside", command])
    if not status and not failures:
        check_notebooks.main()
        return
    with pytest.raises(SystemExit) as ended:
        check_notebooks.main()
    assert ("06_tcn" in str(ended.value)) == bool(failures)
    assert ("its exit status is 3" in str(ended.value)) == bool(status)
