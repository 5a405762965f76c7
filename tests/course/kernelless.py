"""Executes notebooks of a few cells as papermill does, without a kernel: one takes five seconds to start.

`python -m tests.course.kernelless` takes the arguments of the program that executes a notebook.
"""

import json
import subprocess
import sys
import traceback

import nbformat

from asl_lib.course.notebooks import EXECUTE

run_program = subprocess.run


def execute(source, output, parameters):
    """Execute the cells of `source` with `parameters`, write it to `output`; return what papermill says of an error."""
    notebook, variables, error = nbformat.read(source, as_version=4), {}, ""
    for cell in (cell for cell in notebook.cells if cell.cell_type == "code"):
        try:
            exec(cell.source, variables)
        except Exception:  # noqa: BLE001  (a cell may raise anything)
            error = f"Exception encountered at a cell:\n{traceback.format_exc()}"
            break
        if "parameters" in cell.metadata.get("tags", []):
            variables.update(parameters)
    nbformat.write(notebook, output)
    return error


def run_without_kernel(command, **options):
    """Stand for `subprocess.run`."""
    if EXECUTE not in command:
        return run_program(command, **options)
    source, output, values, _ = command[3:]
    error = execute(source, output, json.loads(values))
    return subprocess.CompletedProcess(command, int(bool(error)), "", error)


if __name__ == "__main__":
    sys.exit(run_without_kernel([sys.executable, "-c", EXECUTE, *sys.argv[1:]]).stderr or None)
